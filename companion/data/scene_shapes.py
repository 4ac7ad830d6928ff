"""The shapes that things are drawn with: convex polygons in a box of unit size.

A vertex is (across, deep, up): across from -0.5 at the left to 0.5 at the right, deep from 0 at the
end near the camera to 1 at the far end, up from 0 at the ground to 1. Polygons stand in the order
in which they are painted. Only what the camera can see is there: the near end and one side.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from companion.data.scene_world import Kind

END, LEFT, RIGHT, TOP, SELF = range(5)
"""Which way a polygon faces, for its brightness; SELF shines by itself."""

BODY, TRIM, GLASS, TYRE, HUB, RED, WHITE, PLATE, SKIN, SECOND, DARK, AMBER, POLE = range(13)
"""What a polygon is made of, for its colour."""

PALETTE = np.array(
    [
        (0, 0, 0), (0, 0, 0), (46, 60, 74), (24, 24, 27), (140, 142, 148), (176, 24, 26),
        (238, 238, 226), (232, 232, 228), (224, 172, 138), (0, 0, 0), (42, 42, 46), (240, 170, 60),
        (128, 130, 134),
    ], float,
)  # fmt: skip
"""RGB of each material; those of BODY, TRIM and SECOND are the thing's own."""


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


class _Pen:
    """Collects polygons."""

    def __init__(self, side: int = 0, turned: bool = False):
        self.polygons, self.side, self.turned = [], side, turned

    def add(self, vertices, material, facing=END, *, solid=True, fine=0):
        """A polygon of (across, deep, up) vertices."""
        self.polygons.append((np.array(vertices, float), material, facing, solid, fine))

    def end(self, a0, a1, h0, h1, material, *, deep=0.0, **options):
        """A rectangle that faces the camera."""
        corners = [(a0, deep, h0), (a1, deep, h0), (a1, deep, h1), (a0, deep, h1)]
        self.add(corners, material, options.pop("facing", END), **options)

    def flank(self, profile, material, *, across=0.5, **options):
        """A polygon on the side that can be seen, of (from the rear, up) vertices."""
        if self.side:
            facing = RIGHT if self.side > 0 else LEFT
            outline = [(self.side * across, 1 - s if self.turned else s, h) for s, h in profile]
            self.add(outline, material, options.pop("facing", facing), **options)

    def wheels(self, places, radius_deep, radius_up):
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

    def disc(self, across, up, radius_across, radius_up, material, *, corners=12, **options):
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
        vertices, material, facing, solid, fine = zip(*self.polygons, strict=True)
        ends = np.cumsum([len(polygon) for polygon in vertices])
        starts = np.append(0, ends[:-1])
        corners = np.linspace(starts, ends - 1, 4, axis=1).astype(int)
        rest = map(np.array, (material, facing, solid, fine))
        parts = (np.concatenate(vertices), starts, ends, *rest)
        for part in (*parts, corners):
            part.flags.writeable = False  # shapes are kept and shared
        return Shape(*parts, corners)


STYLES = np.array([3, 2, 2, 4, 4, 3, 2, 1])
"""How many shapes there are of each kind."""


@cache
def shape(kind: int, style: int, front: bool, side: int) -> Shape:
    """Polygons of a thing.

    Args:
        kind: of `Kind`.
        style: which of the kind's shapes, from 0 to one below `STYLES`.
        front: whether the near end is a vehicle's front.
        side: -1 if its left side can be seen, 1 its right side, 0 neither.

    Returns:
        The shape; the same object each time.
    """
    pen = _Pen(side, turned=front)
    _DRAW[Kind(kind)](pen, style, front)
    return pen.shape()


def _car(pen: _Pen, style: int, front: bool) -> None:
    estate = style == 1  # a longer roof
    roof = (0.06, 0.60) if estate else (0.2, 0.60)
    rear, screen = (0.02, 0.79) if estate else (0.06, 0.79)
    pen.flank([(0.0, 0.2), (0.015, 0.6), (0.5, 0.62), (0.5, 0.2)], BODY)
    pen.flank([(0.5, 0.2), (0.5, 0.62), (0.8, 0.6), (0.98, 0.5), (1.0, 0.24), (0.99, 0.2)], BODY)
    pen.flank([(rear, 0.59), (roof[0], 0.97), (roof[1], 1.0), (screen, 0.59)], BODY, across=0.45)
    pen.flank([(0.0, 0.19), (0.0, 0.3), (1.0, 0.3), (1.0, 0.19)], TRIM, solid=False, fine=14)
    pen.flank(
        [(rear + 0.08, 0.62), (roof[0] + 0.04, 0.91), (0.38, 0.93), (0.38, 0.62)],
        GLASS, across=0.452, solid=False, fine=8,
    )  # fmt: skip
    pen.flank(
        [(0.415, 0.62), (0.415, 0.93), (0.585, 0.93), (0.72, 0.62)],
        GLASS, across=0.452, solid=False, fine=8,
    )  # fmt: skip
    pen.wheels((0.19, 0.81), 0.075, 0.22)
    bottom, top = (1 - screen, 1 - roof[1]) if front else (rear, roof[0])
    cabin = [(-0.45, bottom, 0.58), (0.45, bottom, 0.58), (0.39, top, 0.99), (-0.39, top, 0.99)]
    pen.end(-0.47, -0.33, 0.0, 0.3, TYRE, deep=0.05, fine=9)
    pen.end(0.33, 0.47, 0.0, 0.3, TYRE, deep=0.05, fine=9)
    roof_deep = (1 - roof[1], 1 - roof[0]) if front else roof
    pen.add(
        [(-0.39, roof_deep[0], 0.99), (0.39, roof_deep[0], 0.99), (0.37, roof_deep[1], 0.99),
         (-0.37, roof_deep[1], 0.99)], BODY, TOP, fine=9,
    )  # fmt: skip
    pen.add(cabin, BODY)
    glass = [(-0.4, bottom, 0.62), (0.4, bottom, 0.62), (0.36, top, 0.93), (-0.36, top, 0.93)]
    pen.add(glass, GLASS, solid=False, fine=6)
    pen.add([(-0.36, top, 0.93), (-0.1, top, 0.93), (-0.24, bottom, 0.62), (-0.4, bottom, 0.62)],
            HUB if front else DARK, solid=False, fine=26)  # fmt: skip
    lid = 0.5 if front else 0.6
    pen.add([(-0.47, 0.015, lid), (0.47, 0.015, lid), (0.46, bottom, 0.6), (-0.46, bottom, 0.6)],
            BODY, TOP, fine=9)  # fmt: skip
    pen.add([(-0.5, 0, 0.2), (0.5, 0, 0.2), (0.5, 0, 0.46), (0.47, 0, lid + 0.01),
             (-0.47, 0, lid + 0.01), (-0.5, 0, 0.46)], BODY)  # fmt: skip
    pen.end(-0.5, 0.5, 0.17, 0.31, TRIM, solid=False, fine=10)
    if front:
        pen.end(-0.24, 0.24, 0.33, 0.43, DARK, solid=False, fine=12)
        pen.end(-0.48, -0.28, 0.37, 0.47, WHITE, facing=SELF, solid=False, fine=7)
        pen.end(0.28, 0.48, 0.37, 0.47, WHITE, facing=SELF, solid=False, fine=7)
        pen.end(-0.15, 0.15, 0.23, 0.3, PLATE, solid=False, fine=16)
    else:
        pen.end(-0.49, -0.31, 0.42, 0.53, RED, facing=SELF, solid=False, fine=6)
        pen.end(0.31, 0.49, 0.42, 0.53, RED, facing=SELF, solid=False, fine=6)
        pen.end(-0.16, 0.16, 0.36, 0.44, PLATE, solid=False, fine=12)
        pen.end(-0.46, -0.38, 0.44, 0.5, AMBER, facing=SELF, solid=False, fine=30)
        pen.end(0.38, 0.46, 0.44, 0.5, AMBER, facing=SELF, solid=False, fine=30)


def _truck(pen: _Pen, style: int, front: bool) -> None:
    pen.flank([(0.0, 0.16), (0.0, 0.22), (0.97, 0.22), (0.97, 0.16)], DARK)
    if front:  # the cab hides what is behind its upper edge only in part
        pen.flank([(0.0, 0.22), (0.0, 1.0), (0.72, 1.0), (0.72, 0.22)], SECOND)
        pen.end(-0.5, 0.5, 0.2, 1.0, SECOND, deep=0.27)
        pen.flank([(0.75, 0.1), (0.75, 0.78), (0.95, 0.78), (1.0, 0.42), (1.0, 0.1)], BODY)
        pen.flank([(0.82, 0.45), (0.82, 0.7), (0.94, 0.7), (0.98, 0.45)], GLASS,
                  solid=False, fine=10)  # fmt: skip
    else:
        pen.flank([(0.75, 0.1), (0.75, 0.78), (0.95, 0.78), (1.0, 0.42), (1.0, 0.1)], BODY)
        pen.flank([(0.82, 0.45), (0.82, 0.7), (0.94, 0.7), (0.98, 0.45)], GLASS,
                  solid=False, fine=10)  # fmt: skip
        pen.flank([(0.0, 0.22), (0.0, 1.0), (0.72, 1.0), (0.72, 0.22)], SECOND)
        if style:
            pen.flank([(0.06, 0.5), (0.06, 0.78), (0.66, 0.78), (0.66, 0.5)], BODY,
                      solid=False, fine=14)  # fmt: skip
    pen.wheels((0.1, 0.24, 0.85), 0.055, 0.14)
    for a in (-0.5, 0.26):
        pen.end(a, a + 0.24, 0.0, 0.2, TYRE, deep=0.02, fine=12)
    if front:
        pen.end(-0.49, 0.49, 0.1, 0.78, BODY)
        pen.end(-0.44, 0.44, 0.46, 0.72, GLASS, solid=False, fine=8)
        pen.end(-0.3, 0.3, 0.22, 0.38, DARK, solid=False, fine=14)
        pen.end(-0.47, -0.33, 0.16, 0.23, WHITE, facing=SELF, solid=False, fine=10)
        pen.end(0.33, 0.47, 0.16, 0.23, WHITE, facing=SELF, solid=False, fine=10)
        pen.end(-0.49, 0.49, 0.09, 0.14, TRIM, solid=False, fine=20)
    else:
        pen.end(-0.46, 0.46, 0.12, 0.22, DARK)
        pen.end(-0.5, 0.5, 0.21, 1.0, SECOND)
        pen.end(-0.006, 0.006, 0.23, 0.98, DARK, solid=False, fine=16)
        pen.end(-0.47, 0.47, 0.93, 0.95, TRIM, solid=False, fine=24)
        if style:
            pen.end(-0.44, 0.44, 0.5, 0.78, BODY, solid=False, fine=14)
        pen.end(-0.47, -0.34, 0.14, 0.19, RED, facing=SELF, solid=False, fine=8)
        pen.end(0.34, 0.47, 0.14, 0.19, RED, facing=SELF, solid=False, fine=8)
        pen.end(-0.14, 0.14, 0.14, 0.18, PLATE, solid=False, fine=24)


def _bus(pen: _Pen, style: int, front: bool) -> None:
    pen.flank([(0.0, 0.1), (0.0, 0.97), (0.01, 1.0), (0.99, 1.0), (1.0, 0.94), (1.0, 0.1)], BODY)
    pen.flank([(0.0, 0.1), (0.0, 0.2), (1.0, 0.2), (1.0, 0.1)], TRIM, solid=False, fine=12)
    edges = np.linspace(0.03, 0.97, 7)
    for first, last in pairwise(edges):
        pen.flank([(first + 0.01, 0.5), (first + 0.01, 0.86), (last - 0.01, 0.86),
                   (last - 0.01, 0.5)], GLASS, solid=False, fine=8)  # fmt: skip
    if style:
        pen.flank([(0.0, 0.36), (0.0, 0.43), (1.0, 0.43), (1.0, 0.36)], SECOND,
                  solid=False, fine=16)  # fmt: skip
    pen.wheels((0.2, 0.8), 0.042, 0.155)
    for a in (-0.48, 0.28):
        pen.end(a, a + 0.2, 0.0, 0.15, TYRE, deep=0.02, fine=12)
    pen.add([(-0.5, 0, 0.1), (0.5, 0, 0.1), (0.5, 0, 0.95), (0.46, 0, 1.0), (-0.46, 0, 1.0),
             (-0.5, 0, 0.95)], BODY)  # fmt: skip
    pen.end(-0.5, 0.5, 0.1, 0.18, TRIM, solid=False, fine=12)
    if front:
        pen.end(-0.46, 0.46, 0.4, 0.84, GLASS, solid=False, fine=6)
        pen.end(-0.32, 0.32, 0.87, 0.95, DARK, solid=False, fine=12)
        pen.end(-0.26, 0.2, 0.89, 0.93, AMBER, facing=SELF, solid=False, fine=22)
        pen.end(-0.46, -0.32, 0.2, 0.27, WHITE, facing=SELF, solid=False, fine=9)
        pen.end(0.32, 0.46, 0.2, 0.27, WHITE, facing=SELF, solid=False, fine=9)
    else:
        pen.end(-0.4, 0.4, 0.56, 0.86, GLASS, solid=False, fine=6)
        pen.end(-0.34, 0.34, 0.24, 0.44, TRIM, solid=False, fine=16)
        pen.end(-0.49, -0.41, 0.22, 0.36, RED, facing=SELF, solid=False, fine=8)
        pen.end(0.41, 0.49, 0.22, 0.36, RED, facing=SELF, solid=False, fine=8)
        pen.end(-0.12, 0.12, 0.46, 0.51, PLATE, solid=False, fine=22)


def _person(pen: _Pen, style: int, front: bool) -> None:
    stride = (0.05, 0.2, 0.34, 0.2)[style]  # feet apart, as a share of the width
    for sign in (-1, 1):
        foot = sign * stride
        pen.add([(sign * 0.02 - 0.13, 0, 0.5), (sign * 0.02 + 0.13, 0, 0.5),
                 (foot + 0.1, 0, 0.02), (foot - 0.1, 0, 0.02)], SECOND)  # fmt: skip
        pen.end(foot - 0.12, foot + 0.15, 0.0, 0.03, DARK, solid=False, fine=20)
    for sign in (-1, 1):
        hand = sign * (0.3 + 0.35 * stride)
        pen.add([(sign * 0.22, 0, 0.81), (sign * 0.33, 0, 0.79), (hand + 0.06, 0, 0.47),
                 (hand - 0.06, 0, 0.47)], TRIM)  # fmt: skip
        pen.disc(hand, 0.46, 0.07, 0.025, SKIN, corners=6, solid=False, fine=24)
    pen.add([(-0.24, 0, 0.47), (0.24, 0, 0.47), (0.29, 0, 0.79), (0.16, 0, 0.84), (-0.16, 0, 0.84),
             (-0.29, 0, 0.79)], BODY)  # fmt: skip
    pen.end(-0.07, 0.07, 0.82, 0.88, SKIN, solid=False, fine=14)
    pen.disc(0, 0.925, 0.18, 0.075, SKIN)
    if front:
        pen.add([(-0.18, 0, 0.93), (0.18, 0, 0.93), (0.14, 0, 0.99), (0, 0, 1.0), (-0.14, 0, 0.99)],
                DARK, solid=False, fine=14)  # fmt: skip
    else:
        pen.disc(0, 0.935, 0.18, 0.068, DARK, solid=False, fine=10)


def _sign(pen: _Pen, style: int, front: bool) -> None:
    pen.end(-0.05, 0.05, 0.0, 0.85, POLE)
    high, wide = 0.852, 0.148  # of a plate 0.8 m across at a height of 2.7 m
    if style == 0:  # stop
        pen.disc(0, high, 0.5, wide, WHITE, corners=8)
        pen.disc(0, high, 0.44, wide * 0.88, RED, corners=8, solid=False)
        pen.end(-0.3, 0.3, high - 0.035, high + 0.035, WHITE, solid=False, fine=30)
    elif style == 1:  # speed limit
        pen.disc(0, high, 0.5, wide, RED, corners=16)
        pen.disc(0, high, 0.36, wide * 0.72, WHITE, corners=14, solid=False)
        pen.end(-0.2, -0.03, high - 0.055, high + 0.055, DARK, solid=False, fine=24)
        pen.end(0.05, 0.22, high - 0.055, high + 0.055, DARK, solid=False, fine=24)
    elif style == 2:  # give way
        pen.add([(-0.5, 0, 1.0), (0.5, 0, 1.0), (0, 0, 0.7)], RED)
        pen.add([(-0.3, 0, 0.965), (0.3, 0, 0.965), (0, 0, 0.78)], WHITE, solid=False)
    else:  # direction
        pen.disc(0, high, 0.5, wide, BODY, corners=16)
        pen.end(-0.06, 0.06, high - 0.09, high + 0.05, WHITE, solid=False, fine=12)
        pen.add([(-0.2, 0, high + 0.02), (0.2, 0, high + 0.02), (0, 0, high + 0.1)],
                WHITE, solid=False, fine=12)  # fmt: skip


def _tree(pen: _Pen, style: int, front: bool) -> None:
    pen.end(-0.06, 0.06, 0.0, 0.45, DARK)
    if style == 2:  # a fir
        for low, high, wide in ((0.14, 0.55, 0.5), (0.36, 0.78, 0.4), (0.58, 1.0, 0.28)):
            pen.add([(-wide, 0, low), (wide, 0, low), (0, 0, high)], BODY)
            pen.add([(0, 0, low), (wide, 0, low), (0, 0, high)], TRIM, solid=False, fine=8)
        return
    for across, up, wide, high, fine in (
        (0.02, 0.68, 0.45, 0.27, 0), (0.2, 0.5, 0.28, 0.16, 16), (-0.24, 0.54, 0.26, 0.17, 16),
        (-0.12, 0.82, 0.26, 0.17, 24), (0.2, 0.76, 0.26, 0.17, 24),
    ):  # fmt: skip
        pen.disc(across + 0.03, up - 0.02, wide, high, TRIM, fine=fine)
        pen.disc(across - 0.03, up + 0.02, wide * 0.85, high * 0.85, BODY,
                 solid=False, fine=max(fine, 8))  # fmt: skip
    pen.disc(-0.14, 0.78, 0.16, 0.1, SECOND, solid=False, fine=14)


def _house(pen: _Pen, style: int, front: bool) -> None:
    gable = style == 0
    wall = 0.62 if gable else 1.0
    pen.flank([(0.0, 0.0), (0.0, wall), (1.0, wall), (1.0, 0.0)], BODY)
    for row in np.arange(0.12, wall - 0.15, 0.3):
        for first in (0.08, 0.33, 0.58, 0.83):
            pen.flank([(first, row), (first, row + 0.16), (first + 0.1, row + 0.16),
                       (first + 0.1, row)], GLASS, solid=False, fine=28)  # fmt: skip
    if gable and pen.side:
        edge = pen.side * 0.53
        pen.add([(edge, 0, wall - 0.02), (0, 0, 1), (0, 1, 1), (edge, 1, wall - 0.02)], SECOND, TOP)
    pen.end(-0.5, 0.5, 0.0, wall, BODY)
    if gable:
        pen.add([(-0.5, 0, wall), (0.5, 0, wall), (0, 0, 1.0)], BODY)
        pen.add([(-0.54, 0, wall - 0.03), (-0.5, 0, wall - 0.04), (0, 0, 0.97), (0, 0, 1.02)],
                SECOND, solid=False, fine=12)  # fmt: skip
        pen.add([(0.54, 0, wall - 0.03), (0.5, 0, wall - 0.04), (0, 0, 0.97), (0, 0, 1.02)],
                SECOND, solid=False, fine=12)  # fmt: skip
    else:
        pen.end(-0.51, 0.51, 0.97, 1.0, TRIM, solid=False, fine=12)
    for row in np.arange(0.12, wall - 0.15, 0.3):
        for first in (-0.36, -0.06, 0.24):
            pen.end(first, first + 0.13, row, row + 0.16, GLASS, solid=False, fine=24)


def _lamp(pen: _Pen, style: int, front: bool) -> None:
    pen.end(-0.04, 0.04, 0.0, 0.97, POLE)
    pen.end(-0.5, 0.04, 0.965, 0.985, POLE, fine=12)
    pen.end(-0.5, -0.2, 0.945, 0.97, WHITE, facing=SELF, solid=False, fine=12)


_DRAW = {
    Kind.CAR: _car, Kind.TRUCK: _truck, Kind.BUS: _bus, Kind.PERSON: _person, Kind.SIGN: _sign,
    Kind.TREE: _tree, Kind.HOUSE: _house, Kind.LAMP: _lamp,
}  # fmt: skip
