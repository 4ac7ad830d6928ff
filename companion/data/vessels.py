"""Drawn blood vessels: dark branching lines on a mottled ground, and the mask that is true of them.

They stand in for photographs of the retina on which nobody has drawn. What only looks like a vessel
is drawn as well and left out of the mask: bright and dark spots, and the edge of a bright disc.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.special import expit

SMALLEST = 16
"""Least height and width, in pixels."""


class DrawnVessels(NamedTuple):
    """Drawn pictures and their truth.

    Attributes:
        images: N x 1 x size x size, float32 in [0, 1]; vessels are dark, as in the green channel of
            a photograph of the retina.
        masks: N x 1 x size x size, bool, true in the vessels.
    """

    images: torch.Tensor
    masks: torch.Tensor


def draw_vessels(count: int, *, size: int = 64, generator: np.random.Generator) -> DrawnVessels:
    """Draw pictures of vessels.

    Each has 1 to 5 vessels, 1 to 8 pixels wide and .03 to .25 darker than the ground; every second
    vessel branches from the one before, at an angle and thinner. The ground has slow shades, noise
    of .01 to .05 and up to four spots; every third picture shows the edge of a disc.

    Args:
        count: how many.
        size: height and width, in pixels, at least 16.
        generator: source of randomness.

    Returns:
        Pictures and masks.

    Raises:
        ValueError: `count` below 1 or `size` below 16.

    Example:
        >>> drawn = draw_vessels(3, size=32, generator=np.random.default_rng(0))
        >>> drawn.images.shape, drawn.masks.dtype
        (torch.Size([3, 1, 32, 32]), torch.bool)
    """
    if count < 1 or size < SMALLEST:
        raise ValueError(f"count starts at 1 and size at {SMALLEST}, got {count} and {size}")
    grounds = _grounds(count, size, generator)
    masks = np.zeros((count, size, size), bool)
    for ground, mask in zip(grounds, masks, strict=True):
        if generator.random() < 1 / 3:
            _add_disc(ground, generator)
        for _ in range(generator.integers(0, 5)):
            _add_spot(ground, generator)
        _add_vessels(ground, mask, generator)
    noise = generator.uniform(0.01, 0.05, (count, 1, 1))
    grain = gaussian_filter(generator.normal(size=grounds.shape), (0, 0.6, 0.6))
    images = np.clip(grounds + noise * grain / grain.std(), 0, 1).astype(np.float32)
    return DrawnVessels(torch.from_numpy(images)[:, None], torch.from_numpy(masks)[:, None])


def plant_vessel(
    image: np.ndarray,
    points: np.ndarray,
    *,
    width: float,
    depth: float,
    blur: float = 0.8,
) -> tuple[np.ndarray, np.ndarray]:
    """Darken a line in an image, as a vessel would.

    Args:
        image: (H, W) float in [0, 1].
        points: (P, 2) x, y of the line's corners, in pixels.
        width: of the line, in pixels; odd numbers are met exactly.
        depth: how much darker it is in its middle.
        blur: how wide its soft edges are, in pixels.

    Returns:
        The darker image, and the line's mask, (H, W) bool.
    """
    beyond = np.ones(image.shape, np.uint8)
    corners = np.rint(np.asarray(points)).astype(np.int32)
    cv2.polylines(beyond, [corners], False, 0)
    if beyond.all():  # the line misses the picture
        return image.copy(), np.zeros(image.shape, bool)
    distance = distance_transform_edt(beyond)
    soft = expit((width / 2 - distance) / (blur / 2))
    return (image - depth * soft).clip(0, 1), distance < width / 2


def even_out(images: torch.Tensor, *, sigma: float = 12.0) -> torch.Tensor:
    """Remove slow shades and bring the contrast around each pixel to about 1.

    Drawn pictures and photographs from all cameras look alike after it.

    Args:
        images: N x 1 x H x W, floats in [0, 1].
        sigma: standard deviation of the Gaussian that tells what is around, in pixels; above the
            width of a vessel.

    Returns:
        Float32 of the same shape, zero on average.
    """
    around = (0, 0, sigma, sigma)
    rest = images.numpy() - gaussian_filter(images.numpy(), around)
    contrast = np.sqrt(gaussian_filter(rest**2, around) + 0.01**2)  # .01: flat ground stays flat
    return torch.from_numpy((rest / contrast).astype(np.float32))


def _grounds(count: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Slow shades around a middle grey, (count, size, size)."""
    coarse = generator.normal(size=(count, size, size))
    shades = gaussian_filter(coarse, (0, size / 6, size / 6), mode="wrap")
    fine = gaussian_filter(coarse[:, ::-1], (0, 3, 3), mode="wrap")
    shades = 0.05 * shades / shades.std() + 0.012 * fine / fine.std()
    return generator.uniform(0.4, 0.7, (count, 1, 1)) + shades


def _add_vessels(ground: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> None:
    size = len(ground)
    path, width = None, 0.0
    for number in range(generator.integers(1, 6)):
        if number % 2 and path is not None:
            inside = path[((path > 0) & (path < size)).all(axis=1)]
            start = inside[generator.integers(len(inside))] if len(inside) else path[0]
            width = max(1.0, width * generator.uniform(0.5, 0.8))
        else:
            start = generator.uniform(0, size, 2)
            width = generator.uniform(1, 8)
        path = _path(start, size, generator)
        depth = generator.uniform(0.03, 0.25)
        blur = generator.uniform(0.6, 1.4)
        ground[:], line = plant_vessel(ground, path, width=width, depth=depth, blur=blur)
        mask |= line


def _path(start: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """A line through `start` that bends slowly, across the picture, both ways: (P, 2)."""
    angle = generator.uniform(0, 2 * np.pi)
    sides = []
    for way in (0, np.pi):
        bends = np.cumsum(generator.normal(scale=0.15, size=size // 4))
        steps = 6 * np.stack([np.cos(angle + way + bends), np.sin(angle + way + bends)], axis=1)
        sides.append(start + np.cumsum(steps, axis=0))
    return np.concatenate([sides[0][::-1], start[None], sides[1]])


def _add_spot(ground: np.ndarray, generator: np.random.Generator) -> None:
    size = len(ground)
    rows, columns = np.mgrid[:size, :size]
    row, column = generator.uniform(0, size, 2)
    radius = generator.uniform(1, 5)
    height = generator.uniform(0.05, 0.3) * generator.choice([-1, 1])
    ground += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * radius**2))


def _add_disc(ground: np.ndarray, generator: np.random.Generator) -> None:
    size = len(ground)
    rows, columns = np.mgrid[:size, :size]
    row, column = generator.uniform(-0.5 * size, 1.5 * size, 2)
    radius = generator.uniform(0.4, 1.2) * size
    inside = radius - np.hypot(rows - row, columns - column)
    height = generator.uniform(0.1, 0.35) * generator.choice([-1, 1])
    ground += height / (1 + np.exp(-inside / generator.uniform(1, 4)))
