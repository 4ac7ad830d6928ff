"""What one answer of a network costs: seconds, measured, and joules, estimated."""

import statistics
import time
from collections.abc import Callable

PICOJOULES = {32: 3.7 + 0.9, 8: 0.2 + 0.1}
"""One multiplication and one addition in a chip of 45 nm and 0.9 V, by bits: float32, and 8-bit
integers that are added up in 32 bits (Horowitz, 2014, doi:10.1109/ISSCC.2014.6757323)."""

PICOJOULES_PER_BYTE = 1300 / 8
"""Reading main memory, per byte; the lower of the 1.3 to 2.6 nJ for 64 bits given there."""


def estimate_energy(operations: int, weight_bytes: int, *, bits: int) -> float:
    """Estimate the energy of one answer from what is computed and what is read.

    Every weight is read from main memory once. Activations, the cache, control and idle parts of
    the chip are left out, which use more than the arithmetic; so compare networks by this figure,
    and do not pay bills by it.

    Args:
        operations: multiplications and additions, as `count_operations` counts them.
        weight_bytes: size of the stored weights.
        bits: 32 for float32, 8 for integers.

    Returns:
        Joules.

    Raises:
        ValueError: a negative count, or other bits.

    Example:
        >>> f"{estimate_energy(2_000_000, 4_000, bits=32) * 1e6:.2f} microjoules"
        '5.25 microjoules'
    """
    if bits not in PICOJOULES:
        raise ValueError(f"bits are {' or '.join(map(str, PICOJOULES))}, got {bits}")
    if operations < 0 or weight_bytes < 0:
        raise ValueError(f"counts start at 0, got {operations} and {weight_bytes}")
    return 1e-12 * (operations / 2 * PICOJOULES[bits] + weight_bytes * PICOJOULES_PER_BYTE)


def median_seconds(
    sides: dict[str, Callable[[], object]], *, repeats: int = 20
) -> dict[str, float]:
    """Time several calls side by side: they take turns, so that a busy moment hits all.

    Each runs once before, unmeasured. What runs on an accelerator must wait for it to finish.

    Args:
        sides: name to a call without arguments.
        repeats: how often each is timed, at least 1.

    Returns:
        Name to the median of its times, in seconds.

    Raises:
        ValueError: no call, or fewer repeats than 1.
    """
    if not sides or repeats < 1:
        raise ValueError(f"needs a call and a repeat, got {len(sides)} and {repeats}")
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, call in sides.items():
            started = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}
