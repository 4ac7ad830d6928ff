"""Tracks in the text format of the MOTChallenge (Leal-Taixé et al., 2015, arXiv:1504.01942)."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np


class MotTracks(NamedTuple):
    """Tracks of one sequence, one entry per picture.

    Attributes:
        boxes: for each picture (n, 4) float64, x1, y1, x2, y2 in pixels.
        identities: for each picture (n,) int64.
    """

    boxes: list[np.ndarray]
    identities: list[np.ndarray]


def read_mot(file: str | os.PathLike, *, pictures: int | None = None) -> MotTracks:
    """Read a file of lines "picture, identity, left, top, width, height, confidence, ...".

    Pictures count from 1; lines of confidence 0 are ignored, as the benchmark says. A benchmark's
    first pixel is number 1, which makes no difference to overlaps.

    Args:
        file: comma-separated text.
        pictures: how many pictures the sequence has; by default up to the last that is named.

    Returns:
        Boxes and identities by picture, empty where a picture has none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not at least six numbers in each line, a picture below 1 or above `pictures`.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: there is no such file of tracks")
    text = file.read_text(encoding="utf-8")
    if text.strip():
        try:
            table = np.array([line.split(",") for line in text.strip().splitlines()], float)
        except ValueError as error:
            raise ValueError(
                f"{file}: every line needs the same count of numbers between commas: {error}"
            ) from error
    else:
        table = np.zeros((0, 7))
    if table.shape[1] < 6:
        raise ValueError(
            f"{file}: a line needs picture, identity, left, top, width and height, got "
            f"{table.shape[1]} numbers"
        )
    if table.shape[1] > 6:
        table = table[table[:, 6] != 0]
    numbers = table[:, 0].astype(int)
    last = int(numbers.max(initial=0)) if pictures is None else pictures
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= last):
        raise ValueError(
            f"{file}: pictures lie between 1 and {last}, got {numbers.min()} to {numbers.max()}"
        )
    boxes = np.concatenate([table[:, 2:4], table[:, 2:4] + table[:, 4:6]], axis=1)
    rows = [np.flatnonzero(numbers == picture) for picture in range(1, last + 1)]
    return MotTracks([boxes[r] for r in rows], [table[r, 1].astype(np.int64) for r in rows])
