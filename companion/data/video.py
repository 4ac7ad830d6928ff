"""Pictures out of a video file, through OpenCV."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

READ_AHEAD = 8
"""So many pictures are decoded at a time while a stream is worked on."""

_NO_PICTURE = "{file}: not one picture can be decoded; is it damaged, or no video?"


class Video(NamedTuple):
    """The pictures of a video.

    Attributes:
        frames: (T, height, width, 3) uint8, RGB; (T, height, width) where grey was wanted.
        rate: pictures per second, as the file says; of every picture, whatever `every` was.
    """

    frames: np.ndarray
    rate: float


def read_video(
    file: str | os.PathLike,
    *,
    first: int = 0,
    count: int | None = None,
    every: int = 1,
    grey: bool = False,
    allow_short: bool = False,
) -> Video:
    """Read pictures of a video into memory.

    Args:
        file: any file that OpenCV's decoder knows.
        first: number of the first picture wanted, from 0.
        count: how many are wanted; all that follow by default.
        every: take one picture out of so many.
        grey: give brightness only, a third of the memory; the weights are those of Rec. 601.
        allow_short: take what is there where the file ends early, rather than stop with an error.

    Returns:
        Pictures and rate. A minute of 1280 x 720 at 25 a second takes 4 GB: choose `count` well.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, it ends before the pictures that its header promises or
            that are wanted, or a number is out of range.
    """
    if first < 0 or every < 1 or (count is not None and count < 1):
        raise ValueError(
            "first is at least 0, every and count at least 1, got "
            f"first={first}, every={every}, count={count}"
        )
    capture, file = _open(file)
    try:
        promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        wanted = promised if count is None else first + (count - 1) * every + 1
        wanted_colors = cv2.COLOR_BGR2GRAY if grey else cv2.COLOR_BGR2RGB
        frames, seen = [], 0
        for picture in _decoded(capture):
            if seen >= first and (seen - first) % every == 0:
                frames.append(cv2.cvtColor(picture, wanted_colors))
            seen += 1
            if count is not None and len(frames) == count:
                break
    finally:
        capture.release()
    if not seen:
        raise ValueError(_NO_PICTURE.format(file=file))
    if seen < wanted and not (allow_short and frames):
        raise ValueError(
            f"{file}: ends after {seen} pictures where {wanted} are wanted; ask for fewer, or pass "
            "allow_short=True to take what is there"
        )
    return Video(np.stack(frames), rate)


def stream_video(file: str | os.PathLike, *, grey: bool = False) -> Iterator[np.ndarray]:
    """Read a video picture by picture, in little memory and without waiting for the decoder.

    A thread of its own decodes the next pictures while the caller works on the last ones.

    Args:
        file: any file that OpenCV's decoder knows.
        grey: give brightness only, as for `read_video`.

    Yields:
        (height, width, 3) uint8, RGB, or (height, width) where grey is wanted.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, or ends before the pictures that its header promises.
    """
    capture, file = _open(file)
    promised, seen = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0
    wanted_colors = cv2.COLOR_BGR2GRAY if grey else cv2.COLOR_BGR2RGB
    pictures = (cv2.cvtColor(picture, wanted_colors) for picture in _decoded(capture))

    def next_ones() -> list[np.ndarray]:
        return list(itertools.islice(pictures, READ_AHEAD))

    try:
        with ThreadPoolExecutor(1) as decoder:
            coming = decoder.submit(next_ones)
            while part := coming.result():
                coming = decoder.submit(next_ones)
                seen += len(part)
                yield from part
    finally:
        capture.release()
    if not seen:
        raise ValueError(_NO_PICTURE.format(file=file))
    if seen < promised:
        raise ValueError(f"{file}: ends after {seen} pictures where its header promises {promised}")


def frame_count(file: str | os.PathLike) -> int:
    """How many pictures a video's header promises; 0 where it does not say.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be opened as a video.
    """
    capture, _ = _open(file)
    try:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        capture.release()


def _open(file: str | os.PathLike) -> tuple[cv2.VideoCapture, Path]:
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such video")
    capture = cv2.VideoCapture(str(file))
    if not capture.isOpened():
        raise ValueError(f"{file}: cannot be opened as a video; is it damaged, or no video?")
    return capture, file


def _decoded(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        good, picture = capture.read()
        if not good:
            return
        yield picture
