"""How near generated pictures come to real ones, and whether any kind of picture is missing.

All scores compare features, N x D, such as the last hidden layer of a classifier: distances between
pixels say little about pictures.

- Fréchet distance: Heusel et al., 2017, arXiv:1706.08500 (FID, with the features of Inception).
- Precision and recall: Kynkäänniemi et al., 2019, arXiv:1904.06991.
- Density and coverage: Naeem et al., 2020, arXiv:2002.09797.
"""

import math
from typing import NamedTuple

import torch


class Overlap(NamedTuple):
    """How two clouds of features overlap. Around each point lies a ball to its k-th neighbour.

    Attributes:
        precision: share of generated pictures in the ball of any real one: are they plausible?
        recall: share of real pictures in the ball of any generated one: is the variety there?
        density: real balls that a generated picture lies in, divided by k; some 1 for equal clouds.
        coverage: share of real balls that hold a generated picture.
    """

    precision: float
    recall: float
    density: float
    coverage: float


class Census(NamedTuple):
    """Which classes generated pictures fall into.

    Attributes:
        counts: (K,) int64, pictures of each class.
        present: number of classes with at least the share that was asked for.
        entropy: of the shares, in bits: log2(K) when all are equal, 0 when there is one class.
    """

    counts: torch.Tensor
    present: int
    entropy: float


def frechet_distance(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Distance between the Gaussians with the means and covariances of two clouds.

    The squared distance of the means plus trace(S + T - 2 (S T)^(1/2)) of the covariances S and T,
    in the squared unit of the features. Few samples overrate it: compare it with the distance
    between two sets of real pictures of the same numbers.

    Args:
        real: N x D features, N at least 2.
        generated: M x D features, M at least 2.

    Returns:
        0 for equal means and covariances, and above otherwise.

    Raises:
        TypeError: features that are not floating-point.
        ValueError: other shapes, too few rows, or values that are not finite.

    Example:
        >>> cloud = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
        >>> round(frechet_distance(cloud, cloud + 3), 3), round(frechet_distance(cloud, cloud), 3)
        (36.0, 0.0)
    """
    real, generated = _checked(real, generated, least=2)
    mean, other_mean = real.mean(dim=0), generated.mean(dim=0)
    spread, other_spread = (_covariance(cloud) for cloud in (real, generated))
    # trace((S T)^(1/2)) is that of the symmetric (S^(1/2) T S^(1/2))^(1/2).
    values, vectors = torch.linalg.eigh(spread)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ other_spread @ root).clamp(min=0).sqrt().sum()
    moved = (mean - other_mean).square().sum()
    distance = moved + spread.trace() + other_spread.trace() - 2 * shared
    return max(0.0, distance.item())  # rounding may leave it just below


def overlap(real: torch.Tensor, generated: torch.Tensor, *, neighbours: int = 5) -> Overlap:
    """Precision, recall, density and coverage of generated pictures.

    Args:
        real: N x D features.
        generated: M x D features; recall compares best at M = N.
        neighbours: k, at least 1 and below N and M.

    Raises:
        TypeError: features that are not floating-point.
        ValueError: other shapes, values that are not finite, or k out of its range.

    Example:
        >>> cloud = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        >>> overlap(cloud, cloud + 100)
        Overlap(precision=0.0, recall=0.0, density=0.0, coverage=0.0)
    """
    real, generated = _checked(real, generated, least=1)
    if not 1 <= neighbours < min(len(real), len(generated)):
        raise ValueError(
            f"neighbours must lie from 1 to below the number of pictures, got {neighbours} for "
            f"{len(real)} real and {len(generated)} generated ones"
        )
    distances = torch.cdist(real, generated, compute_mode="donot_use_mm_for_euclid_dist")
    in_real = distances <= _radii(real, neighbours)[:, None]  # (N, M): row's ball holds column
    in_generated = distances <= _radii(generated, neighbours)  # (N, M): column's ball holds row
    return Overlap(
        precision=in_real.any(dim=0).double().mean().item(),
        recall=in_generated.any(dim=1).double().mean().item(),
        density=in_real.sum(dim=0).double().mean().item() / neighbours,
        coverage=in_real.any(dim=1).double().mean().item(),
    )


def census(labels: torch.Tensor, classes: int, *, least_share: float = 0.01) -> Census:
    """Count the classes of generated pictures, as a classifier names them.

    Args:
        labels: (N,) integers from 0 to classes - 1.
        classes: how many there could be.
        least_share: share of the pictures from which on a class counts as present.

    Raises:
        TypeError: labels that are not integers.
        ValueError: no labels, another shape, labels out of range, or a share outside [0, 1].

    Example:
        >>> census(torch.tensor([0, 0, 3, 3]), 4)
        Census(counts=tensor([2, 0, 0, 2]), present=2, entropy=1.0)
    """
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise TypeError(f"labels are integers, got {labels.dtype}; take the argmax of logits first")
    if labels.ndim != 1 or not len(labels):
        raise ValueError(f"labels must be (N,) with N at least 1, got {tuple(labels.shape)}")
    if classes < 1 or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels of {classes} classes lie from 0 to {classes - 1}, got {labels.min()} to "
            f"{labels.max()}"
        )
    if not 0 <= least_share <= 1:
        raise ValueError(f"the least share lies in [0, 1], got {least_share}")
    counts = torch.bincount(labels.cpu(), minlength=classes)
    shares = counts.double() / len(labels)
    entropy = -torch.xlogy(shares, shares).sum().item() / math.log(2)
    present = int(((counts > 0) & (shares >= least_share)).sum())
    return Census(counts, present, max(0.0, entropy))


def _covariance(cloud: torch.Tensor) -> torch.Tensor:
    away = cloud - cloud.mean(dim=0)
    return away.T @ away / (len(cloud) - 1)


def _radii(cloud: torch.Tensor, neighbours: int) -> torch.Tensor:
    """Distance of each point to its k-th neighbour, (N,)."""
    distances = torch.cdist(cloud, cloud, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.kthvalue(neighbours + 1, dim=1).values  # the nearest is the point itself


def _checked(
    real: torch.Tensor, generated: torch.Tensor, *, least: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both clouds in double precision."""
    for name, cloud in (("real", real), ("generated", generated)):
        if not cloud.is_floating_point():
            raise TypeError(f"the {name} features must be floating-point, got {cloud.dtype}")
        if cloud.ndim != 2 or len(cloud) < least or not cloud.shape[1]:
            raise ValueError(
                f"the {name} features must be N x D with N at least {least}, got "
                f"{tuple(cloud.shape)}"
            )
        if not cloud.isfinite().all():
            raise ValueError(f"the {name} features must be finite, some are NaN or infinite")
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"both clouds need the same features, got {real.shape[1]} and {generated.shape[1]} "
            "columns; describe them with the same network"
        )
    return real.double(), generated.double()
