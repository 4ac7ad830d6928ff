"""The scripts beside these tests: imported into this process, or run in one of their own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def script():
    """A function that imports a script by its name, for the functions in it."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def run_script():
    """A function that runs a script on one thread; gives what it printed, fails if it fails."""

    def run(name, *arguments, launcher=()):
        ended = subprocess.run(
            [sys.executable, *launcher, HERE / f"{name}.py", *arguments],
            capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run
