"""One Gaussian for each place of a part (Defard et al., 2021, arXiv:2011.08785: PaDiM).

At every place the descriptions of good parts get a mean and a covariance. How far a new part lies
from them there is its Mahalanobis distance. Parts must be photographed alike: a place is a place of
the picture. The published method keeps 100 channels, chosen at random, of a larger network; here
all are kept.
"""

from dataclasses import dataclass

import torch

RIDGE = 0.01
"""Added to every variance, as published: fewer parts than channels leave directions without any."""


@dataclass(frozen=True, eq=False)
class PlaceGaussians:
    """What good parts look like at each place.

    Attributes:
        mean: rows x columns x D.
        factor: rows x columns x D x D, lower triangle L with L L^T = covariance.
    """

    mean: torch.Tensor
    factor: torch.Tensor

    def distances(self, patches: torch.Tensor) -> torch.Tensor:
        """How far each place lies from the good parts' there, in standard deviations.

        Args:
            patches: N x rows x columns x D, as `inspection.describe` gives them.

        Returns:
            N x rows x columns, from 0 on; some sqrt(D) for good parts.

        Raises:
            ValueError: another number of rows, columns or channels.
        """
        if patches.shape[1:] != self.mean.shape:
            raise ValueError(
                f"these Gaussians need patches N x {' x '.join(map(str, self.mean.shape))}, got "
                f"{tuple(patches.shape)}; describe the parts at the size that was learnt"
            )
        away = (patches - self.mean).permute(1, 2, 3, 0)  # (rows, columns, D, N)
        white = torch.linalg.solve_triangular(self.factor, away, upper=False)
        return white.square().sum(dim=2).sqrt().permute(2, 0, 1)


def fit_gaussians(patches: torch.Tensor, *, ridge: float = RIDGE) -> PlaceGaussians:
    """Learn the Gaussians of good parts.

    Args:
        patches: N x rows x columns x D, of N good parts.
        ridge: added to each variance, above 0.

    Returns:
        One Gaussian for each place, where the patches are.

    Raises:
        ValueError: another shape, fewer than two parts, values that are not finite, or a ridge of
            0 or less.

    Example:
        >>> patches = torch.randn(50, 4, 4, 3, generator=torch.Generator().manual_seed(0))
        >>> fit_gaussians(patches).distances(patches).square().mean() < 3
        tensor(True)
    """
    if patches.ndim != 4 or len(patches) < 2:
        raise ValueError(
            f"patches are N x rows x columns x D with N of at least 2, got {tuple(patches.shape)}"
        )
    if not ridge > 0:
        raise ValueError(f"the ridge is added to variances and lies above 0, got {ridge}")
    if not patches.isfinite().all():
        raise ValueError("patches must be finite, some are NaN or infinite")
    mean = patches.mean(dim=0)
    away = (patches - mean).permute(1, 2, 3, 0)  # (rows, columns, D, N)
    covariance = away @ away.mT / (len(patches) - 1)
    covariance.diagonal(dim1=-2, dim2=-1).add_(ridge)
    return PlaceGaussians(mean, torch.linalg.cholesky(covariance))
