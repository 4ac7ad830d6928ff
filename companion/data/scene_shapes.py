"""The shapes that things are drawn with, made once for each kind, style and view."""

from functools import cache

import numpy as np

from companion.data.scene_figures import draw_house, draw_lamp, draw_person, draw_sign, draw_tree
from companion.data.scene_pen import Drawing, Pen
from companion.data.scene_vehicles import draw_bus, draw_car, draw_truck
from companion.data.scene_world import Kind

PALETTE = np.array(
    [
        (0, 0, 0), (0, 0, 0), (46, 60, 74), (24, 24, 27), (140, 142, 148), (176, 24, 26),
        (238, 238, 226), (232, 232, 228), (224, 172, 138), (0, 0, 0), (42, 42, 46), (240, 170, 60),
        (128, 130, 134),
    ], float,
)  # fmt: skip
"""RGB of each material; those of BODY, TRIM and SECOND are the thing's own."""

STYLES = np.array([3, 2, 2, 4, 4, 3, 2, 1])
"""How many shapes there are of each kind."""


@cache
def drawing(kind: int, style: int, front: bool, side: int) -> Drawing:
    """How a thing looks.

    Args:
        kind: of `Kind`.
        style: which of the kind's shapes, from 0 to one below `STYLES`.
        front: whether the near end is a vehicle's front.
        side: -1 if its left side can be seen, 1 its right side, 0 neither.

    Returns:
        Its shapes, by height in the picture; the same object each time.
    """
    pen = Pen(side, turned=front)
    _DRAW[Kind(kind)](pen, style, front)
    return pen.drawing()


_DRAW = {
    Kind.CAR: draw_car, Kind.TRUCK: draw_truck, Kind.BUS: draw_bus, Kind.PERSON: draw_person,
    Kind.SIGN: draw_sign, Kind.TREE: draw_tree, Kind.HOUSE: draw_house, Kind.LAMP: draw_lamp,
}  # fmt: skip
