"""How cars, trucks and buses look from behind, from the front and from the side."""

from itertools import pairwise

import numpy as np

from companion.data.scene_pen import (
    AMBER,
    BODY,
    DARK,
    GLASS,
    HUB,
    PLATE,
    RED,
    SECOND,
    SELF,
    TOP,
    TRIM,
    TYRE,
    WHITE,
    Pen,
)


def draw_car(pen: Pen, style: int, front: bool) -> None:
    """A car: a saloon, or with style 1 an estate."""
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


def draw_truck(pen: Pen, style: int, front: bool) -> None:
    """A truck with a box behind its cab; style 1 bears a panel."""
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


def draw_bus(pen: Pen, style: int, front: bool) -> None:
    """A bus; style 1 has a stripe."""
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
