"""Drawing of road scenes, on one core, against a limit of 200 a second.

The limit holds for the pictures with all that belongs to them: boxes, masks, depth. The time is
that of the process, with one thread for OpenCV and for numpy's matrix products, whose second thread
would wait for work and be counted. The fastest of the rounds counts: the limit is an absolute one,
while a rented processor runs at half its pace in one minute and at its full one in the next.
"""

import time
import timeit

import cv2
from threadpoolctl import threadpool_limits

from benchmarks.measure import Row
from companion.data.scenes import draw_scenes

COUNT, SIZE, ROUNDS, PER_SECOND = 100, 128, 15, 200


def rows() -> list[Row]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            draw_scenes(COUNT, SIZE)  # shapes and textures are made once
            rounds = timeit.repeat(
                lambda: draw_scenes(COUNT, SIZE), timer=time.process_time, number=1, repeat=ROUNDS
            )
    finally:
        cv2.setNumThreads(threads)
    task = f"drawing {COUNT} road scenes of {SIZE} x {SIZE}, one core"
    return [Row(task, min(rounds), "", COUNT / PER_SECOND, 1.0)]
