"""What can be done to a picture before it is recognised, and what its pixels tell of the scene."""

from collections.abc import Callable

import torch
from torch.nn import functional

from companion.tasks.drifting_scenes import check_images, gaussian_blur

Setting = Callable[[torch.Tensor], torch.Tensor]
"""Takes and gives grey images N x 1 x H x W in [0, 1]."""


def gamma(images: torch.Tensor, exponent: float) -> torch.Tensor:
    """Raise values to a power: below 1 brightens, above 1 darkens."""
    return images**exponent


def equalise(images: torch.Tensor) -> torch.Tensor:
    """Make all grey values of an image equally frequent: each pixel becomes its rank.

    Pixels of one value get their mean rank, so the image keeps its areas of one grey.
    """
    flat = images.flatten(1)
    ordered = flat.sort(dim=1).values
    below = torch.searchsorted(ordered, flat.contiguous())
    up_to = torch.searchsorted(ordered, flat.contiguous(), right=True)
    return ((below + up_to - 1) / 2 / max(flat.shape[1] - 1, 1)).view_as(images).to(images)


def median(images: torch.Tensor) -> torch.Tensor:
    """Put the median of 3 x 3 pixels in place of each; pixels beyond the edge repeat it."""
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    return padded.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4).median(dim=-1).values


def halve(images: torch.Tensor) -> torch.Tensor:
    """Shrink to half the height and width by means of 2 x 2 pixels, and enlarge again."""
    small = functional.avg_pool2d(images, 2, ceil_mode=True)
    return functional.interpolate(
        small, size=images.shape[-2:], mode="bilinear", align_corners=False
    )


def sharpen(images: torch.Tensor, *, strength: float = 3.0, sigma: float = 1.5) -> torch.Tensor:
    """Add what a blur takes away, `strength` times (unsharp masking)."""
    return (images + strength * (images - gaussian_blur(images, sigma))).clamp(0, 1)


def stretch(images: torch.Tensor) -> torch.Tensor:
    """Move the 2 % darkest pixels of an image to 0 and the 2 % brightest to 1."""
    low, high = images.flatten(1).quantile(torch.tensor([0.02, 0.98]).to(images), dim=1)
    span = (high - low).clamp(min=1 / 255)
    return ((images - low.view(-1, 1, 1, 1)) / span.view(-1, 1, 1, 1)).clamp(0, 1)


SETTINGS: dict[str, Setting] = {
    "as it is": lambda images: images,
    "brighten": lambda images: gamma(images, 0.4),
    "darken": lambda images: gamma(images, 2.0),
    "darken more": lambda images: gamma(images, 4.0),
    "equalise": equalise,
    "median": median,
    "halve": halve,
    "sharpen": sharpen,
}
"""The menu that an agent chooses from, by name."""

STATISTICS = (
    *("mean", "deviation", "quantile 2 %", "quantile 25 %", "median", "quantile 75 %"),
    *("quantile 98 %", "edges", "specks"),
)
"""Names of what `describe` measures."""


def describe(images: torch.Tensor) -> torch.Tensor:
    """Measure what the pixels tell of the scene, without knowing it.

    "edges" is the mean difference from the blurred image, which blur makes small; "specks" the mean
    difference from the median of 3 x 3 pixels, which noise makes large.

    Args:
        images: N x 1 x H x W in [0, 1].

    Returns:
        N x 9, each in [0, 1], in the order of `STATISTICS`.

    Raises:
        ValueError: no images, or another shape.

    Example:
        >>> [round(value, 4) for value in describe(torch.full((1, 1, 8, 8), 0.5))[0].tolist()]
        [0.5, 0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]
    """
    check_images(images)
    flat = images.flatten(1)
    levels = torch.tensor([0.02, 0.25, 0.5, 0.75, 0.98]).to(images)
    edges = (images - gaussian_blur(images, 1.0)).abs().mean(dim=(1, 2, 3))
    specks = (images - median(images)).abs().mean(dim=(1, 2, 3))
    moments = [flat.mean(dim=1), flat.std(dim=1, correction=0)]
    return torch.stack([*moments, *flat.quantile(levels, dim=1), edges, specks], dim=1)
