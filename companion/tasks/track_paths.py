"""Tracks as paths: where each thing went, how fast, how large it is, and where a street is used.

Input are the tracks of every picture, as `companion.tasks.tracking.track` gives them; all results
are in pixels, because a single camera knows no metres.

    ways = paths(tracks, shortest=8)
    speeds = [way.speed(rate=30.0) for way in ways]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import theilslopes


class Tracked(Protocol):
    """What is tracked in one picture: boxes (m, 4) x1, y1, x2, y2 and identities (m,)."""

    @property
    def boxes(self) -> np.ndarray:
        """(m, 4), x1, y1, x2, y2 in pixels."""

    @property
    def identities(self) -> np.ndarray:
        """(m,), one number for each thing."""


@dataclass(frozen=True)
class Path:
    """The way of one thing.

    Attributes:
        identity: its number.
        pictures: (n,) int64, ascending: the numbers of the pictures in which it is seen, from 0.
        points: (n, 2) float64, x and y of the middle of its box, in pixels.
        sizes: (n, 2) float64, width and height of its box, in pixels.
    """

    identity: int
    pictures: np.ndarray
    points: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def way(self) -> np.ndarray:
        """(2,) x and y from the first to the last point, in pixels."""
        return self.points[-1] - self.points[0]

    @property
    def heading(self) -> float:
        """Direction from first to last point, degrees from 0 to 360: 0 right, 90 down the image."""
        x, y = self.way
        return float(np.degrees(np.arctan2(y, x)) % 360)

    @property
    def side(self) -> float:
        """Median over the pictures of the box's mean side, the root of its area, in pixels."""
        return float(np.median(np.sqrt(self.sizes.prod(axis=1))))

    def speed(self, rate: float, *, span: int = 15) -> np.ndarray:
        """Speeds on the way.

        Args:
            rate: pictures per second.
            span: the way is measured over so many entries, which evens out the boxes' jitter.

        Returns:
            (n - span,) float64, pixels per second between each entry and the one `span` later;
            empty where the path is shorter.

        Raises:
            ValueError: rate not above 0, or span below 1.
        """
        if rate <= 0 or span < 1:
            raise ValueError(f"rate is above 0 and span at least 1, got {rate} and {span}")
        if len(self) <= span:
            return np.zeros(0)
        way = np.linalg.norm(self.points[span:] - self.points[:-span], axis=1)
        return way / (self.pictures[span:] - self.pictures[:-span]) * rate


def paths(tracks: Sequence[Tracked], *, shortest: int = 1) -> list[Path]:
    """Turn tracks by picture into one path for each thing.

    Args:
        tracks: one entry per picture.
        shortest: paths that are seen in fewer pictures are left out.

    Returns:
        Paths by identity; none where nothing is tracked.

    Raises:
        ValueError: `shortest` below 1, or an identity that stands twice in a picture.
    """
    if shortest < 1:
        raise ValueError(f"a path has at least 1 picture, got shortest={shortest}")
    counts = [len(entry.identities) for entry in tracks]
    if not sum(counts):
        return []
    pictures = np.repeat(np.arange(len(tracks)), counts)
    identities = np.concatenate([entry.identities for entry in tracks])
    boxes = np.concatenate([np.reshape(entry.boxes, (-1, 4)) for entry in tracks])
    order = np.lexsort((pictures, identities))
    pictures, identities, boxes = pictures[order], identities[order], boxes[order]
    twice = (np.diff(pictures) == 0) & (np.diff(identities) == 0)
    if twice.any():
        raise ValueError(f"picture {pictures[1:][twice][0]}: an identity stands there twice")
    points, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    names, starts = np.unique(identities, return_index=True)
    ends = np.append(starts[1:], len(identities))
    return [
        Path(int(name), pictures[a:b], points[a:b], sizes[a:b])
        for name, a, b in zip(names, starts, ends, strict=True)
        if b - a >= shortest
    ]


def heat_map(ways: Iterable[Path], size: tuple[int, int], *, cell: int = 8) -> np.ndarray:
    """How many different things pass through each place.

    Things are counted, not pictures, so that one that stands for long counts once.

    Args:
        ways: the paths.
        size: height and width of the picture, in pixels.
        cell: side of a place, in pixels.

    Returns:
        (ceil(height / cell), ceil(width / cell)) int64. Points outside of the picture are left out.

    Raises:
        ValueError: size or cell below 1.
    """
    if min(*size, cell) < 1:
        raise ValueError(f"size and cell are at least 1, got {size} and {cell}")
    rows, columns = -(-size[0] // cell), -(-size[1] // cell)
    used = np.zeros((rows, columns), np.int64)
    for way in ways:
        column, row = np.floor(_dense(way.points, cell) / cell).astype(int).T
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        used.ravel()[np.unique(row[inside] * columns + column[inside])] += 1
    return used


def _dense(points: np.ndarray, cell: int) -> np.ndarray:
    """Points on the same way, at most half a cell apart."""
    if len(points) < 2:
        return points
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    position = np.append(0, np.cumsum(steps))
    even = np.linspace(0, position[-1], int(np.ceil(2 * position[-1] / cell)) + 1)
    return np.column_stack([np.interp(even, position, points[:, axis]) for axis in (0, 1)])


@dataclass(frozen=True)
class CarSize:
    """How large a car looks where, for a camera that looks down at a slant: the lower, the nearer.

    Attributes:
        base: side of a car's box at the upper edge, in pixels: the root of the box's area.
        slope: by how much it grows with every pixel down the picture.
    """

    base: float
    slope: float

    @staticmethod
    def fit(cars: Sequence[Path]) -> "CarSize":
        """The line through sizes and places of things that are known to be cars.

        Each thing counts once, with its median side at its median height in the picture. The line
        is that of Theil and Sen, with the median of all slopes, which a few lorries do not bend.

        Raises:
            ValueError: fewer than 3 cars, or all at one height.
        """
        heights = np.array([np.median(car.points[:, 1]) for car in cars])
        if len(cars) < 3 or np.ptp(heights) == 0:
            raise ValueError(
                f"a size by height needs at least 3 cars at different heights, got {len(cars)}"
            )
        slope, base, _, _ = theilslopes([car.side for car in cars], heights)
        return CarSize(float(base), float(slope))

    def relative(self, way: Path) -> float:
        """Size of a thing in cars that stand where it is: the median over its pictures."""
        sides = np.sqrt(way.sizes.prod(axis=1))
        return float(np.median(sides / (self.base + self.slope * way.points[:, 1])))
