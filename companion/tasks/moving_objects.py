"""Boxes of what moves before a fixed camera, apart from its shadow and from its neighbour.

A changed pixel belongs to a thing or to its shadow, and in grey pictures a dark car looks like a
shadow. But shadows are cast: they lie beside something, all on the same side. So what is lighter
than the ground is taken as things, its shadows are foretold, and what is darker than the ground and
not foretold is a dark thing with the shadow that it casts itself.

    model = RunningMedian(pictures[::10])
    found = find(picture, model, View(shadow=(1, -0.2), travel=(3, 6)))
    found.boxes                              # (n, 4) x1, y1, x2, y2
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from companion.tasks.background import RunningMedian

RIM = np.ones((9, 5), np.uint8)
"""What a foretold shadow is widened by: 2 pixels to the sides, 4 up and down."""


@dataclass(frozen=True)
class View:
    """What a person sets once for a camera, and for the time of day.

    Attributes:
        shadow: x, y of where a thing's shadow ends, seen from the thing and in units of its size,
            the root of its area; (0, 0) where the light casts none.
        travel: x, y of a step along the way that most traffic takes, in pixels. Light parts that
            lie up to twice so far apart along the way are one vehicle, bonnet and roof with a dark
            windscreen between; across it they are two. (0, 0) joins nothing.
        least: smallest area of a thing, in pixels.
        light: a pixel is lighter than the ground from so many times its grey value on.
        dark: a pixel is darker up to so many times.

    Raises:
        ValueError: an area below 1, or not 0 < dark < light.
    """

    shadow: tuple[float, float] = (0.0, 0.0)
    travel: tuple[float, float] = (0.0, 0.0)
    least: int = 30
    light: float = 1.02
    dark: float = 0.85

    def __post_init__(self) -> None:
        if self.least < 1 or not 0 < self.dark < self.light:
            raise ValueError(
                f"least is at least 1 and 0 < dark < light, got {self.least}, {self.dark} and "
                f"{self.light}"
            )


@dataclass(frozen=True)
class Objects:
    """What moves in one picture.

    Attributes:
        boxes: (n, 4) float64, x1, y1, x2, y2 in pixels.
        areas: (n,) int64, pixels within the outline, holes included.
        dark: (n,) bool, whether it is darker than the ground; its box then holds its shadow, too.
        outlines: n of (k, 2) int32, x and y of the outermost pixels, in the order of a walk around.
    """

    boxes: np.ndarray
    areas: np.ndarray
    dark: np.ndarray
    outlines: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.boxes)


def find(picture: np.ndarray, background: RunningMedian, view: View | None = None) -> Objects:
    """Find what moves.

    Args:
        picture: (height, width) uint8, grey.
        background: what stands still; it is not updated.
        view: what is known of camera and light.

    Returns:
        The things, light ones first.

    Raises:
        ValueError: a picture of another size or type than the background.
    """
    view = view or View()
    changed = background.changed(picture)
    lighter = changed & (picture > cv2.convertScaleAbs(background.median, alpha=view.light))
    darker = changed & (picture < cv2.convertScaleAbs(background.median, alpha=view.dark))
    light = cv2.morphologyEx(lighter.view(np.uint8), cv2.MORPH_OPEN, _square(2))
    light = cv2.morphologyEx(light, cv2.MORPH_CLOSE, _line(view.travel, both=True))
    outlines = outlines_of(light, least=view.least)
    darker &= light == 0
    darker &= ~foretold_shadows(outlines, picture.shape, view.shadow)
    dark = cv2.morphologyEx(darker.view(np.uint8), cv2.MORPH_OPEN, _square(3))
    both = outlines + outlines_of(dark, least=view.least)
    boxes = np.array([cv2.boundingRect(outline) for outline in both], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Objects(
        boxes,
        np.array([area(outline) for outline in both], np.int64),
        np.arange(len(both)) >= len(outlines),
        both,
    )


def outlines_of(mask: np.ndarray, *, least: int = 1) -> tuple[np.ndarray, ...]:
    """Walk around the connected parts of a mask; pixels that touch at a corner are connected.

    Args:
        mask: (height, width) uint8, 0 where nothing is.
        least: parts with a smaller area are left out.

    Returns:
        For each part (k, 2) int32, x and y of its outermost pixels. A part that lies in the hole of
        another has none.

    Example:
        >>> mask = np.zeros((5, 6), np.uint8)
        >>> mask[1:4, 2:5] = 1
        >>> outlines_of(mask)[0].tolist()
        [[2, 1], [2, 2], [2, 3], [3, 3], [4, 3], [4, 2], [4, 1], [3, 1]]
    """
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # nothing has more area for the length of its outline than a square, sides (length / 4) + 1
    large = (outline for outline in found if (len(outline) / 4 + 1) ** 2 >= least)
    walks = (outline.reshape(-1, 2) for outline in large)
    return tuple(walk for walk in walks if area(walk) >= least)


def area(outline: np.ndarray) -> int:
    """Pixels within an outline and on it, by Pick's theorem.

    Example:
        >>> walk = [[2, 1], [2, 2], [2, 3], [3, 3], [4, 3], [4, 2], [4, 1], [3, 1]]
        >>> area(np.array(walk, np.int32))
        9
    """
    return int(cv2.contourArea(outline) + len(outline) / 2 + 1)


def foretold_shadows(
    outlines: Sequence[np.ndarray], size: tuple[int, int], reach: tuple[float, float]
) -> np.ndarray:
    """Where the shadows of things must fall.

    It is the convex hull of the thing here and at the shadow's end, as far away as its size says,
    with a rim of 2 pixels to the sides and 4 up and down. So it covers the thing, too, with its
    windows.

    Args:
        outlines: of the things, each (k, 2) int32 x, y.
        size: height and width of the picture.
        reach: x, y in units of a thing's size, the root of its area; (0, 0) where none is cast.

    Returns:
        (height, width) bool.

    Example:
        >>> mask = np.zeros((12, 30), np.uint8)
        >>> mask[4:7, 20:23] = 1
        >>> shadow = foretold_shadows(outlines_of(mask), (12, 30), (-2.0, 0.0))
        >>> np.flatnonzero(shadow[5]).tolist() == list(range(20 - 2 * 3 - 2, 22 + 2 + 1))
        True
    """
    swept = np.zeros(size, np.uint8)
    for outline in outlines:
        side = math.sqrt(area(outline))
        here = cv2.convexHull(outline)  # (k, 1, 2)
        there = here + np.array([round(side * reach[0]), round(side * reach[1])], np.int32)
        cv2.fillConvexPoly(swept, cv2.convexHull(np.concatenate([here, there])), 1)
    return cv2.dilate(swept, RIM).view(bool)


def _square(side: int) -> np.ndarray:
    return np.ones((side, side), np.uint8)


def _line(step: tuple[float, float], *, both: bool = False) -> np.ndarray:
    """A kernel: the straight line from its middle to `step`, or to both sides."""
    x, y = (round(float(value)) for value in step)
    middle = max(abs(x), abs(y))
    kernel = np.zeros((2 * middle + 1, 2 * middle + 1), np.uint8)
    start = (middle - x, middle - y) if both else (middle, middle)
    cv2.line(kernel, start, (middle + x, middle + y), 1)
    return kernel
