"""Things painted over the empty road, the farthest first, with a label for every pixel."""

from dataclasses import dataclass

import cv2
import numpy as np

from companion.data.scene_camera import Camera
from companion.data.scene_pen import (
    BODY,
    CORNERS,
    FACING,
    MATERIAL,
    SECOND,
    SOLID,
    START,
    STOP,
    TRIM,
)
from companion.data.scene_pictures import Pictures
from companion.data.scene_shapes import PALETTE, STYLES, drawing
from companion.data.scene_world import CLASSES, Kind, Things, World

FARTHEST = 400.0
"""Things farther away are left out, metres."""

BOXES = np.array([(226, 226, 222), (196, 204, 210), (214, 196, 164)], float)
TROUSERS = np.array([(44, 52, 84), (60, 54, 50), (98, 88, 74), (34, 34, 38)], float)
ROOFS = np.array([(150, 76, 58), (98, 78, 70), (92, 96, 104)], float)
"""Colours of trucks' boxes, trousers and roofs."""

_SHIFT = 4
_FINE = 1 << _SHIFT
_RIM = 2 * _FINE
"""Sixteenths of a pixel, and how far a polygon's soft rim reaches at most."""


@dataclass(frozen=True)
class Painting:
    """What was painted.

    Attributes:
        owner: (height, width) int32, row of the thing that each pixel shows, -1 for none.
        depth: (height, width) float32, metres along the road, infinite in the sky.
        whole: (n,) pixels that each thing would show with nothing before it; 0 for trees, houses
            and lamps, of which nobody asks.
        seen: (n,) pixels that each thing shows.
    """

    owner: np.ndarray
    depth: np.ndarray
    whole: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class Placed:
    """What is to be painted in one picture, the farthest thing first.

    Only those polygons are here that are large enough to be worth drawing and touch the picture.
    They stand among those of other pictures.

    Attributes:
        things: row of the thing, its first polygon and the one after its last, and the part of the
            picture that they lie in: left, top, right, bottom.
        polygons: P of (vertices, 2) int32, in sixteenths of a pixel.
        colors: P of RGB.
        solid: P numbers, 1 if a polygon belongs to the outline.
        corners: (P, 4, 3) column, row and one over the depth of four vertices.
    """

    things: list[tuple[int, int, int, list[int]]]
    polygons: list[np.ndarray]
    colors: list[list[float]]
    solid: list[int]
    corners: np.ndarray


def paint_things(image: np.ndarray, things: Things, placed: Placed, ground: np.ndarray) -> Painting:
    """Paint the things into a picture of the empty road.

    Args:
        image: (height, width, 3) uint8, is painted on.
        things: what there is.
        placed: where it stands in the picture, as `place` says.
        ground: (height, 1) depth of the empty road, metres.

    Returns:
        Labels and depth.
    """
    height, width = image.shape[:2]
    faces = np.zeros((height, width), np.int32)  # 0 is the background, face f is f + 1
    whole = np.zeros(len(things), np.int64)
    fill, smooth, sharp = cv2.fillConvexPoly, cv2.LINE_AA, cv2.LINE_8
    asked = (things.kind < len(CLASSES)).tolist()
    owners, painted = [-1], []
    face = 1
    for row, first, end, (left, top, right, bottom) in placed.things:
        before = face
        for number in range(first, end):
            polygon = placed.polygons[number]
            fill(image, polygon, placed.colors[number], smooth, _SHIFT)
            if placed.solid[number]:
                fill(faces, polygon, face, sharp, _SHIFT)
                owners.append(row)
                painted.append(number)
                face += 1
        if asked[row]:
            whole[row] = np.count_nonzero(faces[top:bottom, left:right] >= before)
    owner_of = np.array(owners, np.int32)
    depth = np.repeat(ground, width, axis=1)
    if painted:
        _set_depth(depth, faces, placed.corners[painted])
    pixels = np.bincount(faces.ravel(), minlength=len(owners))
    seen = np.bincount(owner_of[1:], pixels[1:], minlength=len(things)).astype(np.int64)
    return Painting(owner_of[faces], depth, whole, seen)


def cast_shadows(pictures: Pictures) -> list[np.ndarray]:
    """Where things keep the light from the ground, to the side away from the sun.

    Returns:
        For each picture (n, 4, 2) int32, corners in sixteenths of a pixel.
    """
    worlds, things, views, of = pictures.worlds, pictures.things, pictures.views, pictures.of
    ahead = things.along - views.along[of]
    near = np.flatnonzero((ahead > -5) & (ahead < 90) & (things.kind != Kind.HOUSE))
    of, kind = of[near], things.kind[near]
    length, width, height = things.size[near].T
    flat = (kind == Kind.SIGN) | (kind == Kind.LAMP)
    length = np.where(kind == Kind.TREE, 2.5, np.where(flat, 0.3, length))
    width = np.where(kind == Kind.TREE, 0.7 * width, width)
    sunny = np.array([world.light == "day" and world.weather == "clear" for world in worlds])
    aside = np.sin(np.radians([world.sun for world in worlds]))
    shift = -aside[of] * 0.35 * np.minimum(height, 3.0) * sunny[of]
    left = -width / 2 + np.minimum(shift, 0)
    right = width / 2 + np.maximum(shift, 0)
    lateral = things.lateral[near, None] + np.stack([left, right, right, left], axis=1)
    along = things.along[near, None] + length[:, None] / 2 * np.array([-1.04, -1.04, 1, 1])
    seen_by = views.take(of[:, None])
    u, v, _ = seen_by.project(lateral, along, np.zeros_like(along))
    there = along.max(axis=1) > (seen_by.along + seen_by.near)[:, 0]
    polygons = _sixteenths(np.stack([u, v], axis=2))[there]
    return [polygons[part] for part in pictures.parts(of[there])]


def paint_shadows(image: np.ndarray, polygons: np.ndarray, camera: Camera, strength: float) -> None:
    """Darken the ground (3, height, width) softly where `cast_shadows` says."""
    top = max(int(camera.skyline), 0)
    if not len(polygons) or top >= camera.height:
        return
    shade = np.zeros(image.shape[1:], np.uint8)
    for polygon in polygons:
        cv2.fillConvexPoly(shade, polygon, 255, cv2.LINE_AA, _SHIFT)
    shade = cv2.blur(shade[top:], (3, 3)).astype(np.float32)
    image[:, top:] *= 1 - np.float32(strength / 255) * shade


def brightness(world: World) -> np.ndarray:
    """How bright a polygon is that faces the camera, left, right, up, or shines: 5 factors."""
    if world.light == "day" and world.weather == "clear":
        side = np.sin(np.radians(world.sun))
        towards = np.cos(np.radians(world.sun))
        lit = 0.62 + 0.38 * np.maximum([-towards, -side, side, 0.8], 0)
    else:
        lit = np.array([0.78, 0.72, 0.72, 0.95])
    return np.append(lit, 1.0)


def place(pictures: Pictures) -> list[Placed]:
    """Bring everything that can be seen into its picture, all vertices at once."""
    things, views, of = pictures.things, pictures.views, pictures.of
    seen_by = views.take(of[:, None])
    first = things.along - things.size[:, 0] / 2 - views.along[of]
    last = first + things.size[:, 0]
    # The corners of each footprint: near left, near right, far left, far right.
    lateral = things.lateral[:, None] + things.size[:, 1, None] / 2 * np.array([-1, 1, -1, 1])
    along = seen_by.along + np.stack([first, first, last, last], axis=1)
    corner, _, _ = seen_by.project(lateral, along, np.zeros_like(along))
    flat = (things.kind >= Kind.PERSON) & (things.kind != Kind.HOUSE)
    inside = (
        (np.where(flat, first, last - 0.1) > views.near[of])
        & (first < FARTHEST)
        & (corner.max(axis=1) > -2)
        & (corner.min(axis=1) < views.width[of] + 2)
    )
    rows = np.flatnonzero(inside)
    rows = rows[np.lexsort((-first[rows], of[rows]))]  # the farthest of each picture first
    side = np.abs(things.lateral[rows] - views.lateral[of[rows]])
    extent = first[rows], last[rows], side, corner[rows].min(axis=1), corner[rows].max(axis=1)
    parts = list(pictures.parts(of[rows]))
    orders = [part.start + _order(*(column[part] for column in extent)) for part in parts]
    rows = rows[np.concatenate(orders)]
    if not len(rows):
        return [Placed([], [], [], [], np.zeros((0, 4, 3)))] * len(parts)

    things, first, corner, of = things.take(rows), first[rows], corner[rows], of[rows]
    left = corner[:, 2] < corner[:, 0] - 0.1
    side = np.where(left, -1, corner[:, 3] > corner[:, 1] + 0.1) * ~flat[rows]
    front = (things.heading < 0) & (things.kind != Kind.HOUSE)
    style = things.style % STYLES[things.kind]
    pixels = views.focal[of] * things.size[:, 2] / np.maximum(first, views.near[of])
    keys = (things.kind.tolist(), style.tolist(), front.tolist(), side.tolist())
    forms = [drawing(*key).at(height) for height, *key in zip(pixels.tolist(), *keys, strict=True)]
    vertices = np.concatenate([form.vertices for form in forms])
    table = np.concatenate([form.table for form in forms])
    numbers = np.arange(len(forms))
    counts = np.array([len(form.vertices) for form in forms])
    begins = np.cumsum(counts) - counts  # first vertex of each thing
    of_vertex = np.repeat(numbers, counts)
    of_polygon = np.repeat(numbers, [len(form.table) for form in forms])
    shift = begins[of_polygon]
    starts, stops = table[:, START] + shift, table[:, STOP] + shift
    length, width, height = things.size.T
    seen_by = views.take(of[of_vertex])
    u, v, depth = seen_by.project(
        things.lateral[of_vertex] + vertices[:, 0] * width[of_vertex],
        seen_by.along + first[of_vertex] + vertices[:, 1] * length[of_vertex],
        vertices[:, 2] * height[of_vertex],
    )
    points = np.stack([u, v, 1 / depth], axis=1)
    fixed = _sixteenths(points[:, :2])
    low = np.maximum((np.minimum.reduceat(fixed, begins) >> _SHIFT) - 1, 0)
    high = np.maximum((np.maximum.reduceat(fixed, begins) >> _SHIFT) + 3, 0)
    first_of, last_of = np.minimum.reduceat(fixed, starts), np.maximum.reduceat(fixed, starts)
    edge = np.stack([views.width, views.height], axis=1)[of[of_polygon]] * _FINE
    worth = np.flatnonzero(((last_of > -_RIM) & (first_of < edge + _RIM)).all(axis=1))
    table, of_polygon = table[worth], of_polygon[worth]
    bounds = np.searchsorted(of_polygon, np.arange(len(forms) + 1)).tolist()
    colors = _palettes(things)[of_polygon, table[:, MATERIAL]]
    light = np.stack([brightness(world) for world in pictures.worlds])
    colors *= light[of[of_polygon], table[:, FACING], None]
    boxes = np.concatenate([low, high], axis=1).tolist()
    own_rows = (rows - pictures.begin[of]).tolist()
    placed = list(zip(own_rows, bounds, bounds[1:], boxes, strict=False))
    polygons = [
        fixed[a:b] for a, b in zip(starts[worth].tolist(), stops[worth].tolist(), strict=True)
    ]
    shared = (
        polygons,
        colors.tolist(),
        table[:, SOLID].tolist(),
        points[table[:, CORNERS] + shift[worth, None]],
    )
    return [Placed(placed[part], *shared) for part in parts]


def _sixteenths(points: np.ndarray) -> np.ndarray:
    """Places in the picture as OpenCV's fixed-point numbers, from the first pixel's middle."""
    return np.rint((points - 0.5) * _FINE).astype(np.int32)


def _palettes(things: Things) -> np.ndarray:
    """Colours of each thing's materials, (n, materials, 3)."""
    palettes = np.repeat(PALETTE[None], len(things), axis=0)
    own, kind, style = things.color, things.kind, things.style
    palettes[:, BODY] = own
    palettes[:, TRIM] = np.where((kind < Kind.PERSON)[:, None], 0.5 * own + 12, 0.78 * own)
    palettes[:, SECOND] = np.minimum(own * 1.22 + 8, 255)
    for which, table, choice in (
        (Kind.TRUCK, BOXES, style), (Kind.PERSON, TROUSERS, style // 4), (Kind.HOUSE, ROOFS, style),
    ):  # fmt: skip
        rows = kind == which
        palettes[rows, SECOND] = table[choice[rows] % len(table)]
    buses = kind == Kind.BUS
    palettes[buses, SECOND] = 255 - 0.25 * own[buses]
    return palettes


def _order(
    near: np.ndarray, far: np.ndarray, side: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """In which order things are painted that are sorted from the farthest to the nearest.

    Of two things whose stretches of road overlap, a long bus and the car beside it, the one farther
    to the side is behind.

    Args:
        near: (n,) near end of each, metres.
        far: (n,) far end.
        side: (n,) how far to the side of the camera.
        low: (n,) leftmost column of the footprint.
        high: (n,) rightmost.

    Returns:
        (n,) places in these columns.
    """
    meet = (low[:, None] < high) & (high[:, None] > low)
    beyond = near[:, None] >= far
    behind = meet & (beyond | (~beyond.T & (side[:, None] > side)))  # [a, b]: a before b
    if not np.tril(behind, -1).any():
        return np.arange(len(near))
    held, order = behind.sum(axis=0), []  # how many must still be painted before each
    for _ in near:
        one = int(held.argmin())
        order.append(one)
        held -= behind[one]
        held[one] = len(near) + 1
    return np.array(order)


def _set_depth(depth: np.ndarray, faces: np.ndarray, corners: np.ndarray) -> None:
    """Write the depth of each pixel that shows a face.

    One over the depth of a plane is linear in column and row of the picture; the three numbers of
    each face are fitted to four of its corners.

    Args:
        depth: (height, width), is written to.
        faces: (height, width), face f where f + 1 stands.
        corners: (F, 4, 3) column, row and one over the depth.
    """
    middle = corners.mean(axis=1)
    du, dv, di = np.moveaxis(corners - middle[:, None], 2, 0)  # each (F, 4)
    uu, vv, uv = (du * du).sum(1) + 1e-3, (dv * dv).sum(1) + 1e-3, (du * dv).sum(1)
    ui, vi = (du * di).sum(1), (dv * di).sum(1)
    determinant = uu * vv - uv * uv
    slope_u = (ui * vv - vi * uv) / determinant
    slope_v = (vi * uu - ui * uv) / determinant
    base = middle[:, 2] - slope_u * (middle[:, 0] - 0.5) - slope_v * (middle[:, 1] - 0.5)
    low, high = corners[:, :, 2].min(axis=1), corners[:, :, 2].max(axis=1)
    table = np.stack([slope_u, slope_v, base, low, high]).astype(np.float32)
    places = np.flatnonzero(faces)
    slope_u, slope_v, base, low, high = np.take(table, faces.ravel()[places] - 1, axis=1)
    row, column = np.divmod(places.astype(np.int32), np.int32(faces.shape[1]))
    inverse = slope_u * column.astype(np.float32) + slope_v * row.astype(np.float32) + base
    inverse = np.minimum(np.maximum(inverse, low), high)
    depth.ravel()[places] = 1 / inverse
