"""The film of a road junction, seen from a high building, and what a person counted in it.

The carrier `traffic` holds it among the pictures of Corke's Machine Vision Toolbox (MIT licence):
350 grey pictures of 576 x 704 pixels. It names no place and no date. The file says 30 pictures a
second; pictures of this size are those of European television, which has 25, so the true rate may
be a sixth lower.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from companion.data import carriers
from companion.data.video import read_video

LINES: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "in": ((140, 262), (275, 212)),
    "straight on": ((206, 414), (321, 353)),
    "left": ((300, 330), (355, 235)),
    "away": ((290, 60), (205, 120)),
}
"""Counting lines: start x, y and end x, y in pixels. Traffic crosses each to the right hand of
somebody who walks from start to end: into the junction from the upper left, out of it straight on
or to the left, and away on the other side of the hedge."""


class Film(NamedTuple):
    """A grey film.

    Attributes:
        frames: (T, height, width) uint8.
        rate: pictures per second, as the file says.
    """

    frames: np.ndarray
    rate: float


class Passage(NamedTuple):
    """One vehicle over one line, by hand count.

    Attributes:
        line: name of the line.
        picture: number of the picture, from 0, in which its middle is on the line: within 5 for
            cars, 15 for lorries.
        what: "light" or "dark", as it looks against the road; "lorry", trailer included; "beside",
            a car mostly hidden by a lorry on its near side.
    """

    line: str
    picture: int
    what: str


def junction_file() -> Path:
    """The film's file.

    Raises:
        FileNotFoundError: the carrier `traffic` is not installed.
    """
    return carriers.path("traffic") / "mvtbdata" / "images" / "traffic_sequence.mp4"


def load_junction(*, first: int = 0, count: int | None = None) -> Film:
    """Read the film.

    Args:
        first: number of the first picture wanted, from 0.
        count: how many are wanted; all that follow by default.

    Returns:
        Pictures and rate; all of them are 142 MB.

    Raises:
        FileNotFoundError: the carrier `traffic` is not installed.
        ValueError: there are not so many pictures.
    """
    return Film(*read_video(junction_file(), first=first, count=count, grey=True))


def hand_count() -> list[Passage]:
    """Every vehicle that crosses one of the `LINES`, counted by eye.

    It was counted twice, before any program had counted: in every fifth picture of the film, and
    in pictures made of nothing but the line, one column for each moment, in which a vehicle is one
    shape. Both gave the same numbers. Unsure are the two cars that drive hidden beside a lorry.
    """
    return [
        Passage(line, picture, what)
        for line, passages in _PASSAGES.items()
        for picture, what in passages
    ]


_PASSAGES = {
    "in": (
        (22, "light"), (27, "lorry"), (60, "dark"), (66, "beside"), (71, "light"), (73, "lorry"),
        (100, "light"), (104, "light"), (111, "dark"), (138, "dark"), (141, "dark"),
        (172, "light"), (175, "dark"), (186, "light"), (211, "light"), (219, "lorry"),
        (223, "dark"), (242, "beside"), (257, "dark"), (264, "light"), (291, "dark"),
        (330, "light"), (340, "dark"),
    ),
    "straight on": (
        (96, "lorry"), (98, "light"), (125, "dark"), (133, "light"), (164, "dark"), (168, "light"),
        (206, "dark"), (228, "light"), (239, "light"), (268, "light"), (280, "dark"),
        (307, "dark"), (316, "light"), (346, "dark"),
    ),
    "left": (
        (126, "beside"), (129, "lorry"), (156, "light"), (193, "dark"), (226, "dark"),
        (279, "lorry"), (286, "beside"),
    ),
    "away": ((37, "lorry"), (101, "lorry"), (119, "light"), (167, "light"), (286, "dark")),
}  # fmt: skip

PEOPLE: tuple[tuple[int, int, int], ...] = (
    (100, 85, 224), (100, 115, 253), (120, 85, 228), (120, 158, 347), (120, 197, 404),
    (140, 90, 233), (140, 164, 358), (140, 196, 392), (140, 230, 382), (160, 92, 238),
    (160, 170, 367), (160, 196, 391),
)  # fmt: skip
"""Twelve sights of people who walk or cycle, marked by eye: picture, x and y in pixels."""
