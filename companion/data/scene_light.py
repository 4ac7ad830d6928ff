"""Light and weather laid over a painted scene: dusk, headlights, fog, rain, lamps and noise."""

import math
from functools import lru_cache

import cv2
import numpy as np

from companion.data.scene_camera import Camera
from companion.data.scene_ground import SKIES
from companion.data.scene_lamps import Lamps, shine
from companion.data.scene_world import World

AMBIENT = {"day": (1.0, 1.0, 1.0), "dusk": (0.62, 0.52, 0.5), "night": (0.15, 0.17, 0.24)}
"""Light on everything, red, green and blue."""

CLOUDED = {"clear": 1.0, "cloudy": 0.88, "rain": 0.72, "fog": 0.85}
"""Share of the light that the weather lets through."""

BEAM = (1.0, 0.95, 0.84)


def light_up(
    image: np.ndarray,
    owner: np.ndarray,
    depth: np.ndarray,
    lamps: Lamps,
    world: World,
    camera: Camera,
    generator: np.random.Generator,
    noise: float,
) -> np.ndarray:
    """Turn a scene painted in even daylight into what a camera sees.

    Args:
        image: (height, width, 3) uint8.
        owner: (height, width) row of the thing that each pixel shows.
        depth: (height, width) metres, infinite in the sky.
        lamps: those of this picture.
        world: weather and light.
        camera: where it is seen from.
        generator: places the drops of rain and draws the noise.
        noise: standard deviation of the camera's noise in grey values; at night twice as much.

    Returns:
        (height, width, 3) uint8.
    """
    picture = np.stack(cv2.split(image)).astype(np.float32)  # (3, height, width)
    sky = np.isinf(depth)
    if world.light != "day" or world.weather != "clear":
        ambient = _color(AMBIENT[world.light]) * np.float32(CLOUDED[world.weather])
        if world.light != "day":
            strength = np.float32(0.9 if world.light == "night" else 0.25)
            ambient = ambient + strength * _headlights(camera, depth) * _color(BEAM)
        picture *= np.where(sky, np.float32(1), ambient)
    veil = 1 - np.exp(np.float32(-3 / world.visibility) * depth)
    veil[sky] = 0
    picture *= 1 - veil
    picture += veil * _color(SKIES[world.weather, world.light][1])
    if world.weather == "rain":
        _mirror(picture, camera)
    shine(picture, owner, lamps)
    if world.weather == "rain":
        _rain(picture, world, generator)
    spread = noise * (2 if world.light == "night" else 1)
    picture += _noise(generator, picture.shape, spread)
    return cv2.merge(list(np.clip(picture, 0, 255, out=picture).astype(np.uint8)))


def _color(rgb: tuple[float, float, float]) -> np.ndarray:
    return np.array(rgb, np.float32).reshape(3, 1, 1)


def _noise(generator: np.random.Generator, shape: tuple[int, ...], spread: float) -> np.ndarray:
    """Normal noise around 0.5: a random stretch of a long row of numbers, drawn once."""
    count = math.prod(shape)
    numbers = _numbers(max(1 << 20, 4 * count), spread)
    start = int(generator.integers(len(numbers) - count))
    return numbers[start : start + count].reshape(shape)


@lru_cache(maxsize=4)
def _numbers(count: int, spread: float) -> np.ndarray:
    numbers = np.random.default_rng(3).standard_normal(count, dtype=np.float32)
    numbers = numbers * np.float32(spread) + np.float32(0.5)
    numbers.flags.writeable = False
    return numbers


def _headlights(camera: Camera, depth: np.ndarray) -> np.ndarray:
    """Light of the camera's own car: a wide, low cone that fades with distance."""
    columns = (np.arange(camera.width, dtype=np.float32) + 0.5 - camera.width / 2) / camera.focal
    rows = (np.arange(camera.height, dtype=np.float32) + 0.5 - camera.skyline) / camera.focal
    wide = np.exp(-((columns / 0.34) ** 2))
    low = 1 / (1 + np.exp(-np.maximum(rows[:, None] + 0.035, -1) / 0.02))  # ends at the horizon
    return (wide * low).astype(np.float32) / (1 + (depth / np.float32(26)) ** 2)


def _mirror(picture: np.ndarray, camera: Camera) -> None:
    """A wet road mirrors a little of what stands above the horizon."""
    top = int(np.ceil(camera.skyline))
    rest = picture.shape[1] - top
    if top > 0 and rest > 0:
        for channel in picture:
            mirrored = cv2.resize(cv2.blur(channel[:top][::-1], (3, 9)), (channel.shape[1], rest))
            channel[top:] += np.float32(0.2) * (mirrored - channel[top:])


def _rain(picture: np.ndarray, world: World, generator: np.random.Generator) -> None:
    """Short bright streaks that slant the same way."""
    height, width = picture.shape[1:]
    count = width * height // 110
    streaks = np.zeros((height, width), np.uint8)
    start = generator.uniform((-4, -8), (width, height), (count, 2))
    length = height * generator.uniform(0.02, 0.055, count)
    ends = start + np.stack([0.18 * length, length], axis=1)
    lines = np.rint(np.stack([start, ends], axis=1) * _FINE).astype(np.int32)
    cv2.polylines(streaks, list(lines), False, 255, 1, cv2.LINE_AA, _SHIFT)
    bright = {"day": 215, "dusk": 150, "night": 80}[world.light]
    share = streaks.astype(np.float32) * np.float32(0.26 / 255)
    picture += share * (np.float32(bright) - picture)


_SHIFT = 4
_FINE = 1 << _SHIFT
