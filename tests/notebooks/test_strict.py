"""nbval with the book's additions catches each planted fault, and passes what may vary.

One pytest run over a folder of notebooks, each sound but for one fault; the tests read its report.
"""

import base64
import copy
import io
import os
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbtools import files
from nbtools.execute import execute
from nbtools.pictures import decode
from PIL import Image

pytestmark = pytest.mark.timeout(900)  # one fixture starts a kernel for each planted fault

PARAMETERS, TABLE, CURVE, NOISE = 1, 2, 3, 4  # numbers of code cells, as nbval counts

FAULTS = {}


def fault(cell, message):
    """Register a function that spoils code cells; code cell `cell` must fail with `message`."""

    def register(spoil):
        FAULTS[spoil.__name__] = (spoil, cell, message)
        return spoil

    return register


@fault(TABLE, "+1 1")
def an_edited_number(code):
    code[TABLE].outputs[0].text = code[TABLE].outputs[0].text.replace("1 1\n", "1 7\n")


@fault(TABLE, "at least 0.4")
def an_edited_bound(code):
    code[TABLE].outputs[0].text = code[TABLE].outputs[0].text.replace("at least 0.4", "at least 2")


@fault(TABLE, "stored are none")
def a_deleted_output(code):
    code[TABLE].outputs = []


@fault(CURVE, "picture: the mean difference is")
def a_replaced_picture(code):
    picture = decode(code[CURVE].outputs[0].data["image/png"])
    file = io.BytesIO()
    picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(file, "png")
    code[CURVE].outputs[0].data["image/png"] = base64.b64encode(file.getvalue()).decode()


@fault(CURVE, "stored are text/plain")
def a_deleted_picture(code):
    del code[CURVE].outputs[0].data["image/png"]


@fault(CURVE, "cannot be read")
def a_broken_picture(code):
    code[CURVE].outputs[0].data["image/png"] = code[CURVE].outputs[0].data["image/png"][:100]


@fault(NOISE, "the size is")
def a_varying_picture_of_another_size(code):
    code[NOISE].outputs[0].data["image/png"] = code[CURVE].outputs[0].data["image/png"]


@fault(CURVE, "image/png, text/plain, image/png")
def a_second_picture(code):
    code[CURVE].outputs *= 2


@fault(PARAMETERS, "never executed")
def a_cell_never_executed(code):
    code[PARAMETERS].execution_count = None


@fault(PARAMETERS, "UsageError")
def a_mistyped_magic(code):
    code[PARAMETERS].source += "\n%matplotlb inline"


@fault(PARAMETERS, "holds a message on stderr")
def a_mistyped_magic_with_its_message(code):
    code[PARAMETERS].source += "\n%matplotlb inline"
    text = "UsageError: Line magic function `%matplotlb` not found.\n"
    code[PARAMETERS].outputs = [new_output("stream", name="stderr", text=text)]


@fault(PARAMETERS, "careful")
def a_new_warning(code):
    code[PARAMETERS].source += "\nimport warnings\nwarnings.warn('careful')"


@fault(TABLE, "marker or tag of nbval")
def a_cell_that_is_not_to_be_compared(code):
    code[TABLE].metadata["tags"] = ["nbval-ignore-output"]
    an_edited_number(code)


@fault(TABLE, "marker or tag of nbval")
def a_cell_to_be_skipped_by_a_comment(code):
    code[TABLE].source = "# NBVAL_SKIP\n" + code[TABLE].source


@fault(TABLE, "ZeroDivisionError")
def an_error(code):
    code[TABLE].source += "\n1 / 0"


@fault(TABLE, "ClaimError")
def a_claim_that_does_not_hold(code):
    code[TABLE].source = code[TABLE].source.replace("at_least=0.4", "at_least=2")


TRAINING = """\
torch.manual_seed(0)
x = torch.linspace(-1, 1, 200)[:, None]
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), 0.02)
losses = []
for epoch in range(150):
    loss = (model(x) - torch.sin(3 * x)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
claim("error of the fit", losses[-1], at_most=0.05)"""

DRAWING = """\
fig, ax = plt.subplots()
plot_curves({"loss": losses}, ax, ylabel="loss")
plt.show()"""


def trained_notebook():
    imports = (
        "import matplotlib.pyplot as plt\nimport torch\nfrom torch import nn\n\n"
        "from companion.claims import claim\nfrom companion.plotting import plot_curves, use_style"
        "\n\nuse_style()"
    )
    prose = new_markdown_cell("# Does it learn?\n\nWe fit a sine.")
    return new_notebook(cells=[prose, *map(new_code_cell, (imports, TRAINING, DRAWING))])


class Outcome:
    """What pytest reported of a folder of notebooks."""

    def __init__(self, folder, **environment):
        shutil.copy(files.ROOT / "book" / "conftest.py", folder)
        (folder.parent / "pytest.ini").write_text(
            f"[pytest]\npythonpath = {files.ROOT / 'book' / '_tools'}\n"
        )
        report = folder.parent / "report.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--nbval", f"--junitxml={report}", "book"],
            cwd=folder.parent,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.status, self.output = done.returncode, done.stdout + done.stderr
        self.cases = {}
        for case in ElementTree.parse(report).iter("testcase"):
            name = case.get("classname").removesuffix(".ipynb").rpartition(".")[2]
            (problem, *_) = [*case, None]
            kind = "passed" if problem is None else problem.tag
            self.cases.setdefault(name, []).append((kind, "" if problem is None else problem.text))

    def kinds(self, name):
        return [kind for kind, _ in self.cases[name]]


@pytest.fixture(scope="module")
def outcome(sound, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted") / "book"
    folder.mkdir()
    files.write(folder / "sound.ipynb", files.to_text(sound))
    for name, (spoil, _, _) in FAULTS.items():
        spoiled = copy.deepcopy(sound)
        spoil([cell for cell in spoiled.cells if cell.cell_type == "code"])
        files.write(folder / f"{name}.ipynb", files.to_text(spoiled))
    return Outcome(folder)


def test_a_sound_notebook_passes_though_noise_and_claims_vary(outcome):
    assert outcome.kinds("sound") == ["passed"] * 5, outcome.cases["sound"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_fails_and_the_rest_is_skipped(name, outcome):
    _, cell, message = FAULTS[name]
    expected = ["passed"] * cell + ["failure"] + ["skipped"] * (4 - cell)
    assert outcome.kinds(name) == expected, outcome.cases[name]
    assert message in outcome.cases[name][cell][1]


def test_the_run_as_a_whole_fails_and_counts_what_is_not_compared(outcome):
    assert outcome.status == 1
    notebooks = 1 + len(FAULTS)
    told = f"pictures in the book: {2 * notebooks - 1}, of which {notebooks} by size only"
    assert told in outcome.output, outcome.output[-500:]


def test_plain_nbval_would_let_a_replaced_picture_pass(sound, tmp_path):
    spoiled = copy.deepcopy(sound)
    code = [cell for cell in spoiled.cells if cell.cell_type == "code"]
    a_replaced_picture(code)
    spoiled.cells = [cell for cell in spoiled.cells if cell is not code[TABLE]]
    files.write(tmp_path / "replaced.ipynb", files.to_text(spoiled))
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"OMP_NUM_THREADS": "2"},
        {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "default"},
    ],
    ids=["two threads", "another processor"],
)
def test_training_passes_elsewhere(environment, trained, tmp_path):
    folder = tmp_path / "book"
    folder.mkdir()
    files.write(folder / "trained.ipynb", files.to_text(trained))
    outcome = Outcome(folder, **environment)
    assert outcome.status == 0, outcome.output
    assert outcome.kinds("trained") == ["passed"] * 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        return execute(trained_notebook(), tmp_path_factory.mktemp("trained"))
