"""Pictures that a model should not judge, found by their distance to those it was trained on.

A classifier that learnt two kinds of picture puts everything else into one of the two, often with
great certainty. Its features tell more: a Gaussian is laid around those of the training pictures,
and what lies far outside, by the Mahalanobis distance (Lee et al., 2018, arXiv:1807.03888), is
refused.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.covariance import LedoitWolf

Features = torch.Tensor | np.ndarray


@dataclass(frozen=True, eq=False)
class Familiar:
    """What features look like on pictures of the known kind.

    Attributes:
        gaussian: mean and covariance, shrunk towards round (Ledoit and Wolf, 2004).
        limit: largest distance that is accepted.
    """

    gaussian: LedoitWolf
    limit: float

    def distance(self, features: Features) -> np.ndarray:
        """How far features lie from the known ones, in standard deviations of their direction.

        Args:
            features: N x D.

        Returns:
            N, from 0 on; some sqrt(D) for a picture of the known kind.

        Raises:
            ValueError: another D, or values that are not finite.
        """
        features = _table(features)
        wanted = len(self.gaussian.location_)
        if features.shape[1] != wanted:
            raise ValueError(f"these need {wanted} features each, got {features.shape[1]}")
        if len(features) == 0:
            return np.empty(0)
        return np.sqrt(self.gaussian.mahalanobis(features))

    def accepts(self, features: Features) -> np.ndarray:
        """Whether features lie within the limit: N bool."""
        return self.distance(features) <= self.limit


def fit_familiar(train: Features, valid: Features, *, refuse: float = 0.01) -> Familiar:
    """Learn what is familiar, and choose the limit on other pictures of the known kind.

    Args:
        train: N x D features that the Gaussian is laid around.
        valid: M x D of other pictures of the known kind; those of `train` lie nearer than new ones
            do, and would give too strict a limit.
        refuse: share of the known kind that may be refused, in (0, 1).

    Returns:
        The Gaussian and the limit.

    Raises:
        ValueError: no rows, one row to train on, columns that differ, values that are not finite,
            `refuse` out of range, or too few rows in `valid` to find that share.

    Example:
        >>> known = np.random.default_rng(0).normal(size=(700, 3))
        >>> familiar = fit_familiar(known[:500], known[500:])
        >>> familiar.accepts(np.array([[0.5, -1.0, 1.0], [9.0, 0.0, 0.0]]))
        array([ True, False])
    """
    if not 0 < refuse < 1:
        raise ValueError(f"refuse is a share in (0, 1), got {refuse}")
    train, valid = _table(train), _table(valid)
    if len(train) < 2 or len(valid) < 1 / refuse:
        raise ValueError(
            f"at least 2 pictures to train on and {int(np.ceil(1 / refuse))} to find a share of "
            f"{refuse} are needed, got {len(train)} and {len(valid)}"
        )
    gaussian = LedoitWolf().fit(train)
    limit = np.quantile(Familiar(gaussian, np.inf).distance(valid), 1 - refuse)
    return Familiar(gaussian, float(limit))


def _table(features: Features) -> np.ndarray:
    if isinstance(features, torch.Tensor):
        features = features.detach().cpu()
    features = np.asarray(features, float)
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"features are N x D, got shape {features.shape}; flatten maps first")
    if not np.isfinite(features).all():
        raise ValueError(f"features must be finite, {(~np.isfinite(features)).sum()} are not")
    return features
