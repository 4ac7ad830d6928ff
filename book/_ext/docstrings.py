"""The package's pages: code in docstrings the plain way, and types by the names they go by."""

from numpy.typing import ArrayLike
from sphinx.util.typing import stringify_annotation

# Python spells an alias out; this is what it makes of one, and the name to put back.
ALIASES = {stringify_annotation(ArrayLike, "smart"): "ArrayLike"}


def indented_to_literal(app, what, name, obj, options, lines):
    """Read an indented block as code, not as a quotation.

    In the docstring of a module every such block is code; elsewhere, where lists and sections are
    indented too, only one that follows a line with a colon at its end.
    """
    for number in range(len(lines) - 3, -1, -1):
        line, blank, block = lines[number : number + 3]
        depth = len(line) - len(line.lstrip())
        if not line.strip() or blank.strip() or len(block) - len(block.lstrip()) <= depth:
            continue
        if line.endswith(":") and not line.endswith("::"):
            lines[number] = line + ":"
        elif what == "module" and depth == 0 and not line.endswith("::"):
            lines[number + 1 : number + 2] = ["", "::", ""]


def name_aliases(app, what, name, obj, options, signature, returns):
    """Put the names of aliases back into the types that autodoc has just noted."""
    noted = app.env.temp_data.get("annotations", {}).get(name, {})
    for parameter, text in noted.items():
        for spelt_out, alias in ALIASES.items():
            text = text.replace(spelt_out, alias)
        noted[parameter] = text


def setup(app):
    """Run before napoleon reads the sections, and after autodoc has noted the types."""
    app.connect("autodoc-process-docstring", indented_to_literal, priority=100)
    app.connect("autodoc-process-signature", name_aliases, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
