"""`kill -9` at random moments, over a hundred times in five jobs that write: nothing is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / "book" / "_tools"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no kill -9")
@pytest.mark.parametrize("job", ["enroll", "enroll sealed", "training", "weights", "make run"])
def test_kills_lose_nothing(job, tmp_path):
    settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOOLS)}
    command = [sys.executable, HERE / "killed.py", job, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings)
    assert done.returncode == 0, done.stderr
    kills, steps = map(int, done.stdout.split())
    assert kills == 25
    assert steps >= 25  # it was killed in the middle of work, not before it began
