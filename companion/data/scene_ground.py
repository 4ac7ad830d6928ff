"""Road, verge and sky of a drawn scene: computed pixel by pixel, from what each pixel shows."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from companion.data.scene_camera import Camera
from companion.data.scene_world import Road, World

ASPHALT = np.array((104, 106, 110), np.float32)
PAINT = np.array((226, 226, 220), np.float32)
GRASS = np.array((98, 122, 66), np.float32)
PAVEMENT = np.array((158, 152, 144), np.float32)
KERB = np.array((186, 186, 186), np.float32)
LINE = 0.14
"""Width of a painted line, metres."""

DASH, PERIOD = 4.0, 10.0
"""Length of a dash between lanes and distance between two, metres."""

SKIES = {
    ("clear", "day"): ((82, 140, 214), (196, 218, 236)),
    ("cloudy", "day"): ((150, 162, 176), (206, 210, 214)),
    ("rain", "day"): ((116, 124, 134), (164, 170, 176)),
    ("fog", "day"): ((186, 190, 194), (198, 201, 204)),
    ("clear", "dusk"): ((64, 76, 128), (250, 168, 104)),
    ("cloudy", "dusk"): ((84, 84, 108), (206, 150, 122)),
    ("rain", "dusk"): ((66, 70, 86), (132, 118, 116)),
    ("fog", "dusk"): ((118, 114, 124), (150, 138, 136)),
    ("clear", "night"): ((8, 11, 26), (26, 31, 52)),
    ("cloudy", "night"): ((14, 16, 24), (30, 32, 42)),
    ("rain", "night"): ((10, 12, 18), (22, 25, 32)),
    ("fog", "night"): ((28, 31, 38), (40, 43, 50)),
}
"""Colours at the zenith and at the horizon."""


def paint_background(world: World, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Draw the empty road under the sky, in even daylight.

    Args:
        world: road, weather and light.
        camera: where it is seen from.

    Returns:
        Colours, (3, height, width) float32 of 0 to 255, of the ground in even light and of the sky
        as it shines; depth along the road, (height, 1) float32 in metres, infinite in the sky.
    """
    rows = np.arange(camera.height, dtype=np.float32) + np.float32(0.5)
    top = int(np.count_nonzero(rows <= camera.skyline))
    depth = np.full((camera.height, 1), np.inf, np.float32)
    below = np.maximum(rows[top:] - np.float32(camera.skyline), np.float32(0.25))
    depth[top:, 0] = camera.focal * camera.eye / below
    image = np.empty((3, camera.height, camera.width), np.float32)
    image[:, :top] = _sky(world, camera, rows[:top, None])
    image[:, top:] = _ground(world.road, camera, depth[top:])
    return image, depth


def _ground(road: Road, camera: Camera, depth: np.ndarray) -> np.ndarray:
    """Mix the surfaces in the shares that each pixel shows of them."""
    pixel = depth / np.float32(camera.focal)  # (rows, 1) metres that a pixel covers across the road
    columns = (np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2))[None]
    bend = np.float32(road.curve / 2) * depth**2
    lateral = columns * pixel + (np.float32(camera.lateral) - bend)
    along = np.float32(camera.along % 5120) + depth  # the tiles and dashes repeat in that length

    def strip(first: float, last: float) -> np.ndarray:
        """Shares of the pixels that lie between two lines along the road, 0 to 1."""
        middle, half = np.float32((first + last) / 2), np.float32((last - first) / 2)
        return _covered(lateral - middle, half, pixel)

    cells = (lateral * np.float32(8) + np.float32(2**16)).astype(np.int32)
    texture = _tiled(_grain(), (along * 6).astype(np.int32), cells)
    texture *= np.clip(14 / depth, 0, 1)
    coarse = _tiled(_patches(), (along * 2).astype(np.int32), cells >> 1)
    texture += coarse * np.clip(60 / depth, 0, 1)  # (rows, width), about -1 to 1

    line = np.rint(lateral / np.float32(road.lane_width))  # number of the nearest line
    paint = _covered(lateral - line * np.float32(road.lane_width), LINE / 2, pixel)
    solid = (line == 0) | (line == road.lanes) | (line == -road.oncoming)
    between = (line > -road.oncoming) & (line < road.lanes)
    dashes = _dashes(along, depth * pixel / np.float32(camera.eye))  # (rows, 1)
    paint *= np.float32(0.9) * np.where(solid, np.float32(1), between * dashes)
    asphalt = strip(road.left, road.right)
    verge = 1 - asphalt
    tone = 1 + np.float32(0.035) * texture
    rough = 1 + np.float32(0.14) * texture
    parts = [(asphalt * (1 - paint) * tone, ASPHALT), (asphalt * paint * tone, PAINT)]
    if road.town:
        walk = strip(road.left - 3.2, road.right + 3.2)
        kerb = strip(road.left - 0.25, road.right + 0.25) * verge
        parts += [
            (kerb, KERB),
            ((walk - asphalt - kerb) * (1 + np.float32(0.04) * texture), PAVEMENT),
            ((1 - walk) * rough, GRASS),
        ]
    else:
        parts.append((verge * rough, GRASS))
    return _mix(parts)


def _covered(distance: np.ndarray, half: float | np.float32, pixel: np.ndarray) -> np.ndarray:
    """Share of each pixel, `pixel` metres wide, within `half` a width; overwrites the distance."""
    half = np.float32(half)
    np.abs(distance, out=distance)
    distance *= -1 / pixel
    distance += half / pixel + np.float32(0.5)
    return np.clip(distance, 0, np.minimum(1, 2 * half / pixel), out=distance)


def _tiled(tile: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of an endlessly repeated tile of 256 x 256."""
    return np.take(tile, ((rows & 255) << 8) | (columns & 255))


def _mix(parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Add colours (3,) in the shares (rows, width) that belong to them: (3, rows, width)."""
    shares, colors = zip(*parts, strict=True)
    mixed = np.array(colors, np.float32).T @ np.stack(shares).reshape(len(shares), -1)
    return mixed.reshape(3, *shares[0].shape)


def _dashes(along: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """How much of each pixel's stretch of road is a dash, 0 to 1; exact, so nothing flickers."""

    def painted(until: np.ndarray) -> np.ndarray:
        whole = np.floor(until / PERIOD)
        return whole * DASH + np.minimum(until - whole * PERIOD, DASH)

    half = np.maximum(footprint, 1e-3) / 2
    return (painted(along + half) - painted(along - half)) / (2 * half)


def _sky(world: World, camera: Camera, rows: np.ndarray) -> np.ndarray:
    """Mix gradient, clouds, the sun's glow and two ranges of hills."""
    zenith, horizon = (np.array(color, np.float32) for color in SKIES[world.weather, world.light])
    focal = np.float32(camera.focal)
    above = (np.float32(camera.skyline) - rows) / focal  # (rows, 1), tangent of the height
    columns = np.arange(camera.width, dtype=np.float32) + np.float32(0.5 - camera.width / 2)
    bearing = (columns / focal + np.float32(world.road.curve * 40))[None]  # a bend turns the view
    number = world.backdrop % 1009
    left = np.ones((len(rows), camera.width), np.float32)  # share of what is farthest away
    parts = []
    daylight = np.float32({"day": 0.7, "dusk": 0.3, "night": 0.05}[world.light])
    hills = ((0.028, 0.45), (0.055, 0.72)) if world.weather != "fog" else ()  # nearest first
    for layer, (height, haze) in enumerate(hills):
        phase = number * 1.7 - 2.3 * layer
        ridge = height * (
            0.55 + 0.3 * np.sin(bearing * 5 + phase) + 0.18 * np.sin(bearing * 13 + 2 * phase)
            + 0.07 * np.sin(bearing * 41 + phase)
        )  # fmt: skip
        cover = np.clip((ridge.astype(np.float32) - above) * focal + np.float32(0.5), 0, 1)
        parts.append((left * cover, haze * horizon + (1 - haze) * GRASS * daylight))
        left *= 1 - cover
    if world.weather != "fog":
        clear = np.float32({"clear": 0.65, "cloudy": 0.4, "rain": 0.5}[world.weather])
        row = np.minimum(60 / (above + np.float32(0.12)), 1000) + np.float32(7 * number)
        column = bearing * (60 / (above + np.float32(0.18))) + np.float32(31 * number)
        shade = _clouds()[row.astype(np.int32) & 255, np.floor(column).astype(np.int32) & 255]
        shade -= clear
        share = left * np.minimum(np.maximum(shade, 0, out=shade) * np.float32(1.3), 1)
        parts.append((share, np.minimum(horizon * np.float32(1.12), 255)))
        left -= share
        if world.weather == "clear" and world.light != "night" and abs(world.sun) < 80:
            low = np.float32(0.06 if world.light == "dusk" else 0.42)
            across = np.exp(-14 * (bearing - np.float32(np.tan(np.radians(world.sun)))) ** 2)
            glow = np.float32(0.45) * across * np.exp(-14 * (above - low) ** 2)
            parts.append((glow * left, np.array((255, 232, 190), np.float32)))
    blend = np.clip(above / np.float32(0.5), 0, 1) ** np.float32(0.6)
    parts += [(left * blend, zenith), (left * (1 - blend), horizon)]
    return np.minimum(_mix(parts), 255)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """A tile of roughness, (256, 256) in [-1, 1], always the same."""
    noise = np.random.default_rng(1).standard_normal((256, 256), dtype=np.float32)
    return np.clip(noise / 2, -1, 1)


@lru_cache(maxsize=1)
def _patches() -> np.ndarray:
    """A tile of worn and of lush patches, (256, 256) in [-1, 1], always the same."""
    return 2 * _soft(4, lambda frequency: np.exp(-((frequency / 0.07) ** 2))) - 1


@lru_cache(maxsize=1)
def _clouds() -> np.ndarray:
    """A tile of clouds, (256, 256) in [0, 1], always the same."""
    return _soft(2, lambda frequency: (frequency > 0.006) / np.maximum(frequency, 0.006) ** 1.7)


def _soft(seed: int, weight: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Noise with the given weights of its frequencies, spread evenly; it repeats without a seam."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    spectrum = np.fft.fft2(np.random.default_rng(seed).standard_normal((256, 256)))
    noise = np.fft.ifft2(spectrum * weight(frequency)).real
    ranks = noise.ravel().argsort().argsort().reshape(256, 256)
    return (ranks / ranks.max()).astype(np.float32)
