"""The pages about the package describe every name that the package offers."""

import importlib
import pkgutil
import re

import companion


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
