"""Says below each function and class of the package which notebooks use it."""

import ast
import importlib
import json
from collections import defaultdict
from pathlib import Path
from types import ModuleType

PACKAGE = "companion"


def used_in(notebook: Path) -> set[str]:
    """Full names of the package's functions and classes that a notebook uses.

    A name counts where it is defined, wherever it is imported from; what is reached through an
    imported module, as `faces.detect`, counts as well.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    tree = ast.parse("\n".join(code), notebook)
    names, modules = set(), {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not f"{node.module}.".startswith(f"{PACKAGE}."):
            continue
        module = importlib.import_module(node.module)
        for alias in node.names:
            found = getattr(module, alias.name, None)
            if found is None:  # a module that its package does not import
                found = importlib.import_module(f"{node.module}.{alias.name}")
            if isinstance(found, ModuleType):
                modules[alias.asname or alias.name] = found
            else:
                names.add(_home(found, node.module, alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module is not None:
                names.add(_home(getattr(module, node.attr), module.__name__, node.attr))
    return names


def users(root: Path) -> dict[str, list[str]]:
    """For each name the pages that use it, in the order of their paths, without `.ipynb`."""
    found = defaultdict(list)
    for notebook in sorted((root / "book").glob("*/*.ipynb")):
        page = notebook.relative_to(root).with_suffix("").as_posix()
        for name in used_in(notebook):
            found[name].append(page)
    return dict(found)


def _home(value: object, module: str, name: str) -> str:
    """Where a name is defined; a constant does not know, so it is where it was imported from."""
    place = getattr(value, "__module__", None)
    return f"{place or module}.{getattr(value, '__qualname__', name)}"


def collect(app):
    """Read the notebooks once for a build."""
    app.env.companion_users = users(Path(app.srcdir))


def name_users(app, what, name, obj, options, lines):
    """Add the line to a docstring."""
    if what not in ("function", "class"):
        return
    module, _, own = name.rpartition(".")  # where it is described, which may be a second address
    pages = app.env.companion_users.get(_home(obj, module, own), [])
    if pages:
        links = ", ".join(f":doc:`{page.rpartition('/')[2]} </{page}>`" for page in pages)
        lines += ["", f"*Used in:* {links}", ""]


def setup(app):
    """Run after napoleon has read the sections, so that the line stands below them."""
    app.connect("builder-inited", collect)
    app.connect("autodoc-process-docstring", name_users, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
