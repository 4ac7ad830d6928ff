"""The set-up says in one line what stops it, and leaves nothing that the next call would trust."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9/simple"  # port 9 answers nobody: a registry out of reach


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a fresh clone has of the set-up, in a folder of its own."""
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "companion", tmp_path / "companion")
    return tmp_path


def offline(tmp_path: Path) -> dict[str, str]:
    unreachable = {
        "PIP_INDEX_URL": NOWHERE,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
    }
    return os.environ | unreachable


def call(clone: Path, *command: str, env: dict | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=clone, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def complaint(done: subprocess.CompletedProcess) -> str:
    """Return the one line of complaint; anything more, a traceback for one, fails."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not re.match(r"make(\[\d\])?: ", line)]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("setup: ")
    return lines[0]


@pytest.fixture
def bootstrap(clone: Path):
    spec = importlib.util.spec_from_file_location("bootstrap", clone / "requirements/bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_old_python_is_named_with_the_cure(clone):
    old = clone / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.18"\nexit 1\n')
    old.chmod(0o755)
    line = complaint(call(clone, "make", "book", f"PYTHON={old}"))
    assert "3.9.18" in line
    assert "3.11 to 3.13" in line
    assert "make PYTHON=" in line


def test_no_python_at_all(clone):
    assert "3.11 to 3.13 is needed" in complaint(call(clone, "make", "test", "PYTHON="))


def test_too_little_disk_is_said_before_anything_is_made(clone):
    done = call(clone, sys.executable, "requirements/bootstrap.py", "--needed-gb", "1e9")
    assert "GB are needed" in complaint(done)
    assert not (clone / ".venv").exists()


def test_no_network_leaves_nothing_to_trust(clone, tmp_path, bootstrap):
    half_made = clone / ".venv" / "bin"
    half_made.mkdir(parents=True)
    (half_made / "python").symlink_to(sys.executable)  # an interrupted call: no mark of readiness
    canary = half_made / "canary"
    canary.touch()
    done = call(clone, sys.executable, "requirements/bootstrap.py", env=offline(tmp_path))
    assert "registry was not reached" in complaint(done)
    assert not canary.exists(), "the unfinished environment was built upon"
    assert not bootstrap.is_ready()


def make_ready(bootstrap) -> None:
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.symlink_to(sys.executable)
    bootstrap.READY.write_text(f"{bootstrap.digest()}\n{sys.version}\n")


@pytest.mark.parametrize("source", ["requirements/lock.txt", "pyproject.toml"])
def test_a_changed_source_asks_for_set_up_anew(clone, bootstrap, source):
    make_ready(bootstrap)
    assert bootstrap.is_ready()
    with (clone / source).open("a") as file:
        file.write("# changed\n")
    assert not bootstrap.is_ready()


def test_a_ready_environment_calls_no_installer(bootstrap, monkeypatch):
    make_ready(bootstrap)
    monkeypatch.setattr(bootstrap, "run", lambda *_: pytest.fail("an installer was called"))
    assert bootstrap.main(["--no-data"]) == 0


def test_a_step_that_fails_midway_takes_the_mark_away(bootstrap, monkeypatch):
    make_ready(bootstrap)
    (bootstrap.ROOT / "pyproject.toml").write_text("# changed\n")

    def full_disk(what, *_):
        raise bootstrap.explain(what, "error: No space left on device (os error 28)")

    monkeypatch.setattr(bootstrap, "run", full_disk)
    assert bootstrap.main([]) == 1
    assert not bootstrap.READY.exists()


def test_an_unknown_failure_shows_its_last_line(bootstrap):
    error = bootstrap.explain("installing the packages", "one\nhash mismatch for numpy\n\n")
    assert "hash mismatch for numpy" in str(error)


def test_every_command_is_explained():
    makefile = (ROOT / "Makefile").read_text()
    declared = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split())
    explained = set(re.findall(r"^([a-z]+):.*## .+$", makefile, re.M))
    assert declared == explained
    assert {"help", "book", "test", "run", "check", "bench", "serve", "clean"} <= explained


def test_the_python_range_is_the_same_everywhere(bootstrap):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (oldest, newest) = (bootstrap.OLDEST, bootstrap.NEWEST)
    assert project["requires-python"] == f">=3.{oldest[1]},<3.{newest[1] + 1}"
    assert f"{oldest} <= sys.version_info[:2] <= {newest}" in (ROOT / "Makefile").read_text()


def test_the_lock_pins_hashes_and_names_no_address():
    for name in ("lock.txt", "uv.txt", "bench.txt"):
        text = (ROOT / "requirements" / name).read_text()
        assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", text)
        pins = re.findall(r"^\S+==\S+.*$", text, re.M)
        assert pins
        assert len(pins) == len(re.findall(r"^\S+==\S+.* \\\n +--hash=sha256:", text, re.M))


def test_the_lock_holds_every_declared_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["book"] + extras["test"]
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements/lock.txt").read_text(), re.M))
    missing = {re.match(r"[\w.-]+", need).group() for need in wanted} - locked
    assert not missing
