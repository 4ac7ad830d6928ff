"""People in Penn-Fudan's street photographs, found by YOLOv4-tiny as it was trained on COCO.

    COMPANION_DATA=... python -m benchmarks.full_scale.penn_fudan

Nothing is learnt here, so all photographs are the test. The set does not mark people who are small
or mostly hidden, so a box on one of them counts as wrong.
"""

import time
from collections.abc import Iterator

import torch

from benchmarks.full_scale.measured import Measured, keep
from companion.data.penn_fudan import load_penn_fudan
from companion.data.weights import yolov4_tiny
from companion.device import describe_device
from companion.models.darknet import Darknet
from companion.tasks.detection import detect_all
from companion.tasks.detection_scores import Truth, average_precision, precision_recall


def measure() -> Iterator[Measured]:
    people = load_penn_fudan()
    truths = [Truth(boxes, [0] * len(boxes)) for boxes in people.boxes]
    print(f"{len(people)} photographs, {sum(map(len, truths))} people")
    files = yolov4_tiny()
    network = Darknet(files.cfg, files.weights)
    for side in (416, 608):
        start = time.perf_counter()
        found = detect_all(people.images, network, threshold={0: 0.01}, size=(side, side))
        taken = time.perf_counter() - start
        scores = average_precision(found, truths)
        precision, recall = precision_recall(found, truths).at(0.25)
        print(
            f"{side} pixels: AP50 {scores.map_50:.3f}, AP {scores.map:.3f}; at threshold .25 "
            f"precision {precision:.3f}, recall {recall:.3f}; {taken:.1f} s"
        )
        yield Measured(
            "Penn-Fudan",
            f"none / {len(people):,}",
            f"YOLOv4-tiny as published, {side} pixels",
            "AP50 of people",
            scores.map_50,
            taken,
            describe_device(torch.device("cpu")),
        )


if __name__ == "__main__":
    keep(measure())
