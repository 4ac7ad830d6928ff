"""A page with other parameters: nothing is stored, claims are said, broken ones too."""

import pytest
import vary
from nbformat.v4 import new_code_cell, new_notebook
from nbtools import files


@pytest.fixture
def page(tmp_path):
    cells = [
        new_code_cell("from companion.claims import claim"),
        new_code_cell("seed = 0\nwidth, height = 2, 3", metadata={"tags": ["parameters"]}),
        new_code_cell('claim("area", width * height, at_most=6)\nprint("no claim")'),
        new_code_cell('claim("seed", seed, at_least=0)'),
    ]
    path = tmp_path / "page.ipynb"
    files.write(path, files.to_text(new_notebook(cells=cells)))
    return path


def test_a_broken_claim_is_said_and_the_page_goes_on(page, capsys):
    before = page.read_bytes()
    assert vary.main([str(page), "width=4", "seed = 1"]) == 0
    said = capsys.readouterr()
    first, second = said.out.splitlines()
    assert first == "broken: area: measured 12, claimed at most 6"
    assert second.split("|")[1].strip() == "1"
    assert "1 of 2 claims hold" in said.err
    assert page.read_bytes() == before


def test_as_it_stands_every_claim_holds(page, capsys):
    assert vary.main([str(page)]) == 0
    said = capsys.readouterr()
    assert "broken" not in said.out
    assert "2 of 2 claims hold" in said.err


def test_an_error_ends_the_run(page, capsys):
    assert vary.main([str(page), "seed=1 / 0"]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["depth=3"], "no parameter 'depth'; it has seed, width, height"),
        (["seed=(1,"], "no Python expression"),
        (["seed"], "no Python expression"),
    ],
)
def test_a_wrong_parameter_is_refused(page, words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        vary.main([str(page), *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
