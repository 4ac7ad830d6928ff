"""Drawing of road scenes, on one core, against a limit of 200 a second.

The limit holds for the pictures with all that belongs to them: boxes, masks, depth. The time is
that of the process, so that other work on the machine hardly counts.
"""

import time

import cv2

from benchmarks.measure import Row, turns
from companion.data.scenes import draw_scenes

COUNT, SIZE, ROUNDS, PER_SECOND = 100, 128, 7, 200


def rows() -> list[Row]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        (mine,) = turns(lambda: draw_scenes(COUNT, SIZE), times=ROUNDS, clock=time.process_time)
    finally:
        cv2.setNumThreads(threads)
    task = f"drawing {COUNT} road scenes of {SIZE} x {SIZE}, one core"
    return [Row(task, mine, "", COUNT / PER_SECOND, 1.0)]
