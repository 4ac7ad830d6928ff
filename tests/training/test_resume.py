"""A run that is killed -9 ends, when started again, as the one that was left alone: bit by bit."""

import os

import pytest
import torch


@pytest.fixture(scope="module")
def killable(script):
    return script("killable")


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
def killed(tmp_path_factory, run_script):
    """A folder with what runs left behind that were killed in each place."""
    folder = tmp_path_factory.mktemp("killed")
    assert run_script("killable", folder).split() == ["training", "9", "writing", "9"]
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
