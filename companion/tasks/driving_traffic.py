"""Road traffic in many episodes at once: drivers who follow each other, and a person who may cross.

Drivers keep their lanes and brake and accelerate by the Intelligent Driver Model (Treiber, Hennecke
and Helbing, 2000, doi:10.1103/PhysRevE.62.1805). All arrays have one row per episode.
"""

from dataclasses import dataclass

import numpy as np

from companion.data.scene_world import SIZES, Kind, Road

FREE = 1e3
"""Gap in metres that stands for an empty road."""

HARDEST = 8.0
"""Strongest braking that tyres on a dry road allow, m/s^2."""


@dataclass(frozen=True)
class Driver:
    """How a driver follows, in the model's terms.

    Attributes:
        headway: time to the car ahead that is kept, s.
        standstill: gap when standing, m.
        acceleration: strongest, m/s^2.
        comfortable: braking that is still comfortable, m/s^2.
    """

    headway: float = 1.2
    standstill: float = 2.5
    acceleration: float = 1.8
    comfortable: float = 2.5


USUAL = Driver()


def follow(
    speed: np.ndarray | float,
    desired: np.ndarray | float,
    gap: np.ndarray | float,
    closing: np.ndarray | float,
    driver: Driver = USUAL,
) -> np.ndarray:
    """Acceleration of the Intelligent Driver Model.

    Args:
        speed: own, m/s.
        desired: on an empty road, m/s, positive.
        gap: from bumper to bumper, m.
        closing: own speed less that of the car ahead, m/s.
        driver: how to follow.

    Returns:
        m/s^2, never below the hardest possible braking.

    Example:
        >>> follow(15.0, 15.0, 1000.0, 0.0).round(2), follow(15.0, 15.0, 12.0, 8.0)
        (np.float64(-0.0), np.float64(-8.0))
    """
    root = 2 * np.sqrt(driver.acceleration * driver.comfortable)
    wanted = driver.standstill + np.maximum(speed * driver.headway + speed * closing / root, 0)
    free = (np.maximum(speed, 0) / desired) ** 4
    pull = driver.acceleration * (1 - free - (wanted / np.maximum(gap, 0.1)) ** 2)
    return np.maximum(pull, -HARDEST)


@dataclass
class Agents:
    """Vehicles and people, (episodes, agents) each; a person's place is the last column.

    Attributes:
        along: middle, metres along the road.
        lateral: middle, metres to the right of the carriageway's left edge.
        speed: along the road, m/s.
        acceleration: m/s^2, of the last step.
        desired: speed on an empty road, m/s.
        kind: of `companion.data.scene_world.Kind`.
        size: (episodes, agents, 3) length, width, height, m.
        brake_from: time at which a driver brakes for a reason that nobody else sees, s.
        brake_for: how long, s.
        brake_by: how hard, m/s^2.
        walk: speed to the left of the person, m/s; 0 for vehicles.
        walk_when: the person steps out when the car's time to reach them falls below, s.
    """

    along: np.ndarray
    lateral: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    desired: np.ndarray
    kind: np.ndarray
    size: np.ndarray
    brake_from: np.ndarray
    brake_for: np.ndarray
    brake_by: np.ndarray
    walk: np.ndarray
    walk_when: np.ndarray


PER_LANE = 4


def random_agents(
    generator: np.random.Generator,
    road: Road,
    lane: np.ndarray,
    speed: np.ndarray,
    person: np.ndarray,
) -> Agents:
    """Traffic around cars at along = 0.

    In the car's lane the next vehicle is 14 to 45 m away and drives 8 to 13 m/s; in half of the
    episodes it brakes hard at some moment. Others leave room to where the car is.

    Args:
        generator: source of all randomness.
        road: its lanes.
        lane: (episodes,) the cars' lanes.
        speed: (episodes,) the cars' speeds, m/s.
        person: (episodes,) bool, whether a person steps out from the right.

    Returns:
        Agents: four vehicles a lane, and the person.
    """
    episodes, lanes = len(lane), road.lanes
    own = np.arange(lanes) == lane[:, None]  # (episodes, lanes)
    gaps = generator.uniform(16, 48, (episodes, lanes, PER_LANE))
    behind = generator.uniform(14, 30, (episodes, lanes))
    ahead = np.where(
        own, generator.uniform(19, 50, own.shape), generator.uniform(-2, 40, own.shape)
    )
    gaps[:, :, 0], gaps[:, :, 1] = -behind, behind + ahead
    along = np.cumsum(gaps, axis=2)
    pace = np.broadcast_to(generator.uniform(8, 13, (episodes, lanes, 1)), along.shape)
    kind = np.searchsorted([0.7, 0.86], generator.random(along.shape))
    size = SIZES[kind] * generator.uniform(0.95, 1.05, (*along.shape, 3))
    along = along + (size[..., 0] - 4.4) / 2 * (along > 0)
    first = np.arange(PER_LANE) == 1
    brakes = generator.random(along.shape) < np.where(own[:, :, None] & first, 0.5, 0.1)
    lateral = road.middle(np.arange(lanes))[None, :, None] + generator.normal(0, 0.15, along.shape)

    def flat(values: np.ndarray, of_person: np.ndarray | float) -> np.ndarray:
        """All lanes' vehicles in one row, the person last."""
        values = np.broadcast_to(values, along.shape).reshape(episodes, -1)
        column = np.broadcast_to(of_person, (episodes,))[:, None]
        return np.concatenate([values, column], axis=1).astype(float)

    place = np.where(person, generator.uniform(32, 75, episodes), -1e4)
    human = np.broadcast_to(SIZES[Kind.PERSON], (episodes, 1, 3))
    agents = Agents(
        along=flat(along, place),
        lateral=flat(lateral, road.right + 0.7),
        speed=flat(pace, 0),
        acceleration=flat(np.zeros(1), 0),
        desired=flat(pace, 1),
        kind=flat(kind, Kind.PERSON).astype(int),
        size=np.concatenate([size.reshape(episodes, -1, 3), human], axis=1),
        brake_from=flat(np.where(brakes, generator.uniform(1, 6, along.shape), 1e6), 1e6),
        brake_for=flat(generator.uniform(1.5, 3.5, along.shape), 0),
        brake_by=flat(generator.uniform(3, 6, along.shape), 0),
        walk=flat(np.zeros(1), generator.uniform(1.2, 1.9, episodes)),
        walk_when=flat(np.zeros(1), generator.uniform(2.4, 3.6, episodes)),
    )
    # Nobody stands before the person, who would hide there, and nobody behind needs to stop hard.
    right = (np.arange(lanes) == lanes - 1).repeat(PER_LANE)
    before = person[:, None] & np.append(right, False) & (agents.along > 0)
    agents.along[before] += 90
    trailing = np.append(np.tile(np.arange(PER_LANE) == 0, lanes), False)
    agents.speed[:, trailing] = np.minimum(agents.speed[:, trailing], speed[:, None])
    return agents


def leaders(
    along: np.ndarray, lateral: np.ndarray, speed: np.ndarray, size: np.ndarray, margin: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """For each agent, who is next ahead in its path.

    Args:
        along: (episodes, agents).
        lateral: likewise.
        speed: likewise.
        size: (episodes, agents, 3).
        margin: room to the sides that a path needs beyond the vehicle's width, m.

    Returns:
        Gap from bumper to bumper, m, `FREE` where nobody is ahead; closing speed, m/s.
    """
    length, width = size[..., 0], size[..., 1]
    reach = (width[:, :, None] + width[:, None, :]) / 2 + margin
    apart = along[:, None, :] - along[:, :, None]  # [e, i, j]: how far j is ahead of i
    gap = apart - (length[:, :, None] + length[:, None, :]) / 2
    beside = np.abs(lateral[:, :, None] - lateral[:, None, :]) < reach
    gap = np.where(beside & (apart > 0), gap, FREE)
    nearest = gap.argmin(axis=2)
    found = np.take_along_axis(gap, nearest[:, :, None], axis=2)[:, :, 0]
    closing = np.where(found < FREE, speed - np.take_along_axis(speed, nearest, axis=1), 0.0)
    return found, closing
