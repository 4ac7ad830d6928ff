"""Scenes that drift: night, fog, rain and snow come over a stream of pictures and leave again.

A scene is light, contrast, blur and noise in one; a drift is a Markov chain over scenes. Grey
images are float32 N x 1 x H x W in [0, 1].
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

AIR = 0.8
"""Brightness of fog."""


class Scene(NamedTuple):
    """What lies between an object and the picture of it.

    Attributes:
        light: factor on all values; 1 leaves them.
        contrast: share of the object's light that comes through, from 0 to 1; the rest is fog.
        blur: standard deviation of a Gaussian, pixels.
        noise: share of pixels that a snowflake covers, white, from 0 to 1.
    """

    light: float = 1.0
    contrast: float = 1.0
    blur: float = 0.0
    noise: float = 0.0


SCENES = {
    "clear": Scene(),
    "night 1": Scene(light=0.35),
    "night 2": Scene(light=0.2),
    "night 3": Scene(light=0.1),
    "fog 1": Scene(contrast=0.5),
    "fog 2": Scene(contrast=0.35),
    "fog 3": Scene(contrast=0.2),
    "rain 1": Scene(blur=1.4),
    "rain 2": Scene(blur=1.9),
    "rain 3": Scene(blur=2.4),
    "snow 1": Scene(noise=0.1),
    "snow 2": Scene(noise=0.2),
    "snow 3": Scene(noise=0.3),
}
"""Clear weather, and four kinds of bad weather at three strengths."""

GRAIN = 0.02
"""Standard deviation of the camera's own noise, in every scene."""


def degrade(
    images: torch.Tensor, scene: Scene, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Take pictures of images through a scene.

    Blur, then fog, light, snow and the camera's noise; values are cut to [0, 1], and stored in 256
    steps, as a camera does.

    Args:
        images: N x 1 x H x W in [0, 1].
        scene: what lies between.
        generator: of the noise, on the CPU.

    Raises:
        ValueError: no images, another shape, or a scene out of its ranges.

    Example:
        >>> dark = degrade(torch.ones(1, 1, 16, 16), Scene(light=0.25))
        >>> round(dark.mean().item(), 2)
        0.25
    """
    check_images(images)
    light, contrast, blur, noise = scene
    if not (0 <= light < np.inf and 0 <= contrast <= 1 and 0 <= blur < np.inf and 0 <= noise <= 1):
        raise ValueError(
            f"light and blur are 0 or more, contrast and noise lie in [0, 1], got {Scene(*scene)}"
        )
    seen = gaussian_blur(images, blur)
    seen = (contrast * seen + (1 - contrast) * AIR) * light
    flakes = torch.rand(images.shape, generator=generator).to(images.device) < noise
    grain = torch.randn(images.shape, generator=generator).to(images.device)
    seen = torch.where(flakes, 1.0, seen) + GRAIN * grain
    return (seen.clamp(0, 1) * 255).round() / 255


def gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur with a Gaussian of `sigma` pixels; pixels beyond the edge repeat it."""
    if sigma == 0:
        return images
    # A filter is linear: filtering the unit vectors gives it as a matrix.
    down, across = (
        torch.from_numpy(gaussian_filter1d(np.eye(side), sigma, axis=0, mode="nearest")).to(images)
        for side in images.shape[-2:]
    )
    return down @ images @ across.T


def check_images(images: torch.Tensor) -> None:
    """Raise a ValueError unless there are grey images N x 1 x H x W."""
    if images.ndim != 4 or images.shape[1] != 1 or not images.numel():
        raise ValueError(
            f"grey images are N x 1 x H x W with at least one image, got {tuple(images.shape)}"
        )


class Drift(NamedTuple):
    """A Markov chain over scenes.

    Attributes:
        scenes: name of the scene in each state, D; a scene may stand in several states.
        transition: D x D, probability of the next state (column) after each state (row).
    """

    scenes: tuple[str, ...]
    transition: np.ndarray


def drift(name: str, *, dwell: float = 20.0) -> Drift:
    """Build a drift by its name.

    "weather": from clear, one kind of bad weather gets stronger and weaker by chance, until it is
    clear again. "rounds": the four kinds come and go one after the other, always in the same order.
    "sudden": from any scene to any other. "still": the first scene stays.

    Args:
        name: as above.
        dwell: mean number of frames before a scene changes, at least 1.

    Raises:
        ValueError: no drift has this name, or `dwell` is below 1.

    Example:
        >>> weather = drift("weather")
        >>> len(weather.scenes), weather.transition[0, :2].round(4).tolist()
        (13, [0.8917, 0.0271])
    """
    if not dwell >= 1:
        raise ValueError(f"a scene stays for a mean of at least 1 frame, got dwell {dwell}")
    names = list(SCENES)
    if name == "rounds":
        kinds = [names[first : first + 3] for first in range(1, len(names), 3)]
        names = [scene for kind in kinds for scene in ("clear", *kind, *kind[-2::-1])]
        moves = np.roll(np.eye(len(names)), 1, axis=1)
    elif name == "weather":
        moves = np.zeros((len(names), len(names)))
        for first in range(1, len(names), 3):
            moves[[0, first, first + 1], [first, first + 1, first + 2]] = 1
        moves = moves + moves.T
    elif name == "sudden":
        moves = 1 - np.eye(len(names))
    elif name == "still":
        return Drift(tuple(names), np.eye(len(names)))
    else:
        raise ValueError(f'a drift is "weather", "rounds", "sudden" or "still", got {name!r}')
    moves = moves / moves.sum() * len(moves) / dwell  # as many in the mean over all states
    return Drift(tuple(names), moves + np.diag(1 - moves.sum(axis=1)))
