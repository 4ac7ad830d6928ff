"""The book's own notebooks keep every rule. That they run and agree is nbval's part:
`pytest --nbval book`.
"""

import pytest
from nbtools import checks, files, reference_checks

NOTEBOOKS = files.find_all()
VARYING_SHARE = 0.1  # of all pictures


def test_there_are_notebooks():
    assert NOTEBOOKS, f"no notebook under {files.ROOT / 'book'}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_every_rule(path):
    problems = checks.problems(path)
    assert not problems, "\n".join(problems)


def test_few_pictures_are_compared_by_size_only(record_property):
    varying, pictures = checks.count_pictures(NOTEBOOKS)
    record_property("pictures", pictures)
    record_property("picture-varies", varying)
    assert varying <= max(1, VARYING_SHARE * pictures), f"{varying} of {pictures}"


def test_figure_names_are_unique_in_the_whole_book():
    repeated = reference_checks.repeated_names(NOTEBOOKS)
    assert not repeated, "\n".join(repeated)
