"""Who crosses which line of a street, and how that compares with a count by hand.

found = crossings(paths(tracks), {"in": ((0, 40), (100, 40))})
count(found, ["in"])                     # {"in": (forward, backward)}
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from companion.tasks.track_paths import Path


@dataclass(frozen=True)
class Crossing:
    """One thing that has passed a line.

    Attributes:
        line: name of the line.
        identity: of the path.
        picture: number of the first picture in which it is across.
        along: where, in pixels from the line's start.
        forward: across towards the right hand of somebody who walks from the line's start to its
            end, the image upright before us.
    """

    line: str
    identity: int
    picture: int
    along: float
    forward: bool


def crossings(ways: Iterable[Path], lines: Mapping[str, ArrayLike]) -> list[Crossing]:
    """Find who passes which counting line.

    A path counts once for a line, if it ends on the other side of it: who crosses and returns does
    not count. Where it passes the line's continuation beyond start or end it does not count either.

    Args:
        ways: the paths.
        lines: for each line its name, start x, y and end x, y, in pixels.

    Returns:
        The crossings, by line and picture.

    Raises:
        ValueError: a line that is not two different points.

    Example:
        >>> points = np.array([[5.0, 2.0], [5.0, 6.0], [5.0, 10.0], [5.0, 14.0]])
        >>> way = Path(7, np.arange(4), points, np.ones((4, 2)))
        >>> crossings([way], {"south": [[0, 9], [10, 9]]})
        [Crossing(line='south', identity=7, picture=2, along=5.0, forward=True)]
    """
    ways, found = list(ways), []
    for name, ends in lines.items():
        line = np.asarray(ends, float)
        if line.shape != (2, 2) or not np.isfinite(line).all() or (line[0] == line[1]).all():
            raise ValueError(f"line {name!r} needs two different points x, y, got {ends!s}")
        of_line = [c for way in ways if (c := _crossing(way, name, *line)) is not None]
        found += sorted(of_line, key=lambda crossing: (crossing.picture, crossing.identity))
    return found


def count(found: Iterable[Crossing], lines: Iterable[str]) -> dict[str, tuple[int, int]]:
    """How many pass each line forward and backward.

    Args:
        found: the crossings.
        lines: names of the lines, so that one that nobody passes is counted as 0.

    Example:
        >>> count([Crossing("north", 4, 17, 3.0, True)], ("north", "south"))
        {'north': (1, 0), 'south': (0, 0)}
    """
    passed = Counter((crossing.line, bool(crossing.forward)) for crossing in found)
    return {name: (passed[name, True], passed[name, False]) for name in lines}


@dataclass(frozen=True)
class Agreement:
    """How a count fits a count by hand.

    Attributes:
        pairs: (m, 2) int64: row of the crossing, row of the passage that it is taken for.
        missed: rows of passages that nothing stands for.
        false: rows of crossings that stand for nothing.
    """

    pairs: np.ndarray
    missed: list[int]
    false: list[int]


def agreement(
    found: Iterable[Crossing], passages: Iterable[tuple[str, int]], *, tolerance: int = 15
) -> Agreement:
    """Pair crossings with passages of the same line, as many as possible, the nearest in time.

    A sum can be right by mistakes that cancel: one vehicle missed, another counted twice. Pairs
    tell.

    Args:
        found: the crossings; only forward ones are paired.
        passages: for each vehicle, the line's name and the number of the picture.
        tolerance: largest distance of a pair, in pictures.

    Returns:
        Pairs, and what is left over on both sides.

    Example:
        >>> found = [Crossing("in", 1, 20, 5.0, True), Crossing("in", 2, 21, 9.0, True)]
        >>> result = agreement(found, [("in", 23), ("out", 20)])
        >>> result.pairs.tolist(), result.missed, result.false
        ([[1, 0]], [1], [0])
    """
    found, passages = list(found), list(passages)
    far = float(2 * tolerance * (len(found) + len(passages)) + 1)
    cost = np.full((len(found), len(passages)), far)
    for row, crossing in enumerate(found):
        for column, (line, picture) in enumerate(passages):
            apart = abs(crossing.picture - picture)
            if crossing.forward and crossing.line == line and apart <= tolerance:
                cost[row, column] = apart
    rows, columns = linear_sum_assignment(cost)
    good = cost[rows, columns] < far
    pairs = np.column_stack([rows, columns])[good].astype(np.int64)
    return Agreement(
        pairs,
        sorted(set(range(len(passages))) - set(pairs[:, 1].tolist())),
        sorted(set(range(len(found))) - set(pairs[:, 0].tolist())),
    )


def _crossing(way: Path, name: str, start: np.ndarray, end: np.ndarray) -> Crossing | None:
    # Computed from the same end whichever comes first: rounding then decides alike, both ways, on
    # what touches an end of the line or lies on it.
    turned = tuple(end) < tuple(start)
    if turned:
        start, end = end, start
    along = end - start
    length = float(np.hypot(*along))
    normal = np.array([-along[1], along[0]]) / length  # to the right hand
    height = (way.points - start) @ normal
    right = height >= 0
    steps = np.flatnonzero(right[1:] != right[:-1])
    share = height[steps] / (height[steps] - height[steps + 1])
    points = way.points[steps] + share[:, None] * (way.points[steps + 1] - way.points[steps])
    position = (points - start) @ along / length
    on_line = (position >= 0) & (position <= length)
    steps, position = steps[on_line], position[on_line]
    forward = right[steps + 1] != turned
    net = int(forward.sum()) - int((~forward).sum())
    if net == 0:
        return None
    last = np.flatnonzero(forward == (net > 0))[-1]
    picture = int(way.pictures[steps[last] + 1])
    place = float(length - position[last] if turned else position[last])
    return Crossing(name, way.identity, picture, place, net > 0)
