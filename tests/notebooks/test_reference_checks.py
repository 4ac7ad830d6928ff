"""Every check of what a page points to lets a sound page pass and catches its planted fault."""

import copy

import pytest
import run
from nbtools import checks, files, reference_checks
from planted import Faults

PROSE, CURVE, NOISE = 3, 6, 8

EXERCISE = """\
The next cell prints a table.

```{exercise}
:label: sound-exercise

How far does it go?
```
"""
SOLUTION = """
```{solution} sound-exercise
:class: dropdown

As far as it goes.
```
"""

fault = Faults()


@fault("points to 'convolutoin', which book/glossary.md does not explain")
def a_mistyped_word(nb):
    nb.cells[PROSE].source += " A {term}`convolutoin` follows."


@fault("points to 'nothing', which")
def a_word_under_another_name(nb):
    nb.cells[PROSE].source += " A {term}`convolution <nothing>` follows."


@fault("the caption of cell 7")
def a_mistyped_word_in_a_caption(nb):
    nb.cells[CURVE].metadata["mystnb"]["figure"]["caption"] = "A {term}`kurve`."


@fault("cites 'nobody1900'")
def a_source_that_is_not_listed(nb):
    nb.cells[PROSE].source += " So it was found {cite:p}`he2016deep, nobody1900`."


@fault("sound-exercise has no solution")
def no_solution(nb):
    nb.cells[PROSE].source = EXERCISE


@fault("the solution to sound-exercise is not folded")
def an_open_solution(nb):
    nb.cells[PROSE].source = EXERCISE + SOLUTION.replace(":class: dropdown\n", "")


@fault("has no label")
def an_exercise_without_a_label(nb):
    nb.cells[PROSE].source = EXERCISE.replace(":label: sound-exercise\n", "")


@fault("solution to sound-exercise, which is no exercise")
def a_solution_of_nothing(nb):
    nb.cells[PROSE].source += SOLUTION


@fault("draws the figure sound-other, which no text points to; write {numref}`sound-other`")
def a_figure_of_which_no_text_speaks(nb):
    nb.cells[CURVE].metadata["mystnb"]["figure"]["name"] = "sound-other"


@fault("draws the figure sound-curve, which no text points to")
def a_figure_with_a_longer_name_is_another(nb):
    nb.cells[CURVE - 1].source = "The curve is {numref}`sound-curve-2`."


@pytest.mark.parametrize("name", list(fault))
def test_a_planted_fault_is_caught(name, problems_of):
    fault.caught(name, problems_of)


def test_every_check_catches_a_planted_fault_on_its_own(problems_of, monkeypatch):
    fault.each_catches_one(reference_checks.CHECKS, checks, problems_of, monkeypatch)


@pytest.mark.parametrize(
    "prose",
    [
        EXERCISE + SOLUTION,
        EXERCISE.replace("How", "Open: how"),
        "The {term}`ROC curve` and {term}`two\nsteps <fine-tuning>`, {cite:t}`he2016deep`, follow.",
    ],
)
def test_what_is_there_is_no_problem(prose, problems_of):
    def changed(nb):
        nb.cells[PROSE].source = prose

    assert problems_of(changed) == []


def test_a_figure_may_be_pointed_to_under_another_title(problems_of):
    def changed(nb):
        nb.cells[CURVE - 1].source = "See {numref}`figure %s <sound-curve>`."

    assert problems_of(changed) == []


def test_a_figure_name_that_stands_twice_is_named_with_both_places(sound, tmp_path, capsys):
    first, second = tmp_path / "first.ipynb", tmp_path / "second.ipynb"
    twin = copy.deepcopy(sound)
    twin.cells[CURVE].metadata["mystnb"]["figure"]["name"] = "sound-other"
    files.write(first, files.to_text(sound))
    files.write(second, files.to_text(twin))
    (line,) = reference_checks.repeated_names([first, second])
    assert "'sound-noise' stands twice: first, cell 9" in line
    assert "second, cell 9" in line
    assert run.main([str(first), str(second)]) == 1
    assert line in capsys.readouterr().err
