"""Calls that do not depend on each other, at the same time: one processor core for each."""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Hashable, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from threadpoolctl import threadpool_info, threadpool_limits

from companion.device import pick_device
from companion.randomness import isolated_randomness

_HARD = 2  # OpenMP's omp_pause_hard


def parallel_map(
    function: Callable[..., Any], *arguments: Iterable, workers: int | None = None
) -> list[Any]:
    """Call a function for each of its arguments, several calls at a time.

    Trainings of a small network keep one core busy and gain little from a second. Several of them
    are done sooner side by side, and each gives the very numbers that it gives alone.

    Calls run in copies of this process, one thread each. A call sees everything that was there
    before, and starts from the same state of torch's random generators; nothing that it changes is
    seen here, so it returns what is wanted. It cannot use threads that were started before, such as
    those of an ONNX Runtime session.

    Calls follow each other in this process, from the same state of the generators, where there is
    an accelerator, which one training keeps busy, on systems other than Linux, and inside of
    another call.

    Args:
        function: called with one element of each of `arguments`. It gives what can be pickled:
            tensors, networks, arrays, numbers; no function that was defined inside of another.
        arguments: elements, equally many of each.
        workers: calls at a time; by default, one for each core that this process may use.

    Returns:
        The results, in the order of the arguments.

    Raises:
        ValueError: `workers` is less than 1, or the arguments differ in number.
        RuntimeError: a copy of the process ended without a result, as when memory ran out.
        Exception: what a call raised; the others are ended.

    Example:
        >>> parallel_map(pow, [2, 3, 4], [5, 2, 0])
        [32, 9, 1]
    """
    return _results(function, list(zip(*arguments, strict=True)), workers)


def parallel_dict(
    function: Callable[..., Any], keys: Iterable[Hashable], *, workers: int | None = None
) -> dict[Any, Any]:
    """Call a function for each key, several calls at a time, as `parallel_map` does.

    Args:
        function: called with the key; with its elements, one argument each, where it is a tuple.
        keys: each once, as of a dictionary or of `itertools.product`.
        workers: as for `parallel_map`.

    Returns:
        The results by key, in the order of the keys.

    Raises:
        ValueError: a key comes twice, or `workers` is less than 1.
        RuntimeError: as for `parallel_map`.
        Exception: what a call raised; the others are ended.

    Example:
        >>> parallel_dict(pow, [(2, 5), (3, 2)])
        {(2, 5): 32, (3, 2): 9}
    """
    keys = list(keys)
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"each key is given once, got {twice!r} {keys.count(twice)} times")
    calls = [key if isinstance(key, tuple) else (key,) for key in keys]
    return dict(zip(keys, _results(function, calls, workers), strict=True))


def _results(function: Callable[..., Any], calls: list[tuple], workers: int | None) -> list[Any]:
    if workers is not None and workers < 1:
        raise ValueError(f"workers is at least 1, got {workers}")
    inside = multiprocessing.current_process().daemon
    if inside or sys.platform != "linux" or torch.accelerator.is_available():
        return [_alone(function, call) for call in calls]
    return _Copies(function, calls).run(workers or len(os.sched_getaffinity(0)))


def _alone(function: Callable[..., Any], call: tuple) -> Any:
    with isolated_randomness(pick_device()):
        return function(*call)


class _Copies:
    """Copies of this process, each at work on one call after another."""

    def __init__(self, function: Callable[..., Any], calls: list[tuple]):
        self.function, self.calls = function, calls
        self.waiting = list(reversed(range(len(calls))))
        self.results: list[Any] = [None] * len(calls)
        self.copies: dict[Connection, BaseProcess] = {}
        self.busy: dict[Connection, int] = {}

    def run(self, workers: int) -> list[Any]:
        _end_thread_pools()
        try:
            for _ in range(min(workers, len(self.calls))):
                self._start()
            while self.busy:
                ready = wait(list(self.busy))
                for end in [end for end in self.busy if end in ready]:
                    self._receive(end)
        finally:
            for end, process in self.copies.items():
                process.kill()
                process.join()
                end.close()
        return self.results

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(target=self._work, args=(ours, theirs), daemon=True)
        process.start()
        theirs.close()  # ours then ends when the copy does
        self.copies[ours] = process
        self._send(ours)

    def _send(self, end: Connection) -> None:
        """Give a copy the next call, if one is left."""
        self.busy.pop(end, None)
        if self.waiting:
            self.busy[end] = self.waiting.pop()
            with contextlib.suppress(BrokenPipeError):  # it has just died, which is found out next
                end.send(self.busy[end])

    def _receive(self, end: Connection) -> None:
        try:
            done, value = pickle.loads(end.recv_bytes())
        except (EOFError, ConnectionResetError):
            process = self.copies[end]
            process.join()
            raise RuntimeError(
                f"call {self.busy[end]} ended without a result (exit code {process.exitcode}); "
                "if memory ran out, pass fewer workers"
            ) from None
        if not done:
            raise value
        self.results[self.busy[end]] = value
        self._send(end)

    def _work(self, ours: Connection, theirs: Connection) -> None:
        ours.close()
        gc.freeze()  # else a search for cycles would touch, and so copy, all that was there before
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who is interrupted ends the copies
        _one_thread()
        with contextlib.suppress(EOFError, BrokenPipeError):  # the original is gone
            while True:
                theirs.send_bytes(self._answer(theirs.recv()))

    def _answer(self, number: int) -> bytes:
        try:
            return pickle.dumps((True, _alone(self.function, self.calls[number])))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
            return _failure(error)


def _end_thread_pools() -> None:
    """End OpenMP's threads of this process; the next loop that wants some starts new ones.

    A copy of the process has none of them, and would wait for them for ever.
    """
    for library in threadpool_info():
        if library["user_api"] == "openmp":
            ctypes.CDLL(library["filepath"]).omp_pause_resource_all(_HARD)


def _one_thread() -> None:
    """Let every library compute in this thread alone; a copy of a process has no other."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(0)


def _failure(error: Exception) -> bytes:
    """The error with the place where it came from, or what can be told of it."""
    told = "".join(traceback.format_exception(error)).rstrip()
    error.add_note(f"In a copy of this process:\n{told}")
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)  # some errors are written but cannot be read
    except (pickle.PickleError, AttributeError, TypeError):
        return pickle.dumps((False, RuntimeError(told)))
    return answer
