"""From what is perceived to pedals and steering: follow, brake in time, change lanes with room."""

from dataclasses import dataclass

import numpy as np

from companion.tasks.driving_simulation import LENGTH, STEER, WHEELBASE, Perception, Simulation
from companion.tasks.driving_traffic import HARDEST, Driver, follow

CAREFUL_DRIVER = Driver(headway=1.3)


@dataclass(frozen=True)
class Rules:
    """What the planner keeps to.

    Attributes:
        driver: how it follows.
        collision_time: it brakes with all force when, as speeds are, a collision is nearer, s.
        firm: or when a stop in time needs stronger braking than that, m/s^2.
        gain: it changes lanes when that gives so much more free road, m.
        pause: time between two changes of lane, s.
    """

    driver: Driver = CAREFUL_DRIVER
    collision_time: float = 1.6
    firm: float = 4.0
    gain: float = 15.0
    pause: float = 3.0


CAREFUL = Rules()


class Planner:
    """Decides for all episodes at once.

    Args:
        simulation: whose cars it drives; it reads their speed and lane, and the corner radars.
        rules: what it keeps to.
    """

    def __init__(self, simulation: Simulation, rules: Rules = CAREFUL):
        self.simulation, self.rules = simulation, rules
        self.lane = simulation.lane.copy()
        self.changes = np.zeros(len(simulation), int)
        self._left = self.lane.copy()
        self._changed = np.full(len(simulation), -np.inf)

    def decide(self, seen: Perception) -> tuple[np.ndarray, np.ndarray]:
        """Acceleration, m/s^2, and angle of the front wheels, radians, for the next step."""
        simulation = self.simulation
        self._choose_lane(seen)
        speed = simulation.speed
        wish = follow(
            speed, simulation.desired, seen.gap[:, 1], seen.closing[:, 1], self.rules.driver
        )
        wish = np.where(seen.present[:, 1], wish, follow(speed, simulation.desired, 1e3, 0.0))
        wish = np.where(self._emergency(seen), -HARDEST, wish)
        stop = speed**2 / (2 * np.maximum(seen.person_gap - 3, 0.3))
        for_person = np.where(stop > 1.5, -np.minimum(1.4 * stop, HARDEST), -1.0)
        wish = np.where(seen.person & (speed > 0.1), np.minimum(wish, for_person), wish)
        return wish, steer_to(simulation, self.simulation.road.middle(self.lane))

    def _emergency(self, seen: Perception) -> np.ndarray:
        gap, closing = seen.gap[:, 1], np.maximum(seen.closing[:, 1], 1e-3)
        needed = closing**2 / (2 * np.maximum(gap - 1.5, 0.3))
        soon = gap / closing < self.rules.collision_time
        return seen.present[:, 1] & (closing > 0.5) & (soon | (needed > self.rules.firm))

    def _choose_lane(self, seen: Perception) -> None:
        simulation, rules = self.simulation, self.rules
        free = simulation.beside_free()
        away = np.abs(simulation.lateral - simulation.road.middle(self._left))
        entering = np.where(self.lane > self._left, free[:, 1], free[:, 0])
        giving_up = (self.lane != self._left) & (away < 1.3) & ~entering
        self.lane = np.where(giving_up, self._left, self.lane)
        settled = np.abs(simulation.lateral - simulation.road.middle(self.lane)) < 0.4
        slow = seen.present[:, 1] & (seen.gap[:, 1] < 3 * simulation.speed) & (
            simulation.speed - seen.closing[:, 1] < simulation.desired - 2
        )  # fmt: skip
        wants = slow & settled & (simulation.time - self._changed > rules.pause) & ~seen.person
        wants &= simulation.speed > 5
        room = np.where(seen.present, seen.gap, 60.0)[:, [0, 2]]
        closing = np.where(seen.present, seen.closing, 0.0)[:, [0, 2]]
        enough = (room > room_needed(simulation.speed, closing)) & (
            room > seen.gap[:, 1:2] + rules.gain
        )
        good = enough & free & wants[:, None]
        side = np.where(room[:, 1] > room[:, 0], 1, 0)
        side = np.where(good.all(axis=1), side, good[:, 1].astype(int))
        change = good.any(axis=1)
        self._left = np.where(change, self.lane, self._left)
        self.lane = np.where(change, self.lane + 2 * side - 1, self.lane)
        self._changed[change] = simulation.time
        self.changes += change


def room_needed(speed: np.ndarray, closing: np.ndarray) -> np.ndarray:
    """Free road ahead in the other lane that a change needs, m."""
    return LENGTH + speed[:, None] + 3 * np.maximum(closing, 0)


def steer_to(simulation: Simulation, lateral: np.ndarray) -> np.ndarray:
    """Angle of the front wheels that brings the cars to a lateral place, smoothly, radians."""
    speed = np.maximum(simulation.speed, 1.0)
    aim = np.clip(0.6 * (lateral - simulation.lateral) / speed, -0.11, 0.11)
    turn = 2.5 * (aim - simulation.heading)  # radians per second
    return np.clip(np.arctan(turn * WHEELBASE / speed), -STEER, STEER)
