"""A car among others, in many episodes at once: motion, what can be perceived, and collisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

import numpy as np

from companion.data.scene_camera import Camera
from companion.data.scene_sampling import VISIBILITY, people, roadside, vehicles
from companion.data.scene_world import Kind, Light, Road, Things, Weather, World
from companion.tasks.driving_traffic import FREE, HARDEST, Agents, follow, leaders, random_agents

STEP = 0.25
"""Time between two decisions, s."""

SUBSTEPS = 3
LAG = 0.25
"""Time constant with which engine and brakes follow a wish, s."""

LENGTH, WIDTH, WHEELBASE = 4.4, 1.8, 2.7
RANGE = 60.0
"""How far ahead matters, m."""

STRONGEST = 2.5
"""Strongest acceleration, m/s^2."""

STEER = 0.15
"""Largest angle of the front wheels, radians."""


@dataclass(frozen=True)
class Perception:
    """What a driver needs to know of the road ahead; columns are left, own and right path.

    Attributes:
        present: (episodes, 3) bool, whether anything is within 60 m.
        gap: (episodes, 3) to the nearest thing, m; 60 where nothing is.
        closing: (episodes, 3) own speed less the thing's, m/s; 0 where nothing is.
        person: (episodes,) bool, whether a person on the road ahead is within 45 m and 2.4 m to the
            side, in the car's path or about to enter it.
        person_gap: (episodes,) m; 60 where nobody is.
    """

    present: np.ndarray
    gap: np.ndarray
    closing: np.ndarray
    person: np.ndarray
    person_gap: np.ndarray

    @staticmethod
    def nothing(episodes: int) -> "Perception":
        """An empty road, as somebody who sees nothing takes it to be."""
        return Perception(
            np.zeros((episodes, 3), bool),
            np.full((episodes, 3), RANGE),
            np.zeros((episodes, 3)),
            np.zeros(episodes, bool),
            np.full(episodes, RANGE),
        )


class Simulation:
    """Episodes that start anew with each object.

    Args:
        episodes: how many.
        seed: decides all.
        weather: one for all, or a list to draw from.
        light: one for all, or a list to draw from.
        person: share of the episodes in which a person steps out.
        visibility: metres after which 5 % of the contrast are left, for all; by default the
            weather's usual one.

    Attributes:
        road: three lanes, and one in the other direction.
        time: s since the start.
        along, lateral, heading, speed, acceleration, desired: (episodes,) of the car: m, m, radians
            (positive to the right), m/s, m/s^2, m/s.
        others: the traffic.
        hit: (episodes,) kind of what the car has hit, -1 while nothing; a car that has hit
            something stands still from then on.

    Raises:
        ValueError: `episodes` below 1, `person` outside [0, 1], or an unknown weather or light.
    """

    def __init__(
        self,
        episodes: int,
        *,
        seed: int = 0,
        weather: Weather | Sequence[Weather] = ("clear", "cloudy", "rain"),
        light: Light | Sequence[Light] = ("day", "dusk"),
        person: float = 0.25,
        visibility: float | None = None,
    ):
        if episodes < 1 or not 0 <= person <= 1:
            raise ValueError(
                f"episodes start at 1 and person is a share in [0, 1], got {episodes} and {person}"
            )
        generator = np.random.default_rng(seed)
        self.road = Road(lanes=3, oncoming=1)
        with_person = generator.random(episodes) < person
        lane = np.where(with_person, 2, generator.integers(3, size=episodes))
        self.time = 0.0
        self.along = np.zeros(episodes)
        self.lateral = self.road.middle(lane) + generator.normal(0, 0.1, episodes)
        self.heading = np.zeros(episodes)
        self.speed = generator.uniform(10, 14, episodes)
        self.acceleration = np.zeros(episodes)
        self.desired = generator.uniform(13, 15, episodes)
        self.others: Agents = random_agents(generator, self.road, lane, self.speed, with_person)
        self.hit = np.full(episodes, -1)
        self._walking = np.zeros(episodes, bool)
        self._weather = _drawn(generator, weather, get_args(Weather), episodes)
        self._light = _drawn(generator, light, get_args(Light), episodes)
        self._seed, self._visibility = seed, visibility
        self._looks: dict[int, tuple[Things, Things, float]] = {}

    def __len__(self) -> int:
        return len(self.along)

    @property
    def running(self) -> np.ndarray:
        """(episodes,) bool, whether the car has hit nothing."""
        return self.hit < 0

    @property
    def lane(self) -> np.ndarray:
        """(episodes,) number of the lane that the car is in."""
        nearest = np.floor(self.lateral / self.road.lane_width).astype(int)
        return np.clip(nearest, 0, self.road.lanes - 1)

    def step(self, acceleration: np.ndarray, steer: np.ndarray) -> None:
        """Let a quarter of a second pass.

        Args:
            acceleration: (episodes,) wished for, m/s^2; cut to what the car can do, -8 to 2.5.
            steer: (episodes,) angle of the front wheels, radians, positive to the right.
        """
        wish = np.clip(acceleration, -HARDEST, STRONGEST)
        wheels = np.tan(np.clip(steer, -STEER, STEER)) / WHEELBASE
        passed = STEP / SUBSTEPS
        for _ in range(SUBSTEPS):
            self._others_drive(passed)
            going = self.running
            before, speed = self.acceleration, self.speed
            self.acceleration = before + (wish - before) * (1 - np.exp(-passed / LAG))
            gained = passed * (before + self.acceleration) / 2
            self.speed = np.where(going, np.maximum(speed + gained, 0), 0.0)
            self.acceleration[(self.speed == 0) & (self.acceleration < 0)] = 0
            way = passed * (speed + self.speed) / 2
            self.heading = self.heading + way * wheels
            self.along = self.along + way * np.cos(self.heading)
            self.lateral = self.lateral + way * np.sin(self.heading)
            self.time += passed
            self._collide()

    def _others_drive(self, passed: float) -> None:
        others = self.others
        gap, closing = leaders(
            np.column_stack([others.along, self.along]),
            np.column_stack([others.lateral, self.lateral]),
            np.column_stack([others.speed, self.speed]),
            np.concatenate([others.size, self._size()], axis=1),
            margin=0.6,
        )
        wish = follow(others.speed, others.desired, gap[:, :-1], closing[:, :-1])
        braking = (self.time >= others.brake_from) & (
            self.time < others.brake_from + others.brake_for
        )
        wish = np.where(braking, np.minimum(wish, -others.brake_by), wish)
        others.acceleration = np.where(others.kind == Kind.PERSON, 0, wish)
        others.speed = np.maximum(others.speed + passed * others.acceleration, 0)
        others.along = others.along + passed * others.speed
        ahead = others.along[:, -1] - self.along
        self._walking |= (ahead > 0) & (ahead < others.walk_when[:, -1] * self.speed)
        across = self._walking & (others.lateral[:, -1] > self.road.left)
        others.lateral[:, -1] -= passed * np.where(across, others.walk[:, -1], 0)

    def _size(self) -> np.ndarray:
        return np.broadcast_to((LENGTH, WIDTH, 1.5), (len(self), 1, 3))

    def _collide(self) -> None:
        others = self.others
        touch = (
            np.abs(others.along - self.along[:, None]) < (others.size[..., 0] + LENGTH) / 2
        ) & (np.abs(others.lateral - self.lateral[:, None]) < (others.size[..., 1] + WIDTH) / 2)
        new = touch.any(axis=1) & self.running
        first = touch.argmax(axis=1)
        self.hit = np.where(new, others.kind[np.arange(len(self)), first], self.hit)
        self.hit[
            self.running & ((self.lateral < self.road.left) | (self.lateral > self.road.right))
        ] = len(Kind)
        self.speed[~self.running] = 0
        self.acceleration[~self.running] = 0

    def truth(self) -> Perception:
        """What perfect eyes would report."""
        others = self.others
        gap = others.along - self.along[:, None] - (others.size[..., 0] + LENGTH) / 2
        side = others.lateral - self.lateral[:, None]
        human = others.kind == Kind.PERSON
        ahead = (gap > -2) & (gap < RANGE)
        own = np.abs(side) < (others.size[..., 1] + WIDTH) / 2 + 0.4
        paths = np.stack(
            [
                ~own & (np.abs(side + self.road.lane_width) < 1.75),
                own,
                ~own & (np.abs(side - self.road.lane_width) < 1.75),
            ],
            axis=1,
        )  # (episodes, 3, agents)
        gaps = np.where(paths & (ahead & ~human)[:, None], np.maximum(gap, 0)[:, None], FREE)
        nearest = gaps.argmin(axis=2)
        found = np.take_along_axis(gaps, nearest[:, :, None], axis=2)[:, :, 0]
        present = found < RANGE
        closing = self.speed[:, None] - np.take_along_axis(others.speed, nearest, axis=1)
        place, beside = gap[:, -1], np.abs(side[:, -1])
        on_road = others.lateral[:, -1] < self.road.right + 0.2
        person = (place > -0.5) & (place < 45) & (beside < 2.4) & on_road
        return Perception(
            present,
            np.where(present, found, RANGE),
            np.where(present, closing, 0.0),
            person,
            np.where(person, np.maximum(place, 0), RANGE),
        )

    def beside_free(self) -> np.ndarray:
        """What radars at the corners report: whether the lanes beside the car are free.

        Returns:
            (episodes, 2) bool, left and right: a lane is there, nobody is in it from 8 m behind to
            6 m before the car, and nobody behind would reach the car within 4 s.
        """
        others = self.others
        apart = others.along - self.along[:, None]
        side = others.lateral - self.lateral[:, None]
        closing = others.speed - self.speed[:, None]
        reaches = (apart < 0) & (-apart - LENGTH < np.maximum(4 * closing, 0) + 4)
        near = reaches | (np.abs(apart) < (others.size[..., 0] + LENGTH) / 2 + 3)
        free = [
            ~(near & (np.abs(side - sign * self.road.lane_width) < 1.9)).any(axis=1)
            & (self.lane + sign >= 0)
            & (self.lane + sign < self.road.lanes)
            for sign in (-1, 1)
        ]
        return np.stack(free, axis=1)

    def world(self, row: int) -> World:
        """One episode as something that can be drawn."""
        if row not in self._looks:
            self._looks[row] = self._dress(row)
        cars, still, sun = self._looks[row]
        others = self.others
        moving = Things(
            cars.kind, others.lateral[row], others.along[row], others.size[row], cars.heading,
            cars.color, others.speed[row], cars.drift, others.acceleration[row] < -0.6,
            cars.style + (cars.kind == Kind.PERSON) * int(self.time * 5), cars.identity,
        )  # fmt: skip
        still = still.take(
            np.abs(still.along + self.time * still.speed - self.along[row] - 55) < 60
        )
        still = World(self.road, still).moved(self.time).things
        return World(
            self.road, Things.join(moving, still), self._weather[row], self._light[row],
            visibility=self._visibility or VISIBILITY[self._weather[row]],
            sun=sun, backdrop=row + 97 * self._seed,
        )  # fmt: skip

    def camera(self, row: int, width: int = 96, height: int = 40) -> Camera:
        """The car's camera: it looks ahead along the road, 1.5 m behind the front bumper."""
        return Camera(
            width, height, view=50, lateral=float(self.lateral[row]),
            along=float(self.along[row]) + LENGTH / 2 - 1.5, horizon=0.2,
        )  # fmt: skip

    def _dress(self, row: int) -> tuple[Things, Things, float]:
        """Colours of the traffic, and what stands beside the road or comes along it."""
        generator = np.random.default_rng((self._seed, row, 1))
        count = self.others.kind.shape[1]
        nowhere = np.zeros(count)
        cars = vehicles(generator, nowhere, nowhere, identity=np.arange(count))
        kind = self.others.kind[row]
        clothes = people(generator, nowhere[:1], nowhere[:1]).color
        cars = Things.make(
            kind, nowhere, nowhere, style=cars.style, identity=cars.identity,
            color=np.where((kind == Kind.PERSON)[:, None], clothes, cars.color),
        )  # fmt: skip
        trees = roadside(generator, self.road, reach=300)
        oncoming = np.cumsum(generator.uniform(25, 90, 9))
        lane = np.full(9, self.road.middle(-1))
        speed = np.full(9, -generator.uniform(9, 14))
        coming = vehicles(
            generator, lane, oncoming, heading=-1, speed=speed, identity=100 + np.arange(9)
        )
        walkers = generator.poisson(1.2)
        walking = people(
            generator, self.road.right + generator.uniform(0.6, 2.2, walkers),
            generator.uniform(10, 200, walkers), speed=generator.uniform(-1.5, 1.5, walkers),
        )  # fmt: skip
        trees = trees.take(generator.random(len(trees)) < 0.7)
        return cars, Things.join(trees, coming, walking), float(generator.uniform(-150, 150))


_Name = TypeVar("_Name", bound=str)


def _drawn(
    generator: np.random.Generator, names: _Name | Sequence[_Name], known: tuple, count: int
) -> list[_Name]:
    several = [names] if isinstance(names, str) else list(names)
    if not several or not set(several) <= set(known):
        raise ValueError(f"weather and light are among {known}, got {several}")
    return [several[each] for each in generator.integers(len(several), size=count)]
