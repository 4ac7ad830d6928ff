"""What stands and moves on a road: places in metres, sizes, speeds, weather and light."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike


class Kind(IntEnum):
    """What a thing is; the first five are the classes of detection."""

    CAR = 0
    TRUCK = 1
    BUS = 2
    PERSON = 3
    SIGN = 4
    TREE = 5
    HOUSE = 6
    LAMP = 7


CLASSES = ("car", "truck", "bus", "person", "sign")
"""Names of the classes, in the order of their labels."""

SIZES = np.array(
    [
        (4.4, 1.8, 1.5), (9.0, 2.5, 3.6), (11.5, 2.5, 3.1), (0.4, 0.6, 1.75),
        (0.1, 0.8, 2.7), (0.5, 4.0, 7.0), (10.0, 9.0, 7.0), (0.2, 1.6, 6.5),
    ]
)  # fmt: skip
"""Usual length, width and height of each kind, metres."""

Weather = Literal["clear", "cloudy", "rain", "fog"]
Light = Literal["day", "dusk", "night"]

Lanes = TypeVar("Lanes", float, np.ndarray)
"""One lane, or an array of lanes."""


@dataclass(frozen=True)
class Road:
    """A road with lanes of equal width; lateral 0 is the left edge of its own carriageway.

    Attributes:
        lanes: in the camera's direction, numbered from the left; lane i has its middle at
            (i + 1/2) `lane_width`.
        oncoming: lanes in the other direction, to the left of 0.
        lane_width: metres.
        curve: 1 / metres; positive bends to the right.
        town: whether houses and pavements line it, or grass and trees.
    """

    lanes: int = 2
    oncoming: int = 1
    lane_width: float = 3.5
    curve: float = 0.0
    town: bool = False

    @property
    def left(self) -> float:
        """Left edge of the asphalt, metres."""
        return -self.oncoming * self.lane_width - 0.6

    @property
    def right(self) -> float:
        """Right edge of the asphalt, metres."""
        return self.lanes * self.lane_width + 0.6

    def middle(self, lane: Lanes) -> Lanes:
        """Middle of a lane, metres; lane -1 is the first one of the other direction."""
        return (lane + 0.5) * self.lane_width


@dataclass(frozen=True)
class Things:
    """Things on and beside the road, one row each.

    Attributes:
        kind: (n,) of `Kind`.
        lateral: (n,) middle of the base, metres to the right.
        along: (n,) middle of the base, metres along the road.
        size: (n, 3) length, width and height, metres.
        heading: (n,) +1 with the camera's direction, -1 against it.
        color: (n, 3) RGB, 0 to 255.
        speed: (n,) along the road, m/s; negative comes nearer.
        drift: (n,) to the right, m/s.
        braking: (n,) bool, brake lights on.
        style: (n,) small integers that choose between shapes of one kind.
        identity: (n,) integers that stay with a thing from picture to picture.
    """

    kind: np.ndarray
    lateral: np.ndarray
    along: np.ndarray
    size: np.ndarray
    heading: np.ndarray
    color: np.ndarray
    speed: np.ndarray
    drift: np.ndarray
    braking: np.ndarray
    style: np.ndarray
    identity: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: np.ndarray | Sequence[int]) -> "Things":
        """Some of the things."""
        return Things(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @staticmethod
    def join(*parts: "Things") -> "Things":
        """Several lots of things as one."""
        names = Things.__dataclass_fields__
        return Things(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @staticmethod
    def make(
        kind: ArrayLike,
        lateral: ArrayLike,
        along: ArrayLike,
        **given: ArrayLike,
    ) -> "Things":
        """Things of usual size, grey, at rest; whatever is `given` instead, by attribute.

        Raises:
            ValueError: a row is not finite, or has a size that is not positive.

        Example:
            >>> Things.make(Kind.CAR, [1.75], [20.0], speed=10.0).size
            array([[4.4, 1.8, 1.5]])
        """
        lateral, along = np.atleast_1d(lateral).astype(float), np.atleast_1d(along).astype(float)
        count = max(len(lateral), len(along))
        kind = _column(kind, (count,), np.int64)
        values = {
            "size": SIZES[kind], "heading": 1, "color": 128.0, "speed": 0.0, "drift": 0.0,
            "braking": False, "style": 0, "identity": np.arange(count),
        } | given  # fmt: skip
        columns = {
            name: _column(
                value, (count, 3)[: 1 + (name in ("size", "color"))], _TYPES.get(name, float)
            )
            for name, value in values.items()
        }
        lateral, along = _column(lateral, (count,), float), _column(along, (count,), float)
        things = Things(kind, lateral, along, **columns)
        if not np.isfinite(lateral + along).all():
            raise ValueError("every thing needs a finite place, in metres")
        if not ((things.size > 0) & (things.size < np.inf)).all():
            raise ValueError("every thing needs a positive length, width and height, in metres")
        return things


_TYPES = {"heading": np.int64, "braking": bool, "style": np.int64, "identity": np.int64}


def _column(value: ArrayLike, shape: tuple[int, ...], kind: type) -> np.ndarray:
    """One value per row, or the same for all."""
    value = np.asarray(value, kind)
    if value.ndim == 0:
        return np.full(shape, value, kind)
    return value if value.shape == shape else np.broadcast_to(value, shape)


@dataclass(frozen=True)
class World:
    """All that a picture is drawn from.

    Attributes:
        road: the road.
        things: what is on it and beside it.
        weather: "clear", "cloudy", "rain" or "fog".
        light: "day", "dusk" or "night".
        visibility: metres after which fog, haze or rain leave 5 % of the contrast.
        sun: degrees to the right of straight ahead from which the sun shines.
        backdrop: number that decides hills and clouds.
    """

    road: Road
    things: Things
    weather: Weather = "clear"
    light: Light = "day"
    visibility: float = 2000.0
    sun: float = 40.0
    backdrop: int = 0

    def __post_init__(self) -> None:
        if self.weather not in get_args(Weather) or self.light not in get_args(Light):
            raise ValueError(
                f"weather is one of {get_args(Weather)} and light one of {get_args(Light)}, got "
                f"{self.weather!r} and {self.light!r}"
            )
        if not self.visibility > 0:
            raise ValueError(f"visibility is a positive number of metres, got {self.visibility}")

    def moved(self, seconds: float) -> "World":
        """The world after some time, everything at its speed."""
        things = self.things
        moved = replace(
            things,
            along=things.along + seconds * things.speed,
            lateral=things.lateral + seconds * things.drift,
        )
        return replace(self, things=moved)
