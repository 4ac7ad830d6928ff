"""Kills a writer again and again; a script for tests/reliability/test_kill.py.

    python killed.py JOB FOLDER    prints how often the writer was killed, and how much it had done

A child works in steps and tells each step that is done; at a random moment it is killed -9. What it
told must be on the disk then, whole, and at most one step more; the next child goes on from there.
"""

import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import torch
from nbtools import files

from companion.models import lenet
from companion.tasks.gallery import Gallery
from companion.tasks.privacy_gallery import SealedGallery
from companion.training.checkpoint import (
    Checkpoint,
    load_weights,
    read_checkpoint,
    save_weights,
    write_checkpoint,
)

KILLS = 25
PASSWORD, QUICK = "three odd words", 10  # log2 of the cost of trying a password


class Enroll:
    """A gallery: one person a step."""

    longest = 0.02

    def __init__(self, folder):
        self.path = folder / "people.gallery"

    def open(self):
        return Gallery(self.path, dimension=8)

    def start(self):
        self.gallery = self.open()

    def step(self, number):
        self.gallery.enroll(f"person {number:05d}", codes(number))

    def done(self):
        with self.open() as gallery:
            people = gallery.people()
            assert list(people) == [f"person {number:05d}" for number in range(len(people))]
            assert set(people.values()) <= {3}, "a person stands there by half"
            if people:
                wanted = np.stack([codes(number)[0] for number in range(len(people))])
                found = gallery.identify_many(wanted, threshold=1e-3)
                assert [match.name for match in found] == list(people)
            return len(people)


class EnrollSealed(Enroll):
    """The same in an encrypted gallery."""

    longest = 0.04

    def open(self):
        return SealedGallery(self.path, PASSWORD, dimension=8, work=QUICK)


class Train:
    """A run's folder: one checkpoint a step."""

    longest = 0.2

    def __init__(self, folder):
        self.folder = folder / "run"

    def start(self):
        pass

    def step(self, number):
        weights = {"layer": torch.full((300, 300), float(number + 1))}
        state = {"history": [float(number + 1)]}
        write_checkpoint(self.folder, Checkpoint(number + 1, weights, weights, state))

    def done(self):
        found = read_checkpoint(self.folder)
        if found is None:
            return 0
        for weights in (found.weights, found.best):
            assert torch.equal(weights["layer"], torch.full((300, 300), float(found.epoch)))
        assert found.state == {"history": [float(found.epoch)]}
        return found.epoch


class Weights:
    """One file of weights, written over and over."""

    longest = 0.06

    def __init__(self, folder):
        self.path, self.model = folder / "weights.safetensors", lenet(3, 1)

    def start(self):
        pass

    def step(self, number):
        with torch.no_grad():
            for weight in self.model.parameters():
                weight.fill_(number + 1)
        save_weights(self.model, self.path)

    def done(self):
        if not self.path.exists():
            return 0
        load_weights(self.model, self.path)
        values = torch.cat([weight.detach().flatten() for weight in self.model.parameters()])
        (number,) = values.unique().tolist()
        return int(number)


class Run:
    """A notebook, stored over and over as `make run` stores one."""

    longest = 0.06

    def __init__(self, folder):
        self.path = folder / "page.ipynb"
        self.text(0)  # what that imports, no child needs to import again

    def start(self):
        pass

    def step(self, number):
        files.write(self.path, self.text(number + 1))

    def text(self, number):
        cells = [nbformat.v4.new_markdown_cell(str(number) * 20_000, id="words")]
        return files.to_text(nbformat.v4.new_notebook(cells=cells))

    def done(self):
        if not self.path.exists():
            return 0
        text = files.read(self.path).cells[0].source
        number = int(text[: len(text) // 20_000])
        assert text == str(number) * 20_000
        return number


JOBS = {
    "enroll": Enroll,
    "enroll sealed": EnrollSealed,
    "training": Train,
    "weights": Weights,
    "make run": Run,
}


def codes(number):
    """Three embeddings of a person, far from everybody else's."""
    return np.random.default_rng(number).normal(size=(1, 8)) * 100 + np.zeros((3, 1))


def work(job, told):
    """The child: goes on from what is there until it is killed."""
    number = job.done()
    job.start()
    while True:
        os.write(told, number.to_bytes(4, "little"))
        job.step(number)
        number += 1


def kill_once(job, moment):
    """Start a child, kill it `moment` seconds after its first step; steps that it told as done."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        work(job, write)
    os.close(write)
    select.select([read], [], [], 60)  # its first word: it has read what is there
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, f"the child ended by itself: {status}"
    with os.fdopen(read, "rb") as stream:
        told = stream.read()
    assert told, "the child said nothing"
    return int.from_bytes(told[-4:], "little")


def main(name, folder):
    job, chance, before = JOBS[name](Path(folder)), random.Random(name), 0
    for _ in range(KILLS):
        told = kill_once(job, chance.uniform(0, job.longest))
        found = job.done()
        assert before <= told <= found <= told + 1, (before, told, found)
        before = found
    print(KILLS, before)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
