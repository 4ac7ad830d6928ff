"""A pinhole camera on a road that may bend.

Places are given in metres: lateral (to the right), along (ahead, along the road) and up. A point at
depth `z` ahead of the camera stands at column `w/2 + f x / z` and row `horizon + f (eye - up) / z`,
with `f` the focal length in pixels and `x` the distance to the right of the camera. A bend moves a
point at depth `z` sideways by `curve z^2 / 2`, the first term of a circle's arc.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A forward camera behind the windscreen.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        view: angle of view from left to right, degrees.
        lateral: where it is, metres to the right of the left edge of its own carriageway.
        along: where it is along the road, metres.
        eye: height above the road, metres.
        horizon: row of the horizon, as a share of the height from the top.
        near: nothing nearer than this is drawn, metres.

    Raises:
        ValueError: a size below 16 pixels, an angle outside (0, 180), or an eye not above ground.

    Example:
        >>> camera = Camera(width=128, height=128, view=90)
        >>> camera.focal
        64.0
        >>> u, v, depth = camera.project(np.array([2.0]), np.array([16.0]), np.array([1.4]))
        >>> u.item(), v.item(), depth.item()
        (72.0, 57.6, 16.0)
    """

    width: int = 128
    height: int = 128
    view: float = 60.0
    lateral: float = 0.0
    along: float = 0.0
    eye: float = 1.4
    horizon: float = 0.45
    near: float = 0.8

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 16:
            raise ValueError(
                f"a picture needs at least 16 x 16 pixels, got {self.width} x {self.height}"
            )
        if not 0 < self.view < 180:
            raise ValueError(f"the angle of view lies in (0, 180) degrees, got {self.view}")
        if not (self.eye > 0 and self.near > 0 and 0 <= self.horizon <= 1):
            raise ValueError(
                f"eye and near are positive metres and the horizon a share of the height, got "
                f"{self.eye}, {self.near} and {self.horizon}"
            )

    @property
    def focal(self) -> float:
        """Focal length, pixels."""
        return round(self.width / 2 / math.tan(math.radians(self.view) / 2), 9)

    @property
    def skyline(self) -> float:
        """Row of the horizon, pixels from the top."""
        return self.horizon * self.height

    def project(
        self, lateral: np.ndarray, along: np.ndarray, up: np.ndarray, curve: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bring points of the world into the picture.

        Points nearer than `near`, or behind the camera, are treated as if they were at `near`.

        Args:
            lateral: metres to the right of the carriageway's left edge.
            along: metres along the road.
            up: metres above the road.
            curve: of the road, 1 / metres; positive bends to the right.

        Returns:
            Column and row in pixels (the corner of the picture is 0, 0) and depth in metres.
        """
        return Views.of([self], [curve]).take(0).project(lateral, along, up)


class Views(NamedTuple):
    """Cameras and the bends of their roads as columns: (n,), or of any shape that points have.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        focal: focal length, pixels.
        skyline: row of the horizon, pixels.
        lateral: place of the camera, metres.
        along: likewise.
        eye: likewise.
        near: nothing nearer than this is drawn, metres.
        curve: of the road, 1 / metres.
    """

    width: np.ndarray
    height: np.ndarray
    focal: np.ndarray
    skyline: np.ndarray
    lateral: np.ndarray
    along: np.ndarray
    eye: np.ndarray
    near: np.ndarray
    curve: np.ndarray

    @classmethod
    def of(cls, cameras: Sequence[Camera], curves: Sequence[float]) -> "Views":
        """One row for each camera."""
        rows = [
            (c.width, c.height, c.focal, c.skyline, c.lateral, c.along, c.eye, c.near, curve)
            for c, curve in zip(cameras, curves, strict=True)
        ]
        return cls(*np.array(rows, float).reshape(-1, len(cls._fields)).T)

    def take(self, rows: np.ndarray | int) -> "Views":
        """The rows wanted, in the shape in which their numbers are given."""
        return Views(*(column[rows] for column in self))

    def project(
        self, lateral: np.ndarray, along: np.ndarray, up: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Camera.project`, each point with its own camera."""
        depth = np.maximum(along - self.along, self.near)
        scale = self.focal / depth
        u = self.width / 2 + (lateral - self.lateral + self.curve / 2 * depth**2) * scale
        v = self.skyline + (self.eye - up) * scale
        return u, v, depth
