"""A run that is killed -9 ends, when started again, as the one that was left alone: bit by bit."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("killable.py")


@pytest.fixture(scope="module")
def killable():
    spec = importlib.util.spec_from_file_location("killable", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(killable):
    threads = torch.get_num_threads()
    result = killable.train(None)
    torch.set_num_threads(threads)
    return result


def assert_identical(ours, theirs, path="state"):
    if isinstance(theirs, torch.Tensor):
        assert torch.equal(ours, theirs), path
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), path
        for name in theirs:
            assert_identical(ours[name], theirs[name], f"{path}[{name!r}]")
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), path
        for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            assert_identical(our, their, f"{path}[{number}]")
    else:
        assert ours == theirs, path


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder with what runs left behind that were killed in each place."""
    folder = tmp_path_factory.mktemp("killed")
    ended = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ended.stdout.split() == ["training", "9", "writing", "9"]
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no kill -9")
@pytest.mark.parametrize("where", ["training", "writing"])
def test_killed_and_resumed_equals_uninterrupted(
    where, killable, uninterrupted, killed, one_thread
):
    folder = killed / where
    left = sorted(path.name for path in folder.iterdir())
    assert left == ([".epoch-00004.partial"] if where == "writing" else []) + ["epoch-00003"]

    history, weights, optimizer = killable.train(folder)
    assert len(history) == killable.EPOCHS
    assert history == uninterrupted[0]
    assert_identical(weights, uninterrupted[1])
    assert_identical(optimizer, uninterrupted[2])
    assert [path.name for path in folder.iterdir()] == ["epoch-00006"]
