"""The rendered book, once per session, and small books of our own to plant faults in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
FRAME = ("_config.yml", "book/_ext", "book/_static", "book/_tools/build.py")

# A grey 2 x 2 PNG.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNogAIGKAMA"
    "JOIEAQ9pIhIAAAAASUVORK5CYII="
)

INDEX = """\
# A small book

The quokka is a word that only this page has. See {numref}`fig-grey`, {eq}`eq-sum` and
{cite:t}`gauss1809theoria`.

$$ s = \\sum_{i=1}^{n} w_i x_i $$ (eq-sum)

```mermaid
graph LR
accDescr: An image becomes features, and the features a class.
A[image] -->|convolution| B[features] --> C[class]
```

```{exercise}
:label: ex-small
What is $1 + 1$?
```

```{solution} ex-small
:label: sol-small
:class: dropdown
Two, the hidden answer.
```

| a wide table | with many | columns that | a phone | cannot show | side by side | at all |
|---|---|---|---|---|---|---|
| first | second | third | fourth | fifth | sixth | seventh |

```{run-times}
Notebook | Run time (s) | Measured on
```

```{bibliography}
```
"""

REFERENCES = """\
@book{gauss1809theoria,
  author = {Gauss, Carl Friedrich}, title = {Theoria motus}, publisher = {Perthes}, year = {1809}
}
"""


def notebook(title="A measured page", **measured):
    """A notebook with one line of code and one picture, as `make run` would leave it."""
    figure = {"image": {"alt": "A grey square"}, "figure": {"name": "fig-grey", "caption": "Grey."}}
    cells = [
        nbformat.v4.new_markdown_cell(f"# {title}\n\nThe code prints a sum.", id="title"),
        nbformat.v4.new_code_cell(
            "print(40 + 2)",
            id="sum",
            execution_count=1,
            outputs=[nbformat.v4.new_output("stream", name="stdout", text="42\n")],
        ),
        nbformat.v4.new_markdown_cell("And a picture.", id="prose"),
        nbformat.v4.new_code_cell(
            "plt.show()",
            id="picture",
            execution_count=2,
            metadata={"mystnb": figure},
            outputs=[
                nbformat.v4.new_output(
                    "display_data", data={"image/png": PICTURE, "text/plain": "<Figure>"}
                )
            ],
        ),
    ]
    run = {"run_time_s": 12.3, "device": "cpu, 2 threads", "python": "3.11", "torch": "2.15.0"}
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "companion": {**run, **measured},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


class Site:
    """A small book with the frame of the real one, in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.html = folder, folder / "_build" / "html"
        for name in FRAME:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        self.write("requirements/lock.txt", "")
        self.write("_toc.yml", "format: jb-book\nroot: book/index\nchapters:\n- file: book/page\n")
        self.write("book/index.md", INDEX)
        self.write("book/references.bib", REFERENCES)
        self.write("book/page.ipynb", nbformat.writes(notebook()))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self):
        """Render; returns the exit status and what was printed."""
        command = [sys.executable, self.folder / "book" / "_tools" / "build.py", self.html]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        return done.returncode, done.stdout + done.stderr

    def page(self, name):
        return (self.html / "book" / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    """A small book, not yet rendered."""
    return Site(tmp_path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A small rendered book that has one of everything. Leave it as it is."""
    made = Site(tmp_path_factory.mktemp("sample"))
    status, said = made.build()
    assert status == 0, said
    return made


@pytest.fixture(scope="session")
def make_notebook():
    return notebook


@pytest.fixture(scope="session")
def html(tmp_path_factory):
    """Folder of the rendered book: `$COMPANION_BOOK_HTML`, else rendered now."""
    rendered = os.environ.get("COMPANION_BOOK_HTML")
    if rendered:
        folder = (ROOT / rendered).resolve()
        assert (folder / "book" / "index.html").is_file(), f"no rendered book in {folder}"
        return folder
    folder = tmp_path_factory.mktemp("book") / "html"
    command = [sys.executable, ROOT / "book" / "_tools" / "build.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; without it the tests that ask for it skip."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine")
    # Chromium's sandbox does not work for root, who runs the tests in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def root():
    return ROOT
