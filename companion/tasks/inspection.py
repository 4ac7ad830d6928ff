"""Inspection of parts that look alike: which one does not, and where.

    patches = describe(network.maps(images))        # (N, rows, columns, D)
    model = fit_gaussians(patches_of_good_parts)    # inspection_gaussian, or
    model = fit_memory(patches_of_good_parts, ...)  # inspection_memory
    heat = smooth(model.distances(patches))         # (N, rows, columns)
    scores = hottest(heat)                          # (N,)
    limit = limit_for(scores_of_other_good_parts, false_alarms=0.05)

Both models learn from good parts only. Where bad parts are known as well, `inspection_grades`
learns grades of quality, and `inspection_cost` chooses the threshold by what mistakes cost.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional
from torchvision.transforms.v2.functional import gaussian_blur


def describe(maps: Sequence[torch.Tensor], *, neighbourhood: int = 3) -> torch.Tensor:
    """Join feature maps of several depths to one description of each place.

    Each map is averaged over a small neighbourhood, so that a description knows what surrounds it,
    and enlarged to the size of the finest (Roth et al., 2022, arXiv:2106.08265, section 3.1).

    Args:
        maps: of one network and the same N images, N x channels x height x width each.
        neighbourhood: side of the square that is averaged, an odd number of places; 1 for none.

    Returns:
        N x rows x columns x D, where rows and columns are those of the finest map and D is the sum
        of all channels.

    Raises:
        ValueError: no maps, maps of different images, or an even or negative neighbourhood.

    Example:
        >>> describe([torch.zeros(2, 8, 20, 20), torch.zeros(2, 16, 10, 10)]).shape
        torch.Size([2, 20, 20, 24])
    """
    if not maps or any(each.ndim != 4 or len(each) != len(maps[0]) for each in maps):
        shapes = [tuple(each.shape) for each in maps]
        raise ValueError(f"maps are N x channels x height x width of the same N, got {shapes}")
    if neighbourhood < 1 or neighbourhood % 2 == 0:
        raise ValueError(f"a neighbourhood is an odd number of places, got {neighbourhood}")
    size = max((each.shape[2:] for each in maps), key=lambda sides: sides[0] * sides[1])
    joined = []
    for each in maps:
        if neighbourhood > 1:
            each = functional.avg_pool2d(
                each, neighbourhood, 1, neighbourhood // 2, count_include_pad=False
            )
        if each.shape[2:] != size:
            each = functional.interpolate(each, size, mode="bilinear", align_corners=False)
        joined.append(each)
    return torch.cat(joined, dim=1).permute(0, 2, 3, 1).contiguous()


def smooth(heat: torch.Tensor, *, size: int | None = None, sigma: float = 1.0) -> torch.Tensor:
    """Blur heat maps, so that a single odd place weighs less than several side by side.

    Args:
        heat: N x rows x columns, distance of each place from what is usual.
        size: height and width to enlarge them to, to be laid over pictures; as they are by default.
        sigma: of the Gaussian, in places of `heat`; 0 for none.

    Returns:
        N x rows x columns, or N x size x size.

    Raises:
        ValueError: another shape, or a negative sigma.
    """
    heat = _heat(heat)
    if sigma < 0:
        raise ValueError(f"sigma is a number of places from 0 on, got {sigma}")
    if sigma > 0 and len(heat):
        reach = max(1, round(3 * sigma))
        sides = [2 * min(reach, side - 1) + 1 for side in (heat.shape[2], heat.shape[1])]
        heat = gaussian_blur(heat, sides, [sigma, sigma])
    if size is not None and len(heat):
        heat = functional.interpolate(
            heat[:, None], (size, size), mode="bilinear", align_corners=False
        )[:, 0]
    return heat


def hottest(heat: torch.Tensor, *, places: int = 1) -> torch.Tensor:
    """One number for a part: the mean of its hottest places.

    Args:
        heat: N x rows x columns.
        places: how many; 1 for the maximum.

    Returns:
        N scores; the higher, the less usual.

    Raises:
        ValueError: another shape, or fewer places than asked for.

    Example:
        >>> hottest(torch.tensor([[[1.0, 5.0], [3.0, 1.0]]]), places=2)
        tensor([4.])
    """
    heat = _heat(heat).flatten(1)
    if not 1 <= places <= heat.shape[1]:
        raise ValueError(f"places lie between 1 and {heat.shape[1]}, got {places}")
    return heat.topk(places, dim=1).values.mean(dim=1)


def limit_for(scores: torch.Tensor, *, false_alarms: float) -> float:
    """The score from which on a part is called bad, chosen on good parts alone.

    Args:
        scores: N, of good parts that the model has not learnt from.
        false_alarms: share of good parts that may be called bad, in (0, 1).

    Returns:
        The lowest limit for which no larger share of these scores lies at or above it.

    Raises:
        ValueError: too few scores to speak about that share, scores that are not finite, or a share
            out of range.

    Example:
        >>> limit_for(torch.arange(100.0), false_alarms=0.05)
        95.0
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms is a share in (0, 1), got {false_alarms}")
    if scores.ndim != 1 or not scores.isfinite().all():
        raise ValueError(f"scores are N finite numbers, got shape {tuple(scores.shape)}")
    allowed = int(false_alarms * len(scores) + 1e-9)
    if allowed < 1:
        raise ValueError(
            f"{len(scores)} good parts cannot show a share of {false_alarms}; at least "
            f"{int(-(-1 // false_alarms))} are needed"
        )
    ordered = scores.double().sort(descending=True).values
    limit = ordered[allowed - 1]
    if (ordered >= limit).sum() > allowed:  # several parts share this score: step above it
        higher = ordered[ordered > limit]
        limit = higher[-1] if len(higher) else torch.nextafter(limit, limit + 1)
    return float(limit)


def _heat(heat: torch.Tensor) -> torch.Tensor:
    if heat.ndim != 3 or 0 in heat.shape[1:]:
        raise ValueError(f"heat is N x rows x columns, got {tuple(heat.shape)}")
    return heat
