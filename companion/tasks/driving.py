"""Driving by sight in a drawn world: from pictures to decisions, in many episodes at once.

    simulation = Simulation(200, seed=1)
    result = drive(simulation, see=my_eyes)     # collisions, hard braking, comfort

`see` is a function from the cars' pictures and speeds to a `Perception`; `None` drives by the
truth, and `blind` as if the road were empty. What follows from it is always the same planner.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from companion.data.scene_world import Kind
from companion.data.scenes import render_all
from companion.tasks.driving_planner import CAREFUL, Planner, Rules
from companion.tasks.driving_simulation import STEP, Perception, Simulation

__all__ = [
    "Drives",
    "Perception",
    "Planner",
    "Rules",
    "Simulation",
    "blind",
    "drive",
    "look",
    "look_all",
]

BASELINE = 2
"""Steps between the two pictures that eyes are given, where the episode is that old."""

HARD = -3.5
"""Braking harder than this throws a standing passenger, m/s^2."""

Eyes = Callable[[np.ndarray, np.ndarray], Perception]
"""From pictures (episodes, 2, height, width, 3) uint8, the earlier first, and speeds in m/s."""


@dataclass(frozen=True)
class Drives:
    """How the episodes went, one entry each.

    Attributes:
        collided: bool.
        hit_person: bool.
        hard_braking: s of braking harder than 3.5 m/s^2.
        jerk: root of the mean squared change of acceleration, m/s^3.
        distance: m.
        changes: changes of lane.
        trace: by name, (steps, episodes): "speed" in m/s, "acceleration" in m/s^2, and "gap", the
            true one in the car's path, in m.
    """

    collided: np.ndarray
    hit_person: np.ndarray
    hard_braking: np.ndarray
    jerk: np.ndarray
    distance: np.ndarray
    changes: np.ndarray
    trace: dict[str, np.ndarray]

    @classmethod
    def join(cls, parts: Sequence["Drives"]) -> "Drives":
        """Join the episodes of several simulations, in their order.

        Raises:
            ValueError: there are none, or their episodes differ in length.

        Example:
            >>> parts = [drive(Simulation(2, seed=half), seconds=1) for half in range(2)]
            >>> joined = Drives.join(parts)
            >>> joined.distance.shape, joined.trace["speed"].shape
            ((4,), (4, 4))
        """
        lengths = [len(part.trace["speed"]) for part in parts]
        if len(set(lengths)) != 1:
            raise ValueError(
                f"episodes of one length are joined, got {lengths} steps; drive all for the same "
                "number of seconds"
            )
        each = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in cls.__dataclass_fields__
            if name != "trace"
        }
        trace = {
            name: np.concatenate([part.trace[name] for part in parts], axis=1)
            for name in parts[0].trace
        }
        return cls(**each, trace=trace)


def drive(
    simulation: Simulation,
    see: Eyes | None = None,
    *,
    seconds: float = 10.0,
    rules: Rules = CAREFUL,
    record: Callable[[np.ndarray, np.ndarray, np.ndarray, Perception], None] | None = None,
    seed: int = 0,
) -> Drives:
    """Drive all episodes to their end.

    Args:
        simulation: fresh; is used up.
        see: eyes; None for perfect ones.
        seconds: length of an episode.
        rules: the planner's.
        record: is given, each step, the rows of the episodes that still run, their pictures,
            their speeds and the truth; for collecting data. Pictures are drawn only for `see` or
            `record`.
        seed: decides rain and noise in the pictures.

    Returns:
        How it went.

    Example:
        >>> seeing = drive(Simulation(20, seed=1))
        >>> unseeing = drive(Simulation(20, seed=1), blind)
        >>> seeing.collided.sum() < unseeing.collided.sum()
        np.True_
    """
    planner = Planner(simulation, rules)
    generator = np.random.default_rng((seed, 7))
    needs_pictures = record is not None or (see is not None and see is not blind)
    history: list[dict[int, np.ndarray]] = []
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("speed", "acceleration", "gap")}
    hard = np.zeros(len(simulation))
    for _ in range(round(seconds / STEP)):
        going = np.flatnonzero(simulation.running)
        truth = simulation.truth()
        seen = truth
        if needs_pictures:
            cars = going.tolist()
            now = dict(zip(cars, look_all(simulation, cars, generator), strict=True))
            past = history[0] if history else now
            pairs = [np.stack([past[row], picture]) for row, picture in now.items()]
            history = [*history, now][-BASELINE:]
            if record is not None and len(going):
                record(going, np.stack(pairs), simulation.speed[going], _rows(truth, going))
        if see is blind:
            seen = Perception.nothing(len(simulation))
        elif see is not None and len(going):
            seen = _spread(see(np.stack(pairs), simulation.speed[going]), going, len(simulation))
        simulation.step(*planner.decide(seen))
        hard += STEP * (simulation.acceleration < HARD)
        rows["speed"].append(simulation.speed.copy())
        rows["acceleration"].append(simulation.acceleration.copy())
        rows["gap"].append(truth.gap[:, 1])
    trace = {name: np.stack(values) for name, values in rows.items()}
    jerk = np.diff(trace["acceleration"], axis=0) / STEP
    return Drives(
        collided=~simulation.running,
        hit_person=simulation.hit == Kind.PERSON,
        hard_braking=hard,
        jerk=np.sqrt((jerk**2).mean(axis=0)),
        distance=simulation.along.copy(),
        changes=planner.changes.copy(),
        trace=trace,
    )


def blind(pictures: np.ndarray, speed: np.ndarray) -> Perception:
    """Eyes that see an empty road, whatever there is."""
    return Perception.nothing(len(speed))


def look(
    simulation: Simulation,
    row: int,
    generator: np.random.Generator,
    *,
    width: int = 96,
    height: int = 40,
) -> np.ndarray:
    """Picture of one car's camera, (height, width, 3) uint8."""
    return look_all(simulation, [row], generator, width=width, height=height)[0]


def look_all(
    simulation: Simulation,
    rows: Sequence[int],
    generator: np.random.Generator,
    *,
    width: int = 96,
    height: int = 40,
) -> list[np.ndarray]:
    """Pictures of some cars' cameras at once, each (height, width, 3) uint8."""
    frames = render_all(
        [simulation.world(row) for row in rows],
        [simulation.camera(row, width, height) for row in rows],
        [generator] * len(rows),
    )
    return [frame.image for frame in frames]


def _rows(seen: Perception, rows: np.ndarray) -> Perception:
    return Perception(*(getattr(seen, name)[rows] for name in Perception.__dataclass_fields__))


def _spread(seen: Perception, rows: np.ndarray, episodes: int) -> Perception:
    """What was seen in some episodes, and nothing in the others."""
    whole = Perception.nothing(episodes)
    for name in Perception.__dataclass_fields__:
        getattr(whole, name)[rows] = getattr(seen, name)
    return whole
