"""How people, signs, trees, houses and street lamps look."""

import numpy as np

from companion.data.scene_pen import (
    BODY,
    DARK,
    GLASS,
    POLE,
    RED,
    SECOND,
    SELF,
    SKIN,
    TOP,
    TRIM,
    WHITE,
    Pen,
)


def draw_person(pen: Pen, style: int, front: bool) -> None:
    """A person at one of four moments of a stride."""
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


def draw_sign(pen: Pen, style: int, front: bool) -> None:
    """A road sign: stop, speed limit, give way or direction."""
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


def draw_tree(pen: Pen, style: int, front: bool) -> None:
    """A tree; style 2 is a fir."""
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


def draw_house(pen: Pen, style: int, front: bool) -> None:
    """A house with a gable, or with style 1 a flat roof."""
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


def draw_lamp(pen: Pen, style: int, front: bool) -> None:
    """A street lamp."""
    pen.end(-0.04, 0.04, 0.0, 0.97, POLE)
    pen.end(-0.5, 0.04, 0.965, 0.985, POLE, fine=12)
    pen.end(-0.5, -0.2, 0.945, 0.97, WHITE, facing=SELF, solid=False, fine=12)
