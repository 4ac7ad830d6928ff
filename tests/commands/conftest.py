"""Runs `python -m companion` within the test's own process."""

import json
from dataclasses import dataclass

import pytest

from companion.__main__ import main


@dataclass(frozen=True)
class Answer:
    """What a verb left: exit status, JSON lines, and the error output."""

    status: int
    lines: list[dict]
    errors: str


@pytest.fixture
def companion(capsys):
    def call(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return Answer(status, [json.loads(line) for line in said.out.splitlines()], said.err)

    return call
