"""Road scenes drawn from places in metres: pictures with boxes, masks and depth, always the same.

`render` draws one state of a `World` through a pinhole `Camera`, `render_all` several at once.
Everything else is built on that: `draw_scenes` gives stills to train a detector with,
`draw_sequence` a video with identities.
Nothing here is photographed; what a network learns from these pictures holds for them alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from scipy.ndimage import find_objects

from companion.data.scene_camera import Camera
from companion.data.scene_drawing import (
    Placed,
    cast_shadows,
    paint_shadows,
    paint_things,
    place,
)
from companion.data.scene_ground import paint_background
from companion.data.scene_lamps import Lamps, place_lamps
from companion.data.scene_light import light_up
from companion.data.scene_pictures import Pictures
from companion.data.scene_sampling import random_camera, random_world
from companion.data.scene_world import CLASSES, Light, Weather, World

__all__ = [
    "CLASSES",
    "Camera",
    "Frame",
    "Scenes",
    "World",
    "draw_scenes",
    "draw_sequence",
    "render",
    "render_all",
]

SMALLEST = 16
"""A thing that shows fewer pixels gets no box."""

HIDDEN = 0.75
"""A thing of which a larger share is hidden gets no box."""

_TOGETHER = 32
"""Pictures whose things are placed at once; more need more memory."""

_SHADOW = {"clear": 0.5, "cloudy": 0.36, "rain": 0.28, "fog": 0.22}


@dataclass(frozen=True)
class Frame:
    """One picture and what is in it. Rows are in the order of the world's things.

    Attributes:
        image: (height, width, 3) uint8, RGB.
        boxes: (n, 4) float32, x1, y1, x2, y2 in pixels around the visible part.
        labels: (n,) int64, index into `CLASSES`.
        identities: (n,) int64.
        occlusion: (n,) float32, share of a thing's pixels in the picture that others hide.
        distance: (n,) float32, metres along the road to the thing's near end.
        rows: (n,) int64, which of the world's things.
        owner: (height, width) int32, row of the thing that each pixel shows, trees and houses too;
            -1 for road, verge and sky.
        category: (height, width) int8, class of each pixel, -1 where none.
        depth: (height, width) float32, metres along the road, infinite in the sky.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    identities: np.ndarray
    occlusion: np.ndarray
    distance: np.ndarray
    rows: np.ndarray
    owner: np.ndarray
    category: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True)
class Scenes:
    """Pictures with what is in them; entry i of each list belongs to picture i.

    Attributes:
        images: (N, 3, height, width) uint8.
        boxes: N of (n, 4) float32, x1, y1, x2, y2 in pixels around the visible part.
        labels: N of (n,) int64, index into `CLASSES`.
        identities: N of (n,) int64, the same for the same thing in one sequence.
        occlusion: N of (n,) float32, share hidden by others.
        distance: N of (n,) float32, metres.
        category: (N, height, width) int8, class of each pixel, -1 where none.
        instance: (N, height, width) int16, identity of each pixel's thing, -1 where none.
        depth: (N, height, width) float32, metres along the road, infinite in the sky.
        weather: N names.
        light: N names.
    """

    images: torch.Tensor
    boxes: list[torch.Tensor]
    labels: list[torch.Tensor]
    identities: list[torch.Tensor]
    occlusion: list[torch.Tensor]
    distance: list[torch.Tensor]
    category: torch.Tensor
    instance: torch.Tensor
    depth: torch.Tensor
    weather: tuple[Weather, ...]
    light: tuple[Light, ...]

    def __len__(self) -> int:
        return len(self.images)


def render(
    world: World,
    camera: Camera,
    *,
    generator: np.random.Generator | None = None,
    noise: float = 2.5,
) -> Frame:
    """Draw one state of a world.

    Args:
        world: what to draw.
        camera: where it is seen from.
        generator: places the rain and draws the camera's noise; without one both start from 0.
        noise: standard deviation of the camera's noise, grey values; 0 for none.

    Returns:
        Picture, boxes, masks and depth. A thing has a box where it shows at least 16 pixels, and a
        quarter of what it would show with nothing before it.

    Example:
        >>> from companion.data.scene_world import Kind, Road, Things
        >>> world = World(Road(), Things.make(Kind.CAR, lateral=[1.75], along=[20.0]))
        >>> frame = render(world, Camera(lateral=1.75))
        >>> frame.image.shape, frame.labels.tolist(), frame.boxes.shape
        ((128, 128, 3), [0], (1, 4))
    """
    generator = np.random.default_rng(0) if generator is None else generator
    return render_all([world], [camera], [generator], noise=noise)[0]


def render_all(
    worlds: Sequence[World],
    cameras: Sequence[Camera],
    generators: Sequence[np.random.Generator],
    *,
    noise: float = 2.5,
) -> list[Frame]:
    """Draw several pictures, which takes less time than one by one.

    Args:
        worlds: what to draw.
        cameras: as many.
        generators: as many; where one object stands several times, it serves in this order.
        noise: as for `render`.

    Returns:
        As for `render`, one frame for each world; the same as one by one.

    Raises:
        ValueError: the numbers of worlds, cameras and generators differ.
    """
    if not len(worlds) == len(cameras) == len(generators):
        raise ValueError(
            "each world needs a camera and a generator, got "
            f"{len(worlds)} worlds, {len(cameras)} cameras and {len(generators)} generators"
        )
    frames = []
    for begin in range(0, len(worlds), _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        pictures = Pictures.join(worlds[part], cameras[part])
        placed, shadows, lamps = place(pictures), cast_shadows(pictures), place_lamps(pictures)
        columns = (worlds[part], cameras[part], placed, shadows, lamps, generators[part])
        frames += [_paint(*row, noise=noise) for row in zip(*columns, strict=True)]
    return frames


def _paint(
    world: World,
    camera: Camera,
    placed: Placed,
    shadows: np.ndarray,
    lamps: Lamps,
    generator: np.random.Generator,
    *,
    noise: float,
) -> Frame:
    empty, ground = paint_background(world, camera)
    strength = _SHADOW[world.weather] * (0.5 if world.light == "night" else 1)
    paint_shadows(empty, shadows, camera, strength)
    image = cv2.merge(list(np.rint(empty).astype(np.uint8)))
    sky = image[np.isinf(ground[:, 0])]
    things = world.things
    painting = paint_things(image, things, placed, ground)
    depth = _rims(painting.depth, image, sky)
    image = light_up(image, painting.owner, depth, lamps, world, camera, generator, noise)
    share = painting.seen / np.maximum(painting.whole, 1)
    labelled = things.kind < len(CLASSES)
    rows = np.flatnonzero(labelled & (painting.seen >= SMALLEST) & (share >= 1 - HIDDEN))
    places = find_objects(painting.owner + 1, max_label=len(things))
    boxes = [
        (places[row][1].start, places[row][0].start, places[row][1].stop, places[row][0].stop)
        for row in rows
    ]
    kinds = np.append(np.where(labelled, things.kind, -1), -1).astype(np.int8)
    near = things.along[rows] - things.size[rows, 0] / 2 - camera.along
    return Frame(
        image=image,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=things.kind[rows],
        identities=things.identity[rows],
        occlusion=(1 - share[rows]).astype(np.float32),
        distance=np.maximum(near, camera.near).astype(np.float32),
        rows=rows,
        owner=painting.owner,
        category=kinds[painting.owner],
        depth=painting.depth,
    )


def _rims(depth: np.ndarray, image: np.ndarray, sky: np.ndarray) -> np.ndarray:
    """Give pixels of the sky that a thing's soft rim touches the thing's depth, for its light."""
    top = len(sky)
    if not top:
        return depth
    red, green, blue = cv2.split(cv2.absdiff(image[:top], sky))
    changed = (red > 0) | (green > 0) | (blue > 0)
    inverse = cv2.dilate(1 / depth[:top], np.ones((5, 5), np.uint8))
    depth = depth.copy()
    rim = changed & np.isinf(depth[:top]) & (inverse > 0)
    depth[:top][rim] = 1 / inverse[rim]
    return depth


def draw_scenes(
    count: int,
    size: int = 128,
    *,
    seed: int = 0,
    weather: Weather | None = None,
    light: Light | None = None,
) -> Scenes:
    """Draw stills of random roads.

    Args:
        count: how many.
        size: height and width, pixels.
        seed: decides all; scene i depends on seed and i only.
        weather: "clear", "cloudy", "rain" or "fog" for all; by default they are mixed.
        light: "day", "dusk" or "night" for all; by default they are mixed.

    Returns:
        The scenes. Drawing takes milliseconds each; `make bench` measures it.

    Raises:
        ValueError: `count` below 0, `size` below 16, an unknown weather or light.

    Example:
        >>> scenes = draw_scenes(4, size=64)
        >>> scenes.images.shape, len(scenes.boxes)
        (torch.Size([4, 3, 64, 64]), 4)
    """
    if count < 0:
        raise ValueError(f"count is a number of scenes, 0 or more, got {count}")
    generators = [np.random.default_rng((seed, number)) for number in range(count)]
    worlds, cameras = [], []
    for generator in generators:
        world, lateral = random_world(generator, weather=weather, light=light)
        cameras.append(random_camera(generator, size, lateral))
        worlds.append(world)
    return _collect(render_all(worlds, cameras, generators), worlds, (size, size))


def draw_sequence(
    count: int,
    size: int = 128,
    *,
    seed: int = 0,
    rate: float = 10.0,
    weather: Weather | None = None,
    light: Light | None = None,
) -> Scenes:
    """Draw a video: one random road on which everybody moves, the camera too.

    Args:
        count: pictures.
        size: height and width, pixels.
        seed: decides all.
        rate: pictures per second.
        weather: as for `draw_scenes`.
        light: as for `draw_scenes`.

    Returns:
        The pictures in order; an identity is one thing all along.

    Raises:
        ValueError: `count` below 0, `rate` not positive, or as for `draw_scenes`.
    """
    if count < 0 or not rate > 0:
        raise ValueError(f"count is 0 or more and rate positive, got {count} and {rate}")
    generator = np.random.default_rng((seed, 2**31))
    world, lateral = random_world(generator, weather=weather, light=light, reach=160)
    camera = random_camera(generator, size, lateral)
    moving = world.things.speed[world.things.heading > 0]
    speed = float(np.median(moving[moving > 3])) if (moving > 3).any() else 10.0
    seconds = [number / rate for number in range(count)]
    worlds = [world.moved(after) for after in seconds]
    cameras = [replace(camera, along=camera.along + speed * after) for after in seconds]
    frames = render_all(worlds, cameras, [generator] * count)
    return _collect(frames, [world] * count, (size, size))


def _collect(frames: list[Frame], worlds: list[World], shape: tuple[int, int]) -> Scenes:
    def stacked(name: str, kind: type[np.generic]) -> torch.Tensor:
        empty = np.zeros((0, *shape, *([3] if name == "image" else [])), kind)
        return torch.from_numpy(np.stack([getattr(f, name) for f in frames]) if frames else empty)

    def listed(name: str) -> list[torch.Tensor]:
        return [torch.from_numpy(getattr(frame, name)) for frame in frames]

    instances = [
        np.append(world.things.identity, -1).astype(np.int16)[frame.owner]
        for frame, world in zip(frames, worlds, strict=True)
    ]
    return Scenes(
        images=stacked("image", np.uint8).permute(0, 3, 1, 2).contiguous(),
        boxes=listed("boxes"),
        labels=listed("labels"),
        identities=listed("identities"),
        occlusion=listed("occlusion"),
        distance=listed("distance"),
        category=stacked("category", np.int8),
        instance=torch.from_numpy(np.array(instances, np.int16).reshape(-1, *shape)),
        depth=stacked("depth", np.float32),
        weather=tuple(world.weather for world in worlds),
        light=tuple(world.light for world in worlds),
    )
