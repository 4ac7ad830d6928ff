"""What a threshold costs: good parts that are scrapped against bad parts that are shipped.

Shares of mistakes come from parts with known quality; how many bad parts the line really makes, and
what a mistake costs, comes from the factory.
"""

from dataclasses import dataclass

import numpy as np
import torch

Numbers = torch.Tensor | np.ndarray


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Mean cost of a part for every threshold that makes a difference.

    Attributes:
        thresholds: T, ascending; parts at or above are scrapped. The last is infinite: all are
            shipped.
        scrapped: T, share of the good parts that is scrapped.
        shipped: T, share of the bad parts that is shipped.
        costs: T, mean cost of a part of the line.
    """

    thresholds: np.ndarray
    scrapped: np.ndarray
    shipped: np.ndarray
    costs: np.ndarray

    @property
    def cheapest(self) -> float:
        """The threshold with the lowest cost; of several the highest, which scraps least."""
        lowest = np.flatnonzero(self.costs <= self.costs.min() + 1e-12)
        return float(self.thresholds[lowest[-1]])

    def at(self, threshold: float) -> float:
        """Mean cost with this threshold, which may lie between the listed ones.

        Raises:
            ValueError: the threshold is NaN.
        """
        if threshold != threshold:
            raise ValueError("a threshold is a number, got NaN")
        return float(self.costs[np.searchsorted(self.thresholds, threshold)])


def cost_curve(
    scores: Numbers,
    bad: Numbers,
    *,
    scrap: float,
    ship: float,
    bad_share: float | None = None,
) -> CostCurve:
    """Count what every threshold does, and what it costs.

    Args:
        scores: N; the higher, the worse.
        bad: N, 1 or true for bad parts, 0 for good ones.
        scrap: cost of a good part that is scrapped, from 0 on.
        ship: cost of a bad part that is shipped, from 0 on.
        bad_share: share of the line's parts that are bad, in [0, 1]; as among these by default.

    Returns:
        The curve; one threshold for each different score, and infinity.

    Raises:
        ValueError: lengths that differ, scores that are not finite, targets other than 0 and 1,
            only one of the two, negative costs, or a share out of range.

    Example:
        >>> curve = cost_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]),
        ...     scrap=1, ship=10)
        >>> curve.cheapest, curve.at(0.35), curve.at(0.5)
        (0.35, 0.25, 2.5)
    """
    scores, bad = (np.asarray(_on_cpu(each)) for each in (scores, bad))
    if scores.ndim != 1 or bad.shape != scores.shape or not np.isfinite(scores).all():
        raise ValueError(
            f"scores and bad are N each, scores finite, got shapes {scores.shape} and {bad.shape}"
        )
    kinds = set(np.unique(bad).tolist())
    if kinds != {0, 1}:
        raise ValueError(f"both good (0) and bad (1) parts are needed, got {sorted(kinds)[:5]}")
    if not (0 <= scrap < np.inf and 0 <= ship < np.inf):
        raise ValueError(f"costs start at 0 and are finite, got {scrap} and {ship}")
    bad = bad.astype(bool)
    share = float(bad.mean()) if bad_share is None else bad_share
    if not 0 <= share <= 1:
        raise ValueError(f"bad_share is a share in [0, 1], got {bad_share}")
    thresholds = np.append(np.unique(scores.astype(float)), np.inf)
    good_below = np.searchsorted(np.sort(scores[~bad]), thresholds)  # good parts that are shipped
    bad_below = np.searchsorted(np.sort(scores[bad]), thresholds)
    scrapped = 1 - good_below / (~bad).sum()
    shipped = bad_below / bad.sum()
    costs = scrap * (1 - share) * scrapped + ship * share * shipped
    return CostCurve(thresholds, scrapped, shipped, costs)


def _on_cpu(values: Numbers) -> Numbers:
    return values.detach().cpu() if isinstance(values, torch.Tensor) else values
