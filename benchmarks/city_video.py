"""The film of a junction, from the file to the count, against the time in which it plays.

Timed is what a camera needs while it films: decoding, moving objects, renewing the background,
tracks, counting lines. The background at the start is at hand, as it is for a camera that has hung
for a while. The goal is five times as fast as the film. The background alone is compared with
OpenCV's mixture of Gaussians, which looks for shadows, too: 100 pictures in memory, both models
updated with each.
"""

import copy

import cv2

from benchmarks.measure import Row, turns
from companion.data.traffic import LINES, junction_file, load_junction
from companion.data.video import stream_video
from companion.tasks.background import RunningMedian, shadow_like
from companion.tasks.counting import count, crossings
from companion.tasks.moving_objects import View, find
from companion.tasks.track_paths import paths
from companion.tasks.tracking import Sort

VIEW = View(shadow=(-1.35, -0.33), travel=(3, 6))
ROUNDS, TIMES_AS_FAST, PICTURES = 5, 5, 100


def rows() -> list[Row]:
    film = load_junction()
    start = RunningMedian(film.frames[::10])
    (whole,) = turns(lambda: from_file_to_count(copy.deepcopy(start)), times=ROUNDS)
    pictures = film.frames[:PICTURES]
    median, mixture = copy.deepcopy(start), cv2.createBackgroundSubtractorMOG2()

    def ours():
        for picture in pictures:
            median.changed(picture)
            shadow_like(picture, median.median)
            median.update(picture)

    def theirs():
        for picture in pictures:
            mixture.apply(picture)

    mine, gaussians = turns(ours, theirs, times=ROUNDS)
    played = len(film.frames) / film.rate
    return [
        Row("city video, from file to count", whole, "the film plays", played, 1 / TIMES_AS_FAST),
        Row(f"background of {PICTURES} pictures", mine, "OpenCV's MOG2", gaussians, 1.0),
    ]


def from_file_to_count(background: RunningMedian) -> dict[str, tuple[int, int]]:
    tracker, tracks = Sort(keep=8, overlap=0.15), []
    for number, picture in enumerate(stream_video(junction_file(), grey=True)):
        tracks.append(tracker.update(find(picture, background, VIEW).boxes))
        if number % 4 == 0:
            background.update(picture)
    return count(crossings(paths(tracks, shortest=8), LINES), LINES)
