"""The pages about the package describe every name that the package offers."""

import importlib
import importlib.util
import json
import pkgutil
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import companion

ROOT = Path(companion.__file__).parents[1]
_spec = importlib.util.spec_from_file_location("uses", ROOT / "book" / "_ext" / "uses.py")
uses = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(uses)


def offered():
    """Full names in the `__all__` of each package that has one, by package."""
    names = [each.name for each in pkgutil.walk_packages(companion.__path__, "companion.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    return {
        module.__name__: [f"{module.__name__}.{name}" for name in module.__all__]
        for module in modules
        if hasattr(module, "__path__") and hasattr(module, "__all__")
    }


def missing(names, html):
    """Names that no page of a folder describes."""
    pages = "".join(path.read_text(encoding="utf-8") for path in sorted(html.glob("*.html")))
    described = set(re.findall(r'<dt class="sig [^>]*id="([^"]+)"', pages))
    return [name for name in names if name not in described]


def test_every_name_on_offer_is_described(html):
    names = offered()
    assert {"companion.models", "companion.plotting", "companion.training"} <= set(names)
    for package in names.values():
        assert missing(package, html / "book" / "api") == []
    assert missing(["companion.training.distributed.session"], html / "book" / "api") == []


def test_a_planted_name_without_description_is_found(tmp_path):
    (tmp_path / "x.html").write_text('<dt class="sig sig-object py" id="companion.x.known">')
    assert missing(["companion.x.known", "companion.x.new"], tmp_path) == ["companion.x.new"]


@pytest.mark.parametrize(
    ("page", "name", "user", "other"),
    [
        (
            "tasks-faces",
            "companion.tasks.faces.detect",
            "cases/face-detection",
            "theory/optimizers",
        ),
        ("training", "companion.training.fit", "theory/optimizers", "cases/face-recognition"),
    ],
)
def test_functions_name_the_notebooks_that_use_them(html, page, name, user, other):
    text = (html / "book" / "api" / f"{page}.html").read_text(encoding="utf-8")
    entry = BeautifulSoup(text, "html.parser").find(id=name).parent
    used = next(part for part in entry.find_all("p") if part.text.startswith("Used in:"))
    links = [link["href"].partition("#")[0] for link in used.find_all("a")]
    assert f"../{user}.html" in links
    assert f"../{other}.html" not in links


def test_uses_are_found_where_names_are_defined(tmp_path):
    cell = {
        "cell_type": "code",
        "source": "from companion.models import unet\n"
        "from companion.tasks import faces as f\n"
        "from companion.training import predict as run\n"
        "found = f.detect(unet())",
    }
    notebook = tmp_path / "book" / "chapter" / "page.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(json.dumps({"cells": [cell, {"cell_type": "markdown", "source": "x"}]}))
    assert uses.users(tmp_path) == {
        name: ["book/chapter/page"]
        for name in (
            "companion.models.unet.unet",
            "companion.tasks.faces.detect",
            "companion.training.evaluation.predict",
        )
    }
