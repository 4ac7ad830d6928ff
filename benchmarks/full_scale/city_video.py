"""Counting and tracking on public films: cars from above, and people seen from a moving camera.

    COMPANION_DATA=... python -m benchmarks.full_scale.city_video [HEIGHT WIDTH [PICTURES]]

The first is `car-detection.mp4` of Intel's sample videos (CC BY 4.0): 377 pictures of a car park
from above, four cars by hand count, two up and two down the picture. Background, objects, tracks
and count are those of the book's page on city video. The view was set by looking at this film: cars
fill a third of the picture and are lighter than the asphalt; what is darker is the soft shade
around them and, when the camera closes its aperture for a white car, the whole ground.

The second is MOT17-13 at half size (Milan et al., 2016, arXiv:1603.00831; CC BY-NC-SA 3.0), filmed
from a bus, so that there is no background to subtract: people are found by YOLOv4-tiny as it was
trained on COCO and followed by SORT. The annotation used here holds ten pictures a second and
leaves out tracks under two seconds, so only what is found of it is measured: recall and changes of
identity.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.full_scale.measured import Measured, keep
from companion.data.mot import MotTracks, read_mot
from companion.data.public import public_folder
from companion.data.video import read_video
from companion.data.weights import yolov4_tiny
from companion.device import describe_device, pick_device
from companion.models.darknet import Darknet
from companion.tasks.background import RunningMedian
from companion.tasks.counting import count, crossings
from companion.tasks.detection import detect_all
from companion.tasks.moving_objects import View, find
from companion.tasks.track_paths import paths
from companion.tasks.tracking import Tracks, score, track

CARS = View(travel=(0, 25), least=4000, dark=0.1)
LINE = {"middle": ((0, 216), (768, 216))}
SIZE, PICTURES = (288, 512), 750  # height and width for the detector, and how many pictures
PERSON = 0
CPU = describe_device(pick_device("cpu"))


def measure(size: tuple[int, int] = SIZE, pictures: int = PICTURES) -> Iterator[Measured]:
    yield count_cars(
        public_folder("videos", source="https://github.com/intel-iot-devkit/sample-videos")
        / "car-detection.mp4"
    )
    yield from follow_people(
        public_folder("MOT13_video_gt", source="https://motchallenge.net/data/MOT17/"),
        size,
        pictures,
    )


def count_cars(file: Path) -> Measured:
    start = time.perf_counter()
    film = read_video(file, grey=True)
    background, found = RunningMedian(film.frames[::10]), []
    for number, picture in enumerate(film.frames):
        found.append(find(picture, background, CARS).boxes)
        if number % 4 == 0:
            background.update(picture)
    ways = paths(track(found, keep=8, overlap=0.15), shortest=8)
    passed = crossings(ways, LINE)
    taken = time.perf_counter() - start
    down, up = count(passed, LINE)["middle"]
    played = len(film.frames) / film.rate
    at = ", ".join(str(crossing.picture) for crossing in passed)
    print(f"cars: {up} up, {down} down (by hand 2 and 2), in pictures {at}")
    print(f"from file to count {played / taken:.1f} times as fast as the film plays")
    return Measured(
        "car-detection.mp4",
        f"none / {len(film.frames)} pictures",
        "running median, SORT, one line",
        "cars counted (by hand 4)",
        float(up + down),
        taken,
        CPU,
    )


def follow_people(folder: Path, size: tuple[int, int], count: int) -> Iterator[Measured]:
    pictures = read_video(folder / "MOT17-13-raw.h265", count=count, allow_short=True).frames
    truth = MotTracks(*(part[: len(pictures)] for part in read_mot(folder / "gt.txt")))
    marked = [number for number, boxes in enumerate(truth.boxes) if len(boxes)]
    files = yolov4_tiny()
    network = Darknet(files.cfg, files.weights)
    boxes, people = sum(map(len, truth.boxes)), len(set(np.concatenate(truth.identities)))
    print(f"{boxes} boxes of {people} people in {len(marked)} of {len(pictures)} pictures")
    start = time.perf_counter()
    found = detect_all(pictures, network, threshold={PERSON: 0.25}, size=size)
    boxes = [each.boxes.double().numpy() for each in found]
    tracks = track(boxes, keep=10, confirm=3, overlap=0.3)
    taken = time.perf_counter() - start
    true = [Tracks(truth.boxes[n], truth.identities[n]) for n in marked]
    by_boxes = [Tracks(boxes[n], np.arange(len(boxes[n]))) for n in marked]
    detected, followed = score(true, by_boxes), score(true, [tracks[n] for n in marked])
    print(
        f"at {size[1]} x {size[0]}: recall {1 - detected.misses / detected.boxes:.3f} of boxes, "
        f"{1 - followed.misses / followed.boxes:.3f} of tracks, {followed.switches} changes of "
        f"identity; {taken:.0f} s"
    )
    for what, value in {
        "recall of boxes": 1 - detected.misses / detected.boxes,
        "recall of tracks": 1 - followed.misses / followed.boxes,
        "changes of identity": float(followed.switches),
    }.items():
        yield Measured(
            "MOT17-13, half size",
            f"none / {len(marked)} pictures",
            f"YOLOv4-tiny as published, {size[1]} x {size[0]}, SORT",
            what,
            value,
            taken,
            CPU,
        )


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    keep(measure(tuple(numbers[:2]) or SIZE, numbers[2] if len(numbers) > 2 else PICTURES))
