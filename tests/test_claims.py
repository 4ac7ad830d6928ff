import math
import re

import numpy as np
import pytest
import torch

from companion.claims import ClaimError, claim


def printed(capsys, *args, **kwargs) -> str:
    claim(*args, **kwargs)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "bound", "line"),
    [
        (0.91234, {"at_least": 0.9}, " |                  0.912 | at least 0.9\n"),
        (0.0654, {"at_most": 0.07, "digits": 4}, " |                 0.0654 | at most 0.07\n"),
        (173, {"equals": 173, "unit": "images"}, " |             173 images | equals 173 images\n"),
        ("cat", {"equals": "cat"}, " |                    cat | equals cat\n"),
        (3, {"at_most": 4.5, "unit": "s"}, " |                    3 s | at most 4.5 s\n"),
        (math.inf, {"at_least": 1}, " |                    inf | at least 1\n"),
    ],
)
def test_line_has_the_agreed_columns(capsys, value, bound, line):
    assert printed(capsys, "a label", value, **bound) == f"claim: {'a label':<50}" + line


def test_masking_between_the_pipes_hides_the_value_and_keeps_label_and_bound(capsys):
    def mask(line):
        return re.sub(r"(?m)^(claim: [^|\n]*\|)[^|\n]*(\|)", r"\1 measured \2", line)

    one = mask(printed(capsys, "accuracy", 0.95, at_least=0.9))
    other = mask(printed(capsys, "accuracy", 0.99, at_least=0.9))
    looser = mask(printed(capsys, "accuracy", 0.99, at_least=0.8))
    assert one == other != looser


@pytest.mark.parametrize(
    ("value", "bound"),
    [
        (0.8999999, {"at_least": 0.9}),  # rounds to 0.900, and still does not reach it
        (0.0650001, {"at_most": 0.065}),
        (172, {"equals": 173}),
        ("dog", {"equals": "cat"}),
        (math.nan, {"at_least": 0}),
        (math.nan, {"at_most": 0}),
        (math.nan, {"equals": 0}),
        (np.float32("nan"), {"at_least": -math.inf}),
        (torch.tensor(math.nan), {"at_most": math.inf}),
    ],
)
def test_broken_claim_raises_with_both_numbers_and_prints_nothing(capsys, value, bound):
    with pytest.raises(ClaimError) as caught:
        claim("something", value, **bound)
    assert repr(value.item() if hasattr(value, "item") else value) in str(caught.value)
    assert str(next(iter(bound.values()))) in str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert capsys.readouterr().out == ""


def test_bound_itself_keeps_the_claim(capsys):
    claim("touches", 0.9, at_least=0.9)
    claim("touches", 0.9, at_most=0.9)


@pytest.mark.parametrize(
    "value", [np.float64(0.25), np.array([0.25]), torch.tensor(0.25), torch.tensor([[0.25]])]
)
def test_array_scalars_count_as_numbers(capsys, value):
    assert " 0.250 | at least 0.2\n" in printed(capsys, "scalar", value, at_least=np.float64(0.2))


def test_single_precision_is_compared_as_it_is():
    with pytest.raises(ClaimError, match=r"0\.8999"):
        claim("float32", np.float32(0.9), at_least=0.9)


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0, "at_most": 2}, {"equals": 1, "at_most": 1}])
def test_exactly_one_bound(bounds):
    with pytest.raises(ValueError, match="exactly one"):
        claim("bounds", 1, **bounds)


@pytest.mark.parametrize(
    "arguments",
    [
        {"label": "a|b"},
        {"label": "a\nb"},
        {"label": "ends\n"},
        {"label": "a\u2028b"},
        {"unit": "m|s"},
        {"value": "x|y", "at_least": None, "equals": "x|y"},
        {"at_least": math.nan},
        {"value": np.zeros(2)},
        {"value": torch.zeros(0)},
    ],
)
def test_what_would_spoil_the_line_is_refused(capsys, arguments):
    with pytest.raises(ValueError, match=r"one line|NaN|one number"):
        claim(**{"label": "label", "value": 1, "at_least": 0} | arguments)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [{"value": "12"}, {"value": [1]}, {"at_least": "1"}])
def test_only_numbers_are_ordered(arguments):
    with pytest.raises(TypeError, match=r"number"):
        claim(**{"label": "label", "value": 1, "at_least": 0} | arguments)
