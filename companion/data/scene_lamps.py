"""Lamps of vehicles and streets: where they are in the picture, and their light."""

from dataclasses import dataclass

import numpy as np

from companion.data.scene_pictures import Pictures
from companion.data.scene_world import Kind

HEIGHTS = np.array([(0.475, 0.42), (0.165, 0.195), (0.29, 0.235), (0.955, 0.955)])
"""Height of the lights of cars, trucks, buses and street lamps, rear and front, as a share."""


@dataclass(frozen=True)
class Lamps:
    """Lamps that are on.

    Attributes:
        rows: (n,) things that they belong to.
        u: (n,) column of the middle, pixels.
        v: (n,) row of the middle, pixels.
        radius: (n,) pixels.
        color: (n, 3) light at the middle, grey values.
    """

    rows: np.ndarray
    u: np.ndarray
    v: np.ndarray
    radius: np.ndarray
    color: np.ndarray

    def take(self, which: np.ndarray | slice) -> "Lamps":
        """Some of the lamps."""
        return Lamps(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def place_lamps(pictures: Pictures) -> list[Lamps]:
    """Find the lamps that are on and in the picture, hidden ones too; for each picture."""
    worlds, things, views, of = pictures.worlds, pictures.things, pictures.views, pictures.of
    day = np.array([world.light == "day" for world in worlds])
    dim = ~day | np.array([world.weather in ("rain", "fog") for world in worlds])
    vehicle = things.kind <= Kind.BUS
    ahead = things.along - views.along[of]
    on = (ahead > 1) & (ahead < 250) & (
        (vehicle & (dim[of] | (things.braking & (things.heading > 0))))
        | ((things.kind == Kind.LAMP) & ~day[of])
    )  # fmt: skip
    rows = np.flatnonzero(on)
    # In each picture the vehicles' left lights come first, then all right ones and street lamps.
    left = rows[things.kind[rows] != Kind.LAMP]
    sign = np.repeat([-1, 1], [len(left), len(rows)])
    rows = np.concatenate([left, rows])
    order = np.argsort(of[rows], kind="stable")
    rows, sign, of = rows[order], sign[order], of[rows[order]]
    kind, size = things.kind[rows], things.size[rows]
    lamp, oncoming = kind == Kind.LAMP, things.heading[rows] < 0
    up = size[:, 2] * HEIGHTS[np.where(lamp, 3, kind), oncoming.astype(int)]
    along = things.along[rows] - np.where(lamp, 0, size[:, 0] / 2)
    lateral = things.lateral[rows] + sign * (np.where(lamp, -0.35, 0.4) * size[:, 1])
    seen_by = views.take(of)
    u, v, depth = seen_by.project(lateral, along, up)
    white, bright = lamp | oncoming, things.braking[rows] & ~oncoming & ~lamp
    reach = np.where(lamp, 0.55, np.where(oncoming, 0.5, np.where(bright, 0.34, 0.22)))
    radius = np.clip(seen_by.focal * reach / depth, 0.8, seen_by.width / 10)
    strength = np.where(white, 1.25, np.where(dim[of], 1.0, 0.6 + 0.4 * bright))
    strength = np.where(day[of], 0.75, 1.0) * strength
    # A lamp is far brighter than white paint, so fog takes what is too much of it first.
    fog = np.array([-3 / world.visibility for world in worlds])[of]
    strength = strength * np.minimum(6 * np.exp(fog * depth), 1)
    color = np.where(white[:, None], (255, 232, 196), (255, 44, 30)) * strength[:, None]
    inside = (u >= 0) & (u < seen_by.width) & (v >= 0) & (v < seen_by.height)
    found = Lamps(rows - pictures.begin[of], u, v, radius, color).take(inside)
    return [found.take(part) for part in pictures.parts(of[inside])]


def shine(image: np.ndarray, owner: np.ndarray, lamps: Lamps) -> None:
    """Add the light of the lamps that nothing hides.

    Args:
        image: (3, height, width) float32, is added to.
        owner: (height, width) row of the thing that each pixel shows.
        lamps: of this picture.
    """
    seen = owner[lamps.v.astype(int), lamps.u.astype(int)] == lamps.rows
    if not seen.any():
        return
    # A round spot is a product of two bells, so the sum of all spots is a product of matrices.
    radius = lamps.radius[seen, None]
    by_row, by_column = (
        np.exp(-(((np.arange(count) + 0.5 - at[seen, None]) / radius) ** 2))
        for count, at in ((image.shape[1], lamps.v), (image.shape[2], lamps.u))
    )
    weighted = (lamps.color[seen].T[:, None, :] * by_row.T).astype(np.float32)  # (3, height, lamps)
    image += weighted @ by_column.astype(np.float32)
