"""Background, objects, tracks and counting lines together, as the page on city video uses them."""

import os
from pathlib import Path

import numpy as np
import pytest

from companion.data.public import VARIABLE
from companion.data.video import read_video
from companion.tasks.background import RunningMedian
from companion.tasks.counting import count, crossings
from companion.tasks.moving_objects import View, find
from companion.tasks.track_paths import paths
from companion.tasks.tracking import track

ROAD, LIGHT, DARK, SHADE = 140, 215, 70, 90
LINES = {"down": ((0, 75), (130, 75)), "across": ((150, 0), (150, 149))}
VIEW = View(shadow=(-1.1, 0.0))
CARS = View(travel=(0, 25), least=4000, dark=0.1)  # lighter than the asphalt, under a covered sky


def counted(frames, view, *, sampled=5, **settings):
    background, boxes = RunningMedian(frames[::sampled]), []
    for number, picture in enumerate(frames):
        boxes.append(find(picture, background, view).boxes)
        if number % 4 == 0:
            background.update(picture)
    ways = paths(track(boxes, **{"keep": 8, "overlap": 0.15} | settings), shortest=8)
    return crossings(ways, LINES)


@pytest.fixture(scope="module")
def street():
    """Two light and two dark cars abreast drive down, one light car drives up, one to the right.

    Every light car casts a shadow to its left, as large as itself.
    """
    noise = np.random.default_rng(0).normal(0, 2, (120, 150, 220))
    frames = ROAD + noise
    for time, picture in enumerate(frames):
        cars = [(70, 3 * time - 20, LIGHT), (20, 3 * time - 20, DARK),
                (70, 3 * time - 120, LIGHT), (20, 3 * time - 100, DARK),
                (95, 190 - 2 * time, LIGHT), (4 * time - 60, 120, LIGHT)]  # fmt: skip
        for x, y, grey in cars:
            top, left = max(y, 0), max(x, 0)
            if grey == LIGHT:
                picture[top : max(y + 18, 0), max(x - 12, 0) : left] += SHADE - ROAD
            picture[top : max(y + 18, 0), left : max(x + 12, 0)] += grey - ROAD
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def test_a_drawn_street_is_counted_exactly(street):
    sums = count(counted(street, VIEW), LINES)
    assert sums == {"down": (4, 1), "across": (0, 1)}


def test_without_the_rule_for_shadows_the_count_is_wrong(street):
    wrong = counted(street, View())
    assert len(wrong) != len(counted(street, VIEW))
    assert len(wrong) > 6


def test_an_empty_street_counts_nobody():
    noise = np.random.default_rng(1).normal(ROAD, 2, (40, 150, 220))
    assert counted(np.rint(noise).astype(np.uint8), VIEW) == []


FILM = Path(os.environ.get(VARIABLE, ""), "videos", "car-detection.mp4")


@pytest.mark.skipif(not FILM.is_file(), reason=f"${VARIABLE} names no folder with videos")
def test_cars_of_a_public_film_are_those_of_the_hand_count():
    """Four cars, two up and two down the picture; the camera adapts its exposure to them."""
    frames = read_video(FILM, grey=True).frames
    background, boxes = RunningMedian(frames[::10]), []
    for number, picture in enumerate(frames):
        boxes.append(find(picture, background, CARS).boxes)
        if number % 4 == 0:
            background.update(picture)
    ways = paths(track(boxes, keep=8, overlap=0.15), shortest=8)
    found = crossings(ways, {"middle": ((0, 216), (768, 216))})
    assert count(found, ["middle"]) == {"middle": (2, 2)}
    seen = [(58, 106), (183, 228), (188, 238), (318, 348)]  # by hand: up, down, up, down
    assert [crossing.forward for crossing in found] == [False, True, False, True]
    for crossing, (first, last) in zip(found, seen, strict=True):
        assert first <= crossing.picture <= last
