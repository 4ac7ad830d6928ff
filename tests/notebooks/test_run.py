"""The run tool: same results, same bytes; an error or a kill leaves the file as it was."""

import copy
import os
import re
import signal
import subprocess
import sys

import pytest
import run
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbtools import files
from nbtools.execute import ExecutionError, execute

TABLE, CURVE, NOISE = 4, 6, 8  # places of cells in the sound notebook


@pytest.fixture
def stored(sound, tmp_path):
    path = tmp_path / "sound.ipynb"
    files.write(path, files.to_text(sound))
    return path


def small(*sources, path):
    cells = [new_markdown_cell("# A title\n\nSome words here."), *map(new_code_cell, sources)]
    files.write(path, files.to_text(new_notebook(cells=cells)))
    return path


def test_a_second_run_changes_no_byte_though_noise_and_claims_vary(stored, capsys):
    before, changed_at = stored.read_bytes(), stored.stat().st_mtime_ns
    assert run.main([str(stored)]) == 0
    assert "unchanged" in capsys.readouterr().out
    assert (stored.read_bytes(), stored.stat().st_mtime_ns) == (before, changed_at)


def test_an_edited_cell_is_executed_and_all_else_stays(sound, stored, capsys):
    edited = copy.deepcopy(sound)
    edited.cells[TABLE].source = edited.cells[TABLE].source.replace("number**2", "number**3")
    edited.metadata["widgets"] = {"left by": "an editor"}
    files.write(stored, files.to_text(edited))
    assert run.main([str(stored)]) == 0
    assert "written" in capsys.readouterr().out
    after = files.read(stored)
    assert "2 8\n" in after.cells[TABLE].outputs[0].text
    assert [cell.id for cell in after.cells] == [cell.id for cell in sound.cells]
    assert [cell.metadata for cell in after.cells] == [cell.metadata for cell in sound.cells]
    assert "widgets" not in after.metadata
    again = stored.read_bytes()
    run.main([str(stored)])
    assert stored.read_bytes() == again


def test_an_editors_leavings_go_while_the_measured_results_stay(sound, stored):
    untidy = copy.deepcopy(sound)
    untidy.cells[TABLE].metadata["collapsed"] = True
    files.write(stored, files.to_text(untidy))
    run.main([str(stored)])
    assert stored.read_text() == files.to_text(sound)


def test_force_stores_the_new_results(sound, stored):
    assert run.main([str(stored), "--force"]) == 0
    after = files.read(stored)
    assert after.cells[NOISE].outputs != sound.cells[NOISE].outputs
    assert after.cells[CURVE].outputs == sound.cells[CURVE].outputs


def test_an_edited_number_is_put_right(sound, stored):
    wrong = copy.deepcopy(sound)
    wrong.cells[TABLE].outputs[0].text = wrong.cells[TABLE].outputs[0].text.replace("1 1", "1 7")
    files.write(stored, files.to_text(wrong))
    run.main([str(stored)])
    assert "1 1\n" in files.read(stored).cells[TABLE].outputs[0].text


def test_a_failing_cell_is_told_and_the_file_stays(tmp_path, capsys):
    path = small("value = 3", "value / 0  # here", "print('never')", path=tmp_path / "a.ipynb")
    before = path.read_bytes()
    assert run.main([str(path)]) == 1
    told = capsys.readouterr().out
    for part in ("FAILED", "cell 3", "value / 0  # here", "ZeroDivisionError: division by zero"):
        assert part in told
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.ipynb"]


def test_an_edit_during_the_run_is_not_overwritten(tmp_path, capsys):
    path = small(
        "from pathlib import Path\nPath('a.ipynb').write_text('edited')", path=tmp_path / "a.ipynb"
    )
    assert run.main([str(path)]) == 1
    assert "edited during the run" in capsys.readouterr().out
    assert path.read_text() == "edited"


def test_two_at_once_are_told_in_order(tmp_path, capsys):
    slow = small("import time", "time.sleep(2)", path=tmp_path / "slow.ipynb")
    quick = small("1", "1 / 0", path=tmp_path / "quick.ipynb")
    assert run.main([str(slow), str(quick), "--jobs", "2"]) == 1
    told = capsys.readouterr().out
    assert told.index("slow.ipynb") < told.index("FAILED") < told.index("quick.ipynb")
    assert files.read(slow).cells[2].execution_count == 2


def test_photographs_may_be_stored_as_jpeg(tmp_path):
    sizes = {}
    for kind in ("png", "jpeg"):
        source = (
            "import matplotlib.pyplot as plt\nfrom skimage import data\n"
            "from companion.plotting import show_images, use_style\n"
            f"use_style(picture={kind!r})\nshow_images([data.chelsea()], size=4)\nplt.show()"
        )
        (output,) = execute(new_notebook(cells=[new_code_cell(source)]), tmp_path).cells[0].outputs
        assert sorted(output.data) == [f"image/{kind}", "text/plain"]
        sizes[kind] = len(output.data[f"image/{kind}"])
    assert sizes["jpeg"] < sizes["png"] / 4


def test_a_fault_that_the_checks_see_is_told(tmp_path, capsys):
    path = small("import warnings", "warnings.warn('careful')", path=tmp_path / "a.ipynb")
    assert run.main([str(path)]) == 1
    told = capsys.readouterr()
    assert "stores a message on stderr" in told.out
    assert "1 of 1 notebooks need attention" in told.err


def test_what_ruff_would_refuse_is_told_with_its_cell(tmp_path, capsys):
    path = small("import os", "x = 1;y=2", path=tmp_path / "a.ipynb")
    assert run.main([str(path)]) == 1
    told = capsys.readouterr().out
    first, *rest = told.splitlines()
    assert first.startswith("written")
    assert f"{len(rest)} to mend:" in first
    assert "F401" in told
    assert "E702" in told
    assert f"ruff format {path}" in told


def test_measured_time_and_place_are_stored(sound):
    where = sound.metadata["companion"]
    assert sorted(where) == ["device", "python", "run_time_s", "torch"]
    assert 0 < where["run_time_s"] < 300


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import time\ntime.sleep(60)", "longer than 1 s"),
        ("import os\nos._exit(1)", "the kernel died"),
    ],
)
def test_a_cell_that_hangs_or_ends_its_kernel_is_told(source, message, tmp_path):
    notebook = new_notebook(cells=[new_code_cell(source)])
    with pytest.raises(ExecutionError, match=message) as error:
        execute(notebook, tmp_path, timeout=1)
    assert source.splitlines()[1] in str(error.value)


def test_the_readers_own_settings_are_left_out(tmp_path, monkeypatch):
    startup = tmp_path / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("print('mine')\nmine = 1\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    source = "import matplotlib\n'mine' in globals(), matplotlib.get_backend(), hash('a') % 1000"
    notebook = new_notebook(cells=[new_code_cell(source)])
    results = [execute(notebook, tmp_path).cells[0].outputs for _ in range(2)]
    assert results[0] == results[1]
    (output,) = results[0]
    assert output.data["text/plain"].startswith("(False, ")
    assert "inline" in output.data["text/plain"]
    assert os.environ["MPLBACKEND"] == "agg"


ENDING = """
import atexit, tempfile
from pathlib import Path
kept = tempfile.TemporaryDirectory(prefix="mine-", dir=".")
atexit.register(Path("done").write_text, "yes")
"""


def test_a_kernel_ends_after_what_is_to_be_done_at_the_end(tmp_path):
    cells = [new_code_cell("dir()"), new_code_cell(ENDING)]
    fresh = execute(new_notebook(cells=cells), tmp_path)
    names = fresh.cells[0].outputs[0].data["text/plain"]
    assert not re.search("'(atexit|gc|os)'", names)  # a page that forgets an import must fail
    assert (tmp_path / "done").read_text() == "yes"
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


def test_a_kernel_runs_in_the_notebooks_folder(tmp_path):
    notebook = new_notebook(
        cells=[new_code_cell("import os\nprint(os.path.basename(os.getcwd()))")]
    )
    folder = tmp_path / "cases"
    folder.mkdir()
    assert execute(notebook, folder).cells[0].outputs[0].text == "cases\n"


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from nbtools import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write(Path(sys.argv[2]), "new")
"""


def test_a_kill_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text("old")
    tools = files.ROOT / "book" / "_tools"
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(tools), str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    files.write(path, "new")
    assert path.read_text() == "new"


@pytest.fixture
def root(tmp_path):
    for name in ("index", "cases/zebra", "cases/apple", "theory/apple", "draft", "_tools/hidden"):
        path = tmp_path / "book" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    chapters = ["cases/zebra", "theory/apple", "cases/apple"]
    listed = "".join(f"  - file: book/{chapter}\n" for chapter in chapters)
    toc = f"format: jb-book\nroot: book/index\nchapters:\n{listed}"
    (tmp_path / "_toc.yml").write_text(toc)
    return tmp_path


def names(paths, root):
    return [path.relative_to(root / "book").with_suffix("").as_posix() for path in paths]


def test_notebooks_come_in_the_order_of_the_table_and_unlisted_ones_last(root):
    expected = ["index", "cases/zebra", "theory/apple", "cases/apple", "draft"]
    assert names(files.find_all(root), root) == expected


@pytest.mark.parametrize("name", ["zebra", "cases/zebra", "book/cases/zebra"])
def test_a_notebook_goes_by_its_name(name, root):
    assert names([files.find(name, root)], root) == ["cases/zebra"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("apple", "2 notebooks are called 'apple'"),
        ("bra", "no notebook is called 'bra'; there are:\n  book/index.ipynb"),
        ("book/none.ipynb", "no notebook at book/none.ipynb"),
    ],
)
def test_a_name_that_fits_none_or_several_is_told(name, message, root):
    with pytest.raises(files.NotebookNameError, match=message):
        files.find(name, root)


def test_an_empty_book_is_an_error_not_a_silent_success(tmp_path, monkeypatch, capsys):
    (tmp_path / "book").mkdir()
    monkeypatch.setattr(files, "find_all", lambda: [])
    with pytest.raises(SystemExit) as ended:
        run.main([])
    assert ended.value.code == 2
    assert "there is no notebook under" in capsys.readouterr().err
