"""Every check of a notebook's form lets a sound notebook pass and catches its planted fault."""

import copy

import pytest
from nbformat.v4 import new_code_cell
from nbtools import checks, files, output_checks, reference_checks
from planted import Faults

IMPORTS, PARAMETERS, PROSE, TABLE, CURVE, NOISE = 1, 2, 3, 4, 6, 8
ELSEWHERE = (*output_checks.CHECKS, *reference_checks.CHECKS)  # have tests of their own
FORM = [check for check in checks.CHECKS if check not in ELSEWHERE]

fault = Faults()


@fault("bytes, at most 500,000")
def too_large(nb):
    nb.cells[PROSE].source += " word" * 100_000


@fault("run time and device are missing")
def no_run_time(nb):
    del nb.metadata["companion"]


@fault("is empty")
def an_empty_cell(nb):
    nb.cells[TABLE].source = "\n"


@fault("code cell 3 has None")
def a_cell_never_executed(nb):
    nb.cells[TABLE].execution_count = None


@fault("code cell 1 has 2")
def executed_out_of_order(nb):
    nb.cells[IMPORTS].execution_count, nb.cells[PARAMETERS].execution_count = 2, 1


@fault("does not open with a title")
def no_title(nb):
    nb.cells[0].source = nb.cells[0].source.replace("# ", "## ")


@fault("2 titles")
def two_titles(nb):
    nb.cells[PROSE].source = "# Another\n\nThe next cell prints a table."


@fault("numbered by hand")
def a_numbered_heading(nb):
    nb.cells[PROSE].source = "## 1. Data\n\nThe next cell prints a table."


@fault("follows no prose")
def two_code_cells_in_a_row(nb):
    del nb.cells[PROSE]


@fault("follows no prose")
def code_first(nb):
    nb.cells[0:0] = [new_code_cell("1")]


@fault("without a sentence")
def only_a_heading_before_code(nb):
    nb.cells[PROSE].source = "## The table that follows here"


@fault('must be tagged "parameters"; tagged: none')
def no_parameters(nb):
    nb.cells[PARAMETERS].metadata.tags = []


@fault('must be tagged "parameters"; tagged: [2, 3]')
def two_parameters(nb):
    nb.cells[TABLE].metadata.tags = ["parameters"]


@fault("has the tag 'picture-vary'")
def an_unknown_tag(nb):
    nb.cells[NOISE].metadata.tags = ["picture-vary"]


@fault("has the tag 'nbval-skip'")
def a_tag_of_nbval(nb):
    nb.cells[TABLE].metadata.tags = ["nbval-skip"]


@fault("shows no picture")
def a_varying_picture_that_is_none(nb):
    nb.cells[TABLE].metadata.tags = ["picture-varies"]


@fault("shows no picture")
def a_drifting_picture_that_is_none(nb):
    nb.cells[TABLE].metadata.tags = ["picture-drifts"]


@fault("31 lines, at most 30")
def a_long_cell(nb):
    nb.cells[TABLE].source = "\n".join(["number = 1"] * 31)


@fault("keeps itself from being compared")
def a_marker_of_nbval(nb):
    nb.cells[TABLE].source = "# NBVAL_IGNORE_OUTPUT\n" + nb.cells[TABLE].source


@fault("is not plain Python")
def a_mistyped_magic(nb):
    nb.cells[TABLE].source = "%matplotlb inline\n" + nb.cells[TABLE].source


@fault("is not plain Python")
def a_shell_line(nb):
    nb.cells[TABLE].source = "!pip list\n" + nb.cells[TABLE].source


@fault("is not plain Python")
def a_help_line(nb):
    nb.cells[TABLE].source = "print?"


@fault("uses sys.path")
def a_changed_path(nb):
    nb.cells[TABLE].source = "import sys\nsys.path.append('..')"


@fault("uses os.system")
def a_shell_call(nb):
    nb.cells[TABLE].source = "import os\nos.system('ls')"


@fault("uses subprocess")
def a_subprocess(nb):
    nb.cells[TABLE].source = "from subprocess import run"


@fault("uses get_ipython")
def a_magic_by_its_function(nb):
    nb.cells[TABLE].source = "get_ipython().run_line_magic('pip', 'list')"


@fault("without mystnb.image.alt")
def no_alt_text(nb):
    del nb.cells[CURVE].metadata.mystnb["image"]


@fault("without mystnb.image.alt")
def a_blank_alt_text(nb):
    nb.cells[CURVE].metadata.mystnb.image.alt = "  "


@fault("says little: 'a figure'")
def an_idle_alt_text(nb):
    nb.cells[CURVE].metadata.mystnb.image.alt = "a figure"


@fault("the same alt as")
def the_same_alt_text_twice(nb):
    nb.cells[CURVE].metadata.mystnb.image.alt = nb.cells[NOISE].metadata.mystnb.image.alt


@fault("the same name as")
def the_same_name_twice(nb):
    nb.cells[CURVE].metadata.mystnb.figure.name = nb.cells[NOISE].metadata.mystnb.figure.name


@fault("without mystnb.figure.caption")
def no_caption(nb):
    del nb.cells[CURVE].metadata.mystnb.figure["caption"]


@fault("shows 2 pictures")
def two_pictures_in_a_cell(nb):
    nb.cells[CURVE].outputs += copy.deepcopy(nb.cells[NOISE].outputs)


def test_a_sound_notebook_passes(sound, store):
    assert checks.problems(store(sound)) == []


@pytest.mark.parametrize("name", list(fault))
def test_a_planted_fault_is_caught(name, problems_of):
    fault.caught(name, problems_of)


def test_every_check_catches_a_planted_fault_on_its_own(problems_of, monkeypatch):
    fault.each_catches_one(FORM, checks, problems_of, monkeypatch)


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"cells": []}'])
def test_a_file_that_is_no_notebook_is_a_problem_and_no_traceback(text, tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text(text)
    (problem, *_) = checks.problems(path)
    assert "cannot be read as a notebook" in problem


@pytest.mark.parametrize(
    "change",
    [
        lambda nb: nb.metadata.update(widgets={}),
        lambda nb: nb.cells[TABLE].metadata.update(execution={"started": "2025"}),
        lambda nb: nb.cells[TABLE].metadata.update(collapsed=True),
        lambda nb: nb.metadata.language_info.update(version="3.12.1"),
        lambda nb: nb.cells[CURVE].outputs[0].metadata.update(needs_background="light"),
    ],
)
def test_a_notebook_saved_by_an_editor_is_not_in_normal_form(change, sound, tmp_path):
    spoiled = copy.deepcopy(sound)
    change(spoiled)
    path = tmp_path / "edited.ipynb"
    path.write_text(files.to_text(spoiled))
    assert checks.problems(path) == ["it is not stored in normal form; execute it with `make run`"]


def test_pictures_are_counted(sound, store):
    assert checks.count_pictures([store(sound)]) == (1, 2)
