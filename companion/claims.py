"""Measured results that the text relies on, each printed and checked where it is measured."""

import math
import operator
from typing import Any, SupportsFloat

_KINDS = {
    "at_least": ("at least", operator.ge),
    "at_most": ("at most", operator.le),
    "equals": ("equals", operator.eq),
}


class ClaimError(AssertionError):
    """A measured value does not keep what was claimed of it."""


def claim(
    label: str,
    value: SupportsFloat | str,
    *,
    at_least: SupportsFloat | None = None,
    at_most: SupportsFloat | None = None,
    equals: SupportsFloat | str | None = None,
    unit: str = "",
    digits: int = 3,
) -> None:
    """Check a result against its bound and print both on one line.

    Exactly one of `at_least`, `at_most` and `equals` is given. Comparisons are exact, never on the
    rounded digits that are printed; `equals` is meant for counts and names, a measured fraction
    drifts from machine to machine and needs one of the other two. A value in single precision is
    compared as what it is: float32 0.9 is a little less than 0.9. NaN keeps no claim.

    Args:
        label: what was measured; one line without "|".
        value: the result: a number, text, or a NumPy or torch scalar.
        at_least: the smallest value that keeps the claim.
        at_most: the largest value that keeps the claim.
        equals: the only value that keeps the claim.
        unit: printed after value and bound, for example "s".
        digits: decimals printed of a value that is no integer.

    Raises:
        ClaimError: the claim does not hold; nothing is printed.
        ValueError: not exactly one bound, a bound that is NaN, more than one value, or a "|" or
            line break in a text.
        TypeError: value or bound is neither number nor text, or text is to be ordered.

    Example:
        >>> claim("accuracy on unseen", 0.91234, at_least=0.9)  # doctest: +NORMALIZE_WHITESPACE
        claim: accuracy on unseen         |                  0.912 | at least 0.9
        >>> claim("portraits", 173, equals=173)  # doctest: +NORMALIZE_WHITESPACE
        claim: portraits                  |                    173 | equals 173
    """
    bounds = {"at_least": at_least, "at_most": at_most, "equals": equals}
    given = {kind: bound for kind, bound in bounds.items() if bound is not None}
    if len(given) != 1:
        raise ValueError(
            f"a claim needs exactly one of at_least, at_most and equals, got {len(given)}"
        )
    ((kind, bound),) = given.items()
    value, bound = _plain("value", value), _plain(kind, bound)
    if bound != bound:
        raise ValueError(f"{kind} is NaN, which no value can keep")
    if kind != "equals" and (isinstance(value, str) or isinstance(bound, str)):
        raise TypeError(f"{kind} compares numbers, got value {value!r} and bound {bound!r}")
    for what, text in (("label", label), ("unit", unit), ("value", value), (kind, bound)):
        if isinstance(text, str) and ("|" in text or text.splitlines() not in ([], [text])):
            raise ValueError(f"{what} must be one line without '|', got {text!r}")

    words, holds = _KINDS[kind]
    condition = f"{words} {bound} {unit}".rstrip()
    if not holds(value, bound):
        raise ClaimError(f"{label}: measured {value!r}, claimed {condition}")
    measured = f"{value:.{digits}f}" if isinstance(value, float) else f"{value}"
    print(f"claim: {label:<50} | {f'{measured} {unit}'.rstrip():>22} | {condition}")


def _plain(what: str, value: Any) -> float | str:
    """The value as a plain bool, int, float or str."""
    if hasattr(value, "item"):  # NumPy and torch, without importing either
        if getattr(value, "shape", ()) and math.prod(value.shape) != 1:
            raise ValueError(f"{what}: a claim is about one number, got shape {tuple(value.shape)}")
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise TypeError(f"{what} must be a number or text, got {type(value).__name__}")
    return value
