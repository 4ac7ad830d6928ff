import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from companion.data.tensors import TensorBatches
from companion.parallel import parallel_dict, parallel_map
from companion.seeding import torch_generator
from companion.training import fit

forks = pytest.mark.skipif(
    sys.platform != "linux" or torch.accelerator.is_available(),
    reason="calls follow each other in this process here",
)


def test_results_come_in_the_order_of_the_arguments():
    slow_first = [0.2, 0.0, 0.1, 0.0]

    def call(seconds, name):
        time.sleep(seconds)
        return name

    assert parallel_map(call, slow_first, "abcd", workers=3) == list("abcd")
    assert parallel_map(call, [], []) == []


def test_results_come_by_key_and_a_tuple_is_several_arguments():
    assert parallel_dict(pow, [(2, 5), (3, 2)], workers=2) == {(2, 5): 32, (3, 2): 9}
    lengths = parallel_dict(len, {"three": 1, "four": 2}, workers=2)
    assert list(lengths.items()) == [("three", 5), ("four", 4)]
    assert parallel_dict(pow, []) == {}


def test_a_key_that_comes_twice_is_refused():
    with pytest.raises(ValueError, match=r"once, got \(1, 2\) 2 times"):
        parallel_dict(pow, [(1, 2), (2, 2), (1, 2)])


def train(seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(6, 32), nn.Dropout(0.5), nn.ReLU(), nn.Linear(32, 2))
    inputs = torch.rand(64, 6)
    batches = TensorBatches(inputs, (inputs.sum(1) > 3).long(), batch_size=16, shuffle=True)
    history = fit(
        network,
        batches,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.AdamW(network.parameters(), lr=0.01),
        epochs=4,
        generator=torch_generator(seed),
        device="cpu",
    )
    return network, history


def test_trainings_give_the_numbers_that_they_give_alone():
    threads = torch.get_num_threads()
    together = parallel_map(train, range(5), workers=2)
    assert torch.get_num_threads() == threads
    for seed, (network, history) in enumerate(together):
        alone, its_history = train(seed)
        assert history.rows == its_history.rows
        for ours, theirs in zip(alone.parameters(), network.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_every_call_starts_from_the_same_random_state_and_leaves_it():
    before = torch.get_rng_state()
    drawn = parallel_map(lambda _: torch.rand(()).item(), range(5), workers=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert set(drawn) == {torch.rand(()).item()}


@forks
def test_calls_run_at_the_same_time_in_copies_that_change_nothing_here(tmp_path):
    seen = []

    def meet(own, other):
        (tmp_path / own).touch()
        end = time.monotonic() + 30
        while not (tmp_path / other).exists():
            assert time.monotonic() < end, "the other call never came"
            time.sleep(0.01)
        seen.append(own)
        return os.getpid(), torch.get_num_threads()

    (first, one), (second, also_one) = parallel_map(meet, "ab", "ba", workers=2)
    assert len({first, second, os.getpid()}) == 3
    assert (one, also_one) == (1, 1)
    assert seen == []
    assert multiprocessing.active_children() == []


def test_with_an_accelerator_calls_follow_each_other_here(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr("companion.parallel.pick_device", lambda: torch.device("cpu"))
    seen = []

    def call(number):
        seen.append(number)
        return os.getpid(), torch.rand(()).item()

    results = parallel_map(call, range(3), workers=2)
    assert seen == [0, 1, 2]
    assert results == [(os.getpid(), torch.rand(()).item())] * 3


def test_calls_inside_of_a_call_follow_each_other():
    squares = parallel_map(lambda n: parallel_map(pow, [n, n], [1, 2]), [3, 4], workers=2)
    assert squares == [[3, 9], [4, 16]]


class TwoWordsError(Exception):
    """Can be pickled, but not read again."""

    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


def fails(kind):
    if kind == "plain":
        raise KeyError("a word")
    if kind == "two words":
        raise TwoWordsError("first", "second")
    if kind == "local":
        return lambda: kind
    if kind == "dies":
        os._exit(3)
    time.sleep(60)


@forks
@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("plain", KeyError, "a word"),
        ("two words", RuntimeError, "first second"),
        ("local", (AttributeError, TypeError), "local"),
        ("dies", RuntimeError, r"call 1 ended without a result \(exit code 3\)"),
    ],
)
def test_a_call_that_fails_ends_the_others_and_says_why(kind, error, words):
    began = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        parallel_map(fails, ["sleeps", kind], workers=2)
    assert time.monotonic() - began < 30
    assert multiprocessing.active_children() == []
    if kind == "plain":
        assert "in fails" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("workers", [0, -1])
def test_no_worker_is_refused(workers):
    for call in (parallel_map, parallel_dict):
        with pytest.raises(ValueError, match=f"at least 1, got {workers}"):
            call(abs, [1], workers=workers)


def test_arguments_of_different_number_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        parallel_map(pow, [1, 2], [1])


KMEANS = """
import numpy as np
from sklearn.cluster import KMeans
from companion.parallel import parallel_map

points = np.random.default_rng(0).random((5000, 8))
model = KMeans(8, n_init=1, random_state=0).fit(points)  # it keeps its two threads for later
for labels in parallel_map(model.predict, [points, points], workers=2):
    assert (labels == model.labels_).all()
"""


@forks
def test_libraries_with_threads_of_openmp_do_not_wait_for_threads_that_are_gone():
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", KMEANS], env=environment, check=True, timeout=120)


SLEEPERS = """
import os, time
from companion.parallel import parallel_map

def sleep(name):
    print(os.getpid(), flush=True)
    time.sleep(60)

parallel_map(sleep, "ab", workers=2)
"""


@forks
def test_an_interrupt_ends_the_copies():
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPERS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    copies = [int(process.stdout.readline()) for _ in range(2)]
    os.killpg(process.pid, signal.SIGINT)  # as a kernel and a terminal do
    _, told = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert told.count("Traceback") == 1  # the copies say nothing
    for copy in copies:
        with pytest.raises(ProcessLookupError):
            os.kill(copy, 0)
