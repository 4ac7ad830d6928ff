"""Convex polygons in a box of unit size, of which things are made.

A vertex is (across, deep, up): across from -0.5 at the left to 0.5 at the right, deep from 0 at the
end near the camera to 1 at the far end, up from 0 at the ground to 1. Polygons stand in the order
in which they are painted. Only what the camera can see is there: the near end and one side.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

END, LEFT, RIGHT, TOP, SELF = range(5)
"""Which way a polygon faces, for its brightness; SELF shines by itself."""

BODY, TRIM, GLASS, TYRE, HUB, RED, WHITE, PLATE, SKIN, SECOND, DARK, AMBER, POLE = range(13)
"""What a polygon is made of, for its colour."""


START, STOP, MATERIAL, FACING, SOLID, CORNERS = 0, 1, 2, 3, 4, slice(5, 9)
"""Columns of a shape's table."""


class Shape(NamedTuple):
    """Polygons of one thing, painted in order.

    Attributes:
        vertices: (V, 3) across, deep, up of all polygons.
        table: (P, 9) whole numbers, a row a polygon: its first vertex, the vertex after its last,
            its material, which way it faces, 1 if it belongs to the outline or 0 if it lies on
            others, and four of its vertices, far apart.
    """

    vertices: np.ndarray
    table: np.ndarray


class Drawing(NamedTuple):
    """One thing, in as much detail as is worth drawing.

    Attributes:
        heights: ascending heights of the thing in pixels from which on more polygons are worth
            drawing; the first is 0.
        shapes: the shape from each height on.
    """

    heights: list[float]
    shapes: list[Shape]

    def at(self, height: float) -> Shape:
        """The shape of a thing that is so many pixels high."""
        return self.shapes[bisect_right(self.heights, height) - 1]


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

    def drawing(self) -> Drawing:
        """All polygons so far, in all degrees of detail, as arrays that cannot be changed."""
        heights = sorted({fine for *_, fine in self.polygons} | {0.0})
        return Drawing(heights, [self._shape(height) for height in heights])

    def _shape(self, height: float) -> Shape:
        worth = [polygon for polygon in self.polygons if polygon[-1] <= height]
        vertices, *columns, _ = zip(*worth, strict=True)
        ends = np.cumsum([len(polygon) for polygon in vertices])
        starts = np.append(0, ends[:-1])
        corners = np.linspace(starts, ends - 1, 4, axis=1).astype(int)
        form = Shape(
            np.concatenate(vertices),
            np.column_stack([starts, ends, *columns, corners]),
        )
        for part in form:
            part.flags.writeable = False  # shapes are kept and shared
        return form
