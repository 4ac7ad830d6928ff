"""Random worlds: a road, its traffic, people, signs and what lines it."""

from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from companion.data.scene_camera import Camera
from companion.data.scene_world import SIZES, Kind, Light, Road, Things, Weather, World

PAINTS = np.array(
    [
        (232, 232, 230), (232, 232, 230), (186, 190, 196), (186, 190, 196), (92, 96, 102),
        (40, 41, 46), (40, 41, 46), (166, 30, 34), (34, 66, 142), (22, 92, 110), (150, 132, 96),
        (214, 148, 32), (60, 96, 66),
    ], float,
)  # fmt: skip
"""Colours of cars; frequent ones stand twice."""

BUSES = np.array([(208, 52, 46), (232, 180, 40), (60, 120, 176), (224, 224, 218)], float)
CLOTHES = np.array(
    [(196, 48, 52), (52, 98, 170), (60, 64, 70), (222, 214, 200), (226, 164, 44), (70, 130, 90),
     (126, 84, 142)], float,
)  # fmt: skip
LEAVES = np.array([(74, 112, 48), (92, 124, 54), (58, 98, 58), (118, 126, 50)], float)
WALLS = np.array([(206, 190, 164), (186, 134, 108), (214, 212, 206), (160, 160, 158)], float)

VISIBILITY = {"clear": 2500.0, "cloudy": 1800.0, "rain": 350.0, "fog": 90.0}
"""Usual distance in metres at which 5 % of the contrast are left."""


def random_world(
    generator: np.random.Generator,
    *,
    weather: Weather | None = None,
    light: Light | None = None,
    reach: float = 110.0,
) -> tuple[World, float]:
    """Draw a road scene around a camera at along = 0.

    Args:
        generator: source of all randomness.
        weather: as for `World`; by default clear 45 %, cloudy 20 %, rain 17.5 %, fog 17.5 %.
        light: as for `World`; by default day 65 %, dusk 15 %, night 20 %.
        reach: how far ahead there is traffic, metres.

    Returns:
        The world, and the lateral place of the camera in one of its lanes, metres.
    """
    weather = weather or get_args(Weather)[_pick(generator, (0.45, 0.2, 0.175, 0.175), 1)[0]]
    light = light or get_args(Light)[_pick(generator, (0.65, 0.15, 0.2), 1)[0]]
    town = bool(generator.random() < 0.45)
    road = Road(
        lanes=int(generator.integers(1, 4)),
        oncoming=int(generator.integers(0, 3)),
        curve=0.0 if generator.random() < 0.4 else float(generator.normal(0, 0.0012)),
        town=town,
    )
    lane = int(generator.integers(road.lanes))
    camera_lateral = float(road.middle(lane) + generator.normal(0, 0.25))
    parts = [
        _traffic(generator, road, lane, reach),
        _people(generator, road),
        _signs(generator, road),
        roadside(generator, road),
    ]
    things = _apart(Things.join(*parts))
    things = replace(things, identity=np.arange(len(things)))
    world = World(
        road, things, weather, light,
        visibility=VISIBILITY.get(weather, 1.0) * float(generator.uniform(0.7, 1.5)),
        sun=float(generator.uniform(-150, 150)),
        backdrop=int(generator.integers(1000)),
    )  # fmt: skip
    return world, camera_lateral


def _pick(generator: np.random.Generator, shares: tuple[float, ...], count: int) -> np.ndarray:
    """Numbers from 0 on that come up in the given shares."""
    return np.searchsorted(np.cumsum(shares)[:-1], generator.random(count), side="right")


def vehicles(
    generator: np.random.Generator,
    lateral: np.ndarray,
    along: np.ndarray,
    **given: ArrayLike,
) -> Things:
    """Vehicles of random kind, size and colour: 62 % cars, 20 % trucks, 18 % buses."""
    count = len(along)
    kind = _pick(generator, (0.62, 0.2, 0.18), count)
    color = PAINTS[generator.integers(len(PAINTS), size=count)]
    buses = kind == Kind.BUS
    color[buses] = BUSES[generator.integers(len(BUSES), size=buses.sum())]
    style = generator.integers(12, size=count)
    size = SIZES[kind] * generator.uniform(0.93, 1.08, (count, 3))
    size[:, 1] = np.minimum(size[:, 1], 2.6)
    made = {"color": color, "style": style, "size": size} | given
    return Things.make(kind, lateral, along, **made)


def _traffic(generator: np.random.Generator, road: Road, own: int, reach: float) -> Things:
    """Vehicles in every lane, at least 11 m from middle to middle; all in a lane are as fast."""
    lane = np.arange(-road.oncoming, road.lanes)[:, None]
    gaps = 11 + generator.uniform(14, 55, lane.shape) * generator.exponential(1, (len(lane), 12))
    gaps[:, 0] = np.where(lane[:, 0] == own, 14, -6) + generator.uniform(0, 14, len(lane))
    along = np.cumsum(gaps, axis=1)
    heading = np.where(lane < 0, -1, 1)
    speed = heading * generator.uniform(8, 24) * generator.uniform(0.9, 1.1, lane.shape)
    there = along < reach
    lane, heading, speed = (np.broadcast_to(a, along.shape)[there] for a in (lane, heading, speed))
    count = len(lane)
    return vehicles(
        generator, road.middle(lane) + generator.normal(0, 0.22, count), along[there],
        heading=heading, speed=speed, braking=(generator.random(count) < 0.15) & (heading > 0),
    )  # fmt: skip


def _people(generator: np.random.Generator, road: Road) -> Things:
    count = generator.poisson(2.6 if road.town else 1.1)
    along = generator.uniform(6, 55, count)
    crossing = generator.random(count) < 0.3
    side = generator.random(count) < 0.35  # on the left
    beside = np.where(
        side,
        road.left - generator.uniform(0.5, 2.6, count),
        road.right + generator.uniform(0.5, 2.6, count),
    )
    lateral = np.where(crossing, generator.uniform(road.left, road.right, count), beside)
    walk = np.where(generator.random(count) < 0.5, -1, 1) * generator.uniform(0.9, 1.6, count)
    return people(
        generator, lateral, along,
        drift=np.where(crossing, walk, 0), speed=np.where(crossing, 0, walk),
    )  # fmt: skip


def people(
    generator: np.random.Generator,
    lateral: np.ndarray,
    along: np.ndarray,
    **given: ArrayLike,
) -> Things:
    """People of random height and clothes; those who walk towards the camera show their face."""
    count = len(along)
    walk = given.get("speed", np.zeros(count))
    size = SIZES[Kind.PERSON] * generator.uniform(0.88, 1.08, (count, 1))
    return Things.make(
        Kind.PERSON, lateral, along, size=size,
        color=CLOTHES[generator.integers(len(CLOTHES), size=count)],
        style=generator.integers(12, size=count),
        heading=np.where(np.asarray(walk) > 0, 1, -1), **given,
    )  # fmt: skip


def _signs(generator: np.random.Generator, road: Road) -> Things:
    count = generator.poisson(1.5)
    along = generator.uniform(7, 60, count)
    left = (generator.random(count) < 0.25) & (road.oncoming == 0)
    offset = generator.uniform(0.5, 1.2, count)
    lateral = np.where(left, road.left - offset, road.right + offset)
    return Things.make(
        Kind.SIGN, lateral, along, style=generator.integers(4, size=count), color=(30, 84, 170)
    )


def roadside(generator: np.random.Generator, road: Road, reach: float = 150.0) -> Things:
    """Trees, houses and street lamps on both sides of a road."""
    count = generator.poisson(6 if road.town else 25)
    side = np.where(generator.random(count) < 0.5, -1, 1)
    nearest, farthest = (2.4, 3.4) if road.town else (3.5, 26.0)
    offset = generator.uniform(nearest, farthest, count)
    trees = Things.make(
        Kind.TREE, _beside(road, side, offset), generator.uniform(6, reach, count),
        size=SIZES[Kind.TREE] * generator.uniform(0.6, 1.25, (count, 1)),
        style=generator.integers(12, size=count),
        color=LEAVES[generator.integers(len(LEAVES), size=count)],
    )  # fmt: skip
    if not road.town:
        return trees
    along = np.arange(-4, reach, 14.0)
    side, along = np.repeat([-1, 1], len(along)), np.tile(along, 2)
    kept = generator.random(len(along)) < 0.8
    side, along = side[kept], along[kept]
    count = len(along)
    size = SIZES[Kind.HOUSE] * generator.uniform((0.9, 0.8, 0.8), (1.25, 1.1, 1.7), (count, 3))
    offset = 4.2 + size[:, 1] / 2 + generator.uniform(0, 2.5, count)
    houses = Things.make(
        Kind.HOUSE, _beside(road, side, offset), along + generator.uniform(-1, 1, count), size=size,
        style=generator.integers(12, size=count),
        color=WALLS[generator.integers(len(WALLS), size=count)],
    )  # fmt: skip
    poles = np.arange(generator.uniform(4, 20), reach, 26.0)
    side, poles = np.repeat([-1, 1], len(poles)), np.tile(poles, 2)
    return Things.join(trees, houses, Things.make(Kind.LAMP, _beside(road, side, 0.7), poles))


def _beside(road: Road, side: np.ndarray, offset: np.ndarray | float) -> np.ndarray:
    """Places some metres beside the asphalt, on the left (-1) or the right (1)."""
    return np.where(side < 0, road.left - offset, road.right + offset)


def _apart(things: Things) -> Things:
    """Leave out people, signs and trees that stand inside of something else."""
    margin = 0.4
    length, width = things.size[:, 0] + margin, things.size[:, 1] + margin
    width = np.where(things.kind == Kind.TREE, 1.0, width)
    close = (np.abs(things.along[:, None] - things.along) < (length[:, None] + length) / 2) & (
        np.abs(things.lateral[:, None] - things.lateral) < (width[:, None] + width) / 2
    )
    earlier = np.tril(close, -1)
    return things.take(np.flatnonzero(~earlier.any(axis=1)))


def random_camera(generator: np.random.Generator, size: int, lateral: float) -> Camera:
    """A camera in a car, of slightly varying height, angle and tilt."""
    return Camera(
        size, size, view=float(generator.uniform(50, 68)), lateral=lateral,
        eye=float(generator.uniform(1.25, 1.75)), horizon=float(generator.uniform(0.42, 0.5)),
    )  # fmt: skip
