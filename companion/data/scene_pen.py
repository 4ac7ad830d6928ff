"""Convex polygons in a box of unit size, of which things are made.

A vertex is (across, deep, up): across from -0.5 at the left to 0.5 at the right, deep from 0 at the
end near the camera to 1 at the far end, up from 0 at the ground to 1. Polygons stand in the order
in which they are painted. Only what the camera can see is there: the near end and one side.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

END, LEFT, RIGHT, TOP, SELF = range(5)
"""Which way a polygon faces, for its brightness; SELF shines by itself."""

BODY, TRIM, GLASS, TYRE, HUB, RED, WHITE, PLATE, SKIN, SECOND, DARK, AMBER, POLE = range(13)
"""What a polygon is made of, for its colour."""


class Shape(NamedTuple):
    """Polygons of one thing, painted in order.

    Attributes:
        vertices: (V, 3) across, deep, up of all polygons.
        starts: (P,) first vertex of each polygon.
        ends: (P,) the vertex after its last.
        material: (P,) numbers of materials.
        facing: (P,) which way each polygon faces.
        solid: (P,) bool, whether a polygon belongs to the outline, or lies on others.
        fineness: (P,) height of the thing in pixels from which on a polygon is worth drawing.
        corners: (P, 4) four vertices of each polygon, far apart.
    """

    vertices: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    material: np.ndarray
    facing: np.ndarray
    solid: np.ndarray
    fineness: np.ndarray
    corners: np.ndarray


class Pen:
    """Collects polygons."""

    def __init__(self, side: int = 0, turned: bool = False):
        self.polygons: list[tuple[np.ndarray, int, int, bool, float]] = []
        self.side, self.turned = side, turned

    def add(
        self,
        vertices: ArrayLike,
        material: int,
        facing: int = END,
        *,
        solid: bool = True,
        fine: float = 0,
    ) -> None:
        """A polygon of (across, deep, up) vertices."""
        self.polygons.append((np.array(vertices, float), material, facing, solid, fine))

    def end(
        self,
        a0: float,
        a1: float,
        h0: float,
        h1: float,
        material: int,
        *,
        deep: float = 0.0,
        **options: Any,
    ) -> None:
        """A rectangle that faces the camera."""
        corners = [(a0, deep, h0), (a1, deep, h0), (a1, deep, h1), (a0, deep, h1)]
        self.add(corners, material, options.pop("facing", END), **options)

    def flank(
        self,
        profile: np.ndarray | Iterable[tuple[float, float]],
        material: int,
        *,
        across: float = 0.5,
        **options: Any,
    ) -> None:
        """A polygon on the side that can be seen, of (from the rear, up) vertices."""
        if self.side:
            facing = RIGHT if self.side > 0 else LEFT
            outline = [(self.side * across, 1 - s if self.turned else s, h) for s, h in profile]
            self.add(outline, material, options.pop("facing", facing), **options)

    def wheels(self, places: Iterable[float], radius_deep: float, radius_up: float) -> None:
        """Wheels on the side that can be seen."""
        angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
        for place in places:
            for share, material in ((1.0, TYRE), (0.55, HUB)):
                circle = np.stack(
                    [
                        place + share * radius_deep * np.cos(angles),
                        radius_up * (1 + share * np.sin(angles)),
                    ],
                    axis=1,
                )
                self.flank(circle, material, solid=share == 1, fine=7 if share == 1 else 22)

    def disc(
        self,
        across: float,
        up: float,
        radius_across: float,
        radius_up: float,
        material: int,
        *,
        corners: int = 12,
        **options: Any,
    ) -> None:
        """An ellipse that faces the camera."""
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + np.pi / corners
        rim = np.stack(
            [
                across + radius_across * np.cos(angles),
                np.full(corners, options.pop("deep", 0.0)),
                up + radius_up * np.sin(angles),
            ],
            axis=1,
        )
        self.add(rim, material, options.pop("facing", END), **options)

    def shape(self) -> Shape:
        """All polygons so far, as arrays that cannot be changed."""
        vertices, material, facing, solid, fine = zip(*self.polygons, strict=True)
        ends = np.cumsum([len(polygon) for polygon in vertices])
        starts = np.append(0, ends[:-1])
        corners = np.linspace(starts, ends - 1, 4, axis=1).astype(int)
        form = Shape(
            np.concatenate(vertices),
            starts,
            ends,
            np.array(material),
            np.array(facing),
            np.array(solid),
            np.array(fine),
            corners,
        )
        for part in form:
            part.flags.writeable = False  # shapes are kept and shared
        return form
