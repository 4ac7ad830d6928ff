import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from companion.__main__ import VERBS, main
from companion.data.images import write_image

COMMAND = [sys.executable, "-m", "companion"]


def test_help_answers_without_loading_a_library():
    code = "import sys, companion.__main__ as m; m._parser(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "words",
    [
        "detect none.jpg",
        "detect . --threshold 2",
        "segment learn lungs.safetensors --epochs 0",
        "segment lungs none.png --weights none.safetensors",
        "faces detect none.jpg",
        "faces enroll none --gallery new.gallery --name Ada",
        "faces people --gallery none.gallery",
        "count none.mp4 --line gate 1 2 3 four",
    ],
)
def test_a_wrong_word_is_refused_before_a_library_is_loaded(words, tmp_path):
    code = (
        "import sys, companion.__main__ as m; print(m.main(sys.argv[1:]), 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, *words.split()]
    (tmp_path / "a.png").touch()
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "1 False\n", done.stderr
    assert done.stderr.startswith("error: ")
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("verb", [*VERBS, "data"])
def test_every_verb_explains_itself(capsys, verb):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"usage: python -m companion {verb}" in capsys.readouterr().out


def test_a_wrong_command_line_ends_in_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["fly"])
    assert ended.value.code == 2


def test_the_sets_are_listed_as_by_their_own_command(capsys):
    assert main(["data", "list"]) == 0
    assert "mobilenet" in capsys.readouterr().out


@pytest.fixture
def many(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    write_image(noise, tmp_path / "0.png")
    for number in range(1, 400):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    return tmp_path


@pytest.fixture
def running(many):
    """The search for faces in 400 pictures, after its first line."""
    command = [*COMMAND, "faces", "detect", many, "--method", "hog"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout.readline().endswith('"faces": []}\n')
        yield process


def test_ctrl_c_keeps_what_was_printed(running):
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert all(line.endswith("}") for line in out.splitlines())


def test_a_reader_that_goes_away_is_no_fault(running):
    running.stdout.close()
    started = time.monotonic()
    errors = running.stderr.read()
    assert running.wait(timeout=60) == 1
    assert time.monotonic() - started < 30
    assert "Traceback" not in errors
