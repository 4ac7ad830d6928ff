"""Texts are compared to the letter, but for what a claim line measured."""

import pytest
from nbformat.v4 import new_code_cell, new_output
from nbtools import claims
from nbtools.compare import differences
from nbtools.normal import normalise_outputs

from companion.claims import claim


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def value(**data):
    return new_output("execute_result", {k.replace("_", "/"): v for k, v in data.items()})


def cell(*outputs):
    return new_code_cell("", outputs=list(outputs))


@pytest.fixture
def line(capsys):
    def line(*arguments, **options):
        claim(*arguments, **options)
        return capsys.readouterr().out

    return line


def test_equal_outputs_agree_however_a_stream_is_cut():
    stored = cell(stream("one\ntwo\n"), value(text_plain="3"))
    assert differences(stored, [stream("one\n"), value(text_plain="3"), stream("two\n")]) == []


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        ([stream("count 4\n")], "+count 4"),
        ([], "stored are stdout"),
        ([stream("count 3\n"), stream("oh\n", "stderr")], "oh"),
        ([stream("count 3\n"), value(text_plain="3")], "stdout, text/plain"),
        ([stream("count 3\n", "stderr")], "the outputs are stderr"),
    ],
)
def test_another_text_or_output_is_told(fresh, told):
    assert told in "\n".join(differences(cell(stream("count 3\n")), fresh))


def test_the_order_of_outputs_matters():
    one, two = value(text_plain="1"), value(text_plain="2")
    assert differences(cell(one, two), [two, one])


def test_a_table_is_compared_in_each_of_its_forms():
    stored = cell(value(text_plain="1", text_html="<td>1</td>"))
    assert differences(stored, [value(text_plain="1", text_html="<td>2</td>")])


@pytest.mark.parametrize("unit", ["", "s"])
def test_only_the_measured_part_of_a_claim_may_drift(line, unit):
    stored = cell(stream(line("accuracy", 0.9421, at_least=0.9, unit=unit)))
    assert differences(stored, [stream(line("accuracy", 0.9, at_least=0.9, unit=unit))]) == []
    long = line("accuracy", 1234567890.123456, at_least=0.9, digits=12, unit=unit)
    assert differences(stored, [stream(long)]) == []
    for other in (
        line("accuracy", 0.9421, at_least=0.8, unit=unit),
        line("accuracy", 0.9421, at_most=0.9421, unit=unit),
        line("precision", 0.9421, at_least=0.9, unit=unit),
        line("accuracy", 0.9421, at_least=0.9, unit="%"),
    ):
        assert differences(stored, [stream(other)]), other


def test_text_around_a_claim_is_compared(line):
    claimed = line("accuracy", 0.95, at_least=0.9)
    assert differences(cell(stream("3 people\n" + claimed)), [stream("4 people\n" + claimed)])


def test_a_claim_line_is_taken_apart(line):
    (found,) = claims.find(line("eye error", 0.0523, at_most=0.065, unit="eye distances"))
    assert found == claims.ClaimLine(
        "eye error", "0.052 eye distances", "at most", "0.065 eye distances"
    )


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (0.9, {"at_least": 0.9}),
        (0.9004, {"at_least": 0.9004}),  # printed as 0.900
        (0.0651, {"at_most": 0.0651}),
        (173, {"equals": 173}),
        ("hog", {"equals": "hog"}),
        (-2.5, {"at_most": -2}),
        (1e-9, {"at_most": 1e-6}),
    ],
)
def test_a_line_that_claim_prints_holds(line, value, options):
    (found,) = claims.find(line("it", value, **options))
    assert found.holds


@pytest.mark.parametrize(
    ("measured", "relation", "bound"),
    [
        ("0.89", "at least", "0.9"),
        ("25.3 s", "at most", "20 s"),
        ("172", "equals", "173"),
        ("nan", "at least", "0"),
        ("", "at least", "0"),
        ("cnn", "equals", "hog"),
    ],
)
def test_a_stored_claim_may_not_break_its_bound(measured, relation, bound):
    (found,) = claims.find(f"claim: {'it':<50} | {measured:>22} | {relation} {bound}\n")
    assert not found.holds


def test_normal_outputs_keep_the_size_of_a_sharp_picture_and_nothing_else():
    sharp = new_output(
        "display_data",
        {"image/png": "abc=\n", "text/plain": "<Figure>"},
        metadata={"image/png": {"width": 10, "height": 5, "needs_background": "light"}},
    )
    (kept,) = normalise_outputs([sharp])
    assert kept.metadata == {"image/png": {"width": 10, "height": 5}}
    assert kept.data["image/png"] == "abc="
