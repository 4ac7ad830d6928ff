"""The package by itself: what it declares, what it ships, and that it works away from here."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = {
    "PIL": "pillow", "cv2": "opencv-python-headless", "dlib": "dlib-bin", "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}  # fmt: skip
"""Distribution of a module whose name is another one."""


def name_of(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9_.-]+", requirement).group()


def imported(folder: Path) -> set[str]:
    """Names of the outermost packages that a folder's modules import, anywhere in them."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.partition(".")[0])
    return found


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_it_asks_for_what_it_imports_and_for_nothing_else(project):
    others = imported(ROOT / "companion") - set(sys.stdlib_module_names) - {"companion"}
    others -= {"cycler"}  # comes with matplotlib
    others -= {"matplotlib_inline"}  # only where Jupyter runs, and comes with it
    needed = {PROVIDERS.get(name, name) for name in others}
    needed |= {"onnx", "onnxscript"}  # torch.onnx.export imports them
    needed |= {"pycocotools"}  # torchmetrics' average precision imports it
    assert {name_of(requirement) for requirement in project["dependencies"]} == needed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The package as `pip install .` builds it, from a copy without what lies around here."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "companion", "pyproject.toml",
         "README.md", "LICENSE"],
        capture_output=True, check=True, cwd=ROOT, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", out, copy], check=True, capture_output=True)
    (made,) = out.glob("*.whl")
    return made


def test_the_wheel_holds_every_module_its_types_and_nothing_of_the_book(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "companion").rglob("*.py")}
    assert modules <= set(names)
    assert "companion/py.typed" in names
    assert {name.partition("/")[0] for name in names} == {"companion", "companion-0.1.0.dist-info"}


def test_it_works_away_from_the_repository(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    away = tmp_path / "away"
    away.mkdir()
    code = (
        "import companion, json, numpy as np; from companion.data.images import write_image; "
        "write_image(np.full((60, 80, 3), 90, np.uint8), 'a.png'); print(companion.__file__)"
    )
    settings = os.environ | {"PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=away, env=settings
        )

    made = run("-c", code)
    assert made.stdout.startswith(str(tmp_path / "site")), made.stderr
    found = run("-m", "companion", "faces", "detect", "a.png")
    assert (found.returncode, found.stdout) == (0, '{"file": "a.png", "faces": []}\n'), found.stderr
    assert run("-m", "companion", "--version").stdout.strip().endswith("0.1.0")


def test_a_users_type_checker_sees_the_signatures(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "good.py").write_text(
        "from companion.data.images import read_image\nheight: int = read_image('a.png').shape[0]\n"
    )
    (tmp_path / "bad.py").write_text(
        "from companion.data.images import read_image\nname: str = read_image('a.png')\n"
    )
    settings = os.environ | {"MYPYPATH": str(tmp_path / "site")}
    mypy = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--ignore-missing-imports",
            "--config-file=", "--cache-dir", str(tmp_path / "cache")]  # fmt: skip
    results = {
        name: subprocess.run(
            [*mypy, name], capture_output=True, text=True, cwd=tmp_path, env=settings
        )
        for name in ("good.py", "bad.py")
    }
    assert results["good.py"].returncode == 0, results["good.py"].stdout
    assert "Incompatible types in assignment" in results["bad.py"].stdout
