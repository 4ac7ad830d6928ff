"""The conda environment asks for what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {
    "dlib-bin": "dlib",
    "opencv-python-headless": "opencv",
    "playwright": "playwright-python",
    "torch": "pytorch",
}
"""Where conda-forge names a distribution otherwise than the Python index does."""


def split(requirement: str) -> tuple[str, str]:
    name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+?)([<>=!~].*)?", requirement).groups()
    return name, bounds or ""


def wanted_by_conda(project: dict) -> dict[str, str]:
    extras = project["optional-dependencies"]
    pip = project["dependencies"] + extras["book"] + extras["test"]
    renamed = {CONDA_NAMES.get(name, name): bounds for name, bounds in map(split, pip)}
    return renamed | {"python": project["requires-python"], "pip": ""}


def differences(project: dict, environment: dict) -> list[str]:
    wanted = wanted_by_conda(project)
    (by_pip,) = [each["pip"] for each in environment["dependencies"] if isinstance(each, dict)]
    by_conda = [each for each in environment["dependencies"] if isinstance(each, str)]
    given = dict(map(split, by_conda + by_pip))
    return [
        f"{name}: pyproject {wanted.get(name)!r}, conda {given.get(name)!r}"
        for name in sorted(wanted.keys() | given.keys())
        if wanted.get(name) != given.get(name)
    ]


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def environment() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_same_packages_bounds_and_python(project, environment):
    assert differences(project, environment) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("numpy>=2.2", "numpy>=1.0"), ("python>=3.11,<3.14", "python>=3.10"), ("tqdm>=4.67", None)],
)
def test_a_drift_is_caught(project, environment, old, new):
    environment["dependencies"].remove(old)
    environment["dependencies"] += [new] if new else []
    assert len(differences(project, environment)) == 1
