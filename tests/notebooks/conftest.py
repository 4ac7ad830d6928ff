"""A sound notebook, executed once, for the tests to plant faults in."""

import copy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

IMPORTS = """\
import matplotlib.pyplot as plt
import numpy as np

from companion.claims import claim
from companion.plotting import plot_curves, show_images, use_style

use_style()"""

TABLE = """\
for number in range(3):
    print(number, number**2)
claim("mean of noise", np.random.default_rng().random(1000).mean(), at_least=0.4)
number;"""

CURVE = """\
fig, ax = plt.subplots()
plot_curves({"loss": 1 / np.arange(1, size)}, ax, ylabel="loss")
plt.show()"""

NOISE = """\
show_images([np.random.default_rng().random((40, 40, 3))])
plt.show()"""


def figure(name: str) -> dict:
    return {
        "image": {"alt": f"A picture of the {name}, drawn for a test."},
        "figure": {"name": f"sound-{name}", "caption": f"The {name}."},
    }


def sound_cells() -> list:
    """Cells that keep every rule: pixels and a claim that really vary, text that does not."""
    return [
        new_markdown_cell("# Does the curve fall?\n\nWe ask whether a curve falls."),
        new_code_cell(IMPORTS),
        new_code_cell("size = 11", metadata={"tags": ["parameters"]}),
        new_markdown_cell("The next cell prints a table and a claim."),
        new_code_cell(TABLE),
        new_markdown_cell("## The curve\n\nThe curve is drawn next, {numref}`sound-curve`."),
        new_code_cell(CURVE, metadata={"mystnb": figure("curve")}),
        new_markdown_cell("Noise ({numref}`sound-noise`) differs each time it is drawn."),
        new_code_cell(NOISE, metadata={"tags": ["picture-varies"], "mystnb": figure("noise")}),
    ]


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """The sound notebook, executed and in normal form; copy it before changing it."""
    from nbtools.execute import execute

    return execute(new_notebook(cells=sound_cells()), tmp_path_factory.mktemp("kernel"))


@pytest.fixture
def store(tmp_path):
    """A function that stores a notebook as the run tool does, and returns the path."""
    from nbtools import files
    from nbtools.normal import normalise

    def store(notebook):
        path = tmp_path / "spoiled.ipynb"
        files.write(path, files.to_text(normalise(notebook)))
        return path

    return store


@pytest.fixture
def problems_of(sound, store):
    """A function that spoils a copy of the sound notebook and returns what the checks find."""
    from nbtools import checks

    def problems_of(spoil):
        spoiled = copy.deepcopy(sound)
        spoil(spoiled)
        return checks.problems(store(spoiled))

    return problems_of
