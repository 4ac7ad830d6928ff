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


def paint_things(image: np.ndarray, world: World, camera: Camera, ground: np.ndarray) -> Painting:
    """Paint the things into a picture of the empty road.

    Args:
        image: (height, width, 3) uint8, is painted on.
        world: what to paint.
        camera: where it is seen from.
        ground: (height, 1) depth of the empty road, metres.

    Returns:
        Labels and depth.
    """
    things = world.things
    height, width = image.shape[:2]
    faces = np.zeros((height, width), np.int32)  # 0 is the background, face f is f + 1
    whole = np.zeros(len(things), np.int64)
    placed = _place(world, camera)
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


def paint_shadows(image: np.ndarray, world: World, camera: Camera, strength: float) -> None:
    """Darken the ground (3, height, width) below things, softly, to the side away from the sun."""
    things = world.things
    ahead = things.along - camera.along
    near = np.flatnonzero((ahead > -5) & (ahead < 90) & (things.kind != Kind.HOUSE))
    top = max(int(camera.skyline), 0)
    if not len(near) or top >= camera.height:
        return
    kind = things.kind[near]
    length, width, height = things.size[near].T
    flat = (kind == Kind.SIGN) | (kind == Kind.LAMP)
    length = np.where(kind == Kind.TREE, 2.5, np.where(flat, 0.3, length))
    width = np.where(kind == Kind.TREE, 0.7 * width, width)
    reach = 0.35 * np.minimum(height, 3.0) * (world.light == "day" and world.weather == "clear")
    shift = -np.sin(np.radians(world.sun)) * reach  # away from the sun
    left = -width / 2 + np.minimum(shift, 0)
    right = width / 2 + np.maximum(shift, 0)
    lateral = things.lateral[near, None] + np.stack([left, right, right, left], axis=1)
    along = things.along[near, None] + length[:, None] / 2 * np.array([-1.04, -1.04, 1, 1])
    u, v, _ = camera.project(lateral, along, np.zeros_like(along), world.road.curve)
    polygons = np.rint((np.stack([u, v], axis=2) - 0.5) * _FINE).astype(np.int32)
    shade = np.zeros(image.shape[1:], np.uint8)
    for polygon in polygons[along.max(axis=1) > camera.along + camera.near]:
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


@dataclass(frozen=True)
class _Placed:
    """Polygons in the picture, the farthest thing's first.

    Only those polygons are here that are large enough to be worth drawing and touch the picture.

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


def _place(world: World, camera: Camera) -> _Placed:
    """Bring everything that can be seen into the picture, all vertices at once."""
    things, curve = world.things, world.road.curve
    first = things.along - things.size[:, 0] / 2 - camera.along
    last = first + things.size[:, 0]
    # The corners of each footprint: near left, near right, far left, far right.
    lateral = things.lateral[:, None] + things.size[:, 1, None] / 2 * np.array([-1, 1, -1, 1])
    along = camera.along + np.stack([first, first, last, last], axis=1)
    corner, _, _ = camera.project(lateral, along, np.zeros_like(along), curve)
    flat = (things.kind >= Kind.PERSON) & (things.kind != Kind.HOUSE)
    inside = (
        (np.where(flat, first, last - 0.1) > camera.near)
        & (first < FARTHEST)
        & (corner.max(axis=1) > -2)
        & (corner.min(axis=1) < camera.width + 2)
    )
    order = _order(np.flatnonzero(inside), things.lateral - camera.lateral, first, last, corner)
    things, first, corner = things.take(order), first[order], corner[order]
    left = corner[:, 2] < corner[:, 0] - 0.1
    side = np.where(left, -1, corner[:, 3] > corner[:, 1] + 0.1) * ~flat[order]
    front = (things.heading < 0) & (things.kind != Kind.HOUSE)
    style = things.style % STYLES[things.kind]
    if not order:
        return _Placed([], [], [], [], np.zeros((0, 4, 3)))

    pixels = camera.focal * things.size[:, 2] / np.maximum(first, camera.near)
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
    u, v, depth = camera.project(
        things.lateral[of_vertex] + vertices[:, 0] * width[of_vertex],
        camera.along + first[of_vertex] + vertices[:, 1] * length[of_vertex],
        vertices[:, 2] * height[of_vertex],
        curve,
    )
    points = np.stack([u, v, 1 / depth], axis=1)
    fixed = np.rint((points[:, :2] - 0.5) * _FINE).astype(np.int32)
    low = np.maximum((np.minimum.reduceat(fixed, begins) >> _SHIFT) - 1, 0)
    high = np.maximum((np.maximum.reduceat(fixed, begins) >> _SHIFT) + 3, 0)
    first_of, last_of = np.minimum.reduceat(fixed, starts), np.maximum.reduceat(fixed, starts)
    edge = np.array([camera.width, camera.height]) * _FINE
    touches = ((last_of > -_RIM) & (first_of < edge + _RIM)).all(axis=1)
    worth = np.flatnonzero(touches)
    table, of_polygon = table[worth], of_polygon[worth]
    bounds = np.searchsorted(of_polygon, np.arange(len(forms) + 1)).tolist()
    colors = _palettes(things)[of_polygon, table[:, MATERIAL]]
    colors *= brightness(world)[table[:, FACING], None]
    boxes = np.concatenate([low, high], axis=1).tolist()
    return _Placed(
        things=list(zip(order, bounds, bounds[1:], boxes, strict=False)),
        polygons=[
            fixed[a:b] for a, b in zip(starts[worth].tolist(), stops[worth].tolist(), strict=True)
        ],
        colors=colors.tolist(),
        solid=table[:, SOLID].tolist(),
        corners=points[table[:, CORNERS] + shift[worth, None]],
    )


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
    rows: np.ndarray, lateral: np.ndarray, first: np.ndarray, last: np.ndarray, u: np.ndarray
) -> list[int]:
    """Rows from the farthest to the nearest.

    Of two things whose stretches of road overlap, a long bus and the car beside it, the one farther
    to the side is behind.
    """
    rows = rows[np.argsort(-first[rows], kind="stable")]
    near, far, side = first[rows], last[rows], np.abs(lateral[rows])
    low, high = u[rows].min(axis=1), u[rows].max(axis=1)
    meet = (low[:, None] < high) & (high[:, None] > low)
    beyond = near[:, None] >= far
    behind = meet & (beyond | (~beyond.T & (side[:, None] > side)))  # [a, b]: a before b
    if not np.tril(behind, -1).any():
        return rows.tolist()
    held, order = behind.sum(axis=0), []  # how many must still be painted before each
    for _ in rows:
        one = int(held.argmin())
        order.append(one)
        held -= behind[one]
        held[one] = len(rows) + 1
    return rows[order].tolist()


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
