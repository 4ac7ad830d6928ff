"""Timing that is fair to both sides: they take turns, and the median of each counts."""

import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        task: what was done.
        ours: seconds.
        peer: name of the peer; empty where there is only a limit in seconds.
        theirs: seconds of the peer, or the limit.
        at_most: largest ratio ours / theirs that meets the goal.
    """

    task: str
    ours: float
    peer: str
    theirs: float
    at_most: float

    @property
    def ratio(self) -> float:
        """Our time as a share of the peer's."""
        return self.ours / self.theirs

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.ratio <= self.at_most


def turns(
    *sides: Callable[[], object],
    times: int,
    warm: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Median seconds of each side, which run one after the other, `times` times.

    Every side runs once before, unmeasured, unless it is `warm`: models load and caches fill.
    The clock may be `time.process_time`, for work of one thread on a machine that is not idle.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    for turn in range(0 if warm else -1, times):
        for side, taken in zip(sides, seconds, strict=True):
            start = clock()
            side()
            if turn >= 0:
                taken.append(clock() - start)
    return [statistics.median(taken) for taken in seconds]


def peer(module: str) -> ModuleType:
    """Import a peer, which the package itself does not need.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the peer {module!r} is not installed ({error}); `make bench` installs "
            "requirements/bench.txt"
        ) from error
