"""How long each notebook took: a line on its page, and a table of all with `{run-times}`.

`make run` leaves what it measured in the notebook's metadata, under `companion`:
`{"run_time_s": 12.3, "device": "cpu, 2 threads", "python": "3.11", "torch": "2.15.0"}`.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

KEYS = ("run_time_s", "device", "python", "torch")


def read_run(path):
    """Read what `make run` measured.

    Returns:
        A dict with the keys `run_time_s` (seconds, float), `device`, `python`, `torch`.

    Raises:
        ValueError: the notebook holds no measurement, or an incomplete one.
    """
    run = json.loads(Path(path).read_text(encoding="utf-8"))["metadata"].get("companion", {})
    missing = [key for key in KEYS if key not in run]
    if missing:
        raise ValueError(
            f"no measured {', '.join(missing)} in the notebook's metadata; "
            f"execute it with: make run NB={Path(path).stem}"
        )
    return run


def seconds(value):
    """One decimal below ten seconds, none above: `4.2`, `37`."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def is_notebook(env, docname):
    """Whether the page is written as a notebook."""
    return env.doc2path(docname).endswith(".ipynb")


def fixed(text):
    """A paragraph that translators do not get to see: figures and names."""
    return nodes.paragraph(text, text, translatable=False)


class RunTimes(SphinxDirective):
    """A table of all notebooks in the order of the book; its content is the table's head."""

    has_content = True

    def run(self):
        """Build the table."""
        head = [cell.strip() for cell in " ".join(self.content).split("|")]
        if len(head) != 3:
            raise self.error(f"three column titles needed, separated by |, got {head}")
        self.env.metadata[self.env.docname]["run_times"] = True
        rows, total = [], 0.0
        for docname in self.config.external_site_map:
            if docname not in self.env.found_docs or not is_notebook(self.env, docname):
                continue
            self.env.note_dependency(self.env.doc2path(docname))
            try:
                run = read_run(self.env.doc2path(docname))
            except ValueError:  # the notebook's own page complains
                continue
            total += run["run_time_s"]
            machine = f"{run['device']}; Python {run['python']}, PyTorch {run['torch']}"
            rows.append([self.link(docname), fixed(seconds(run["run_time_s"])), fixed(machine)])
        rows.append([fixed(""), fixed(seconds(total)), fixed("")])
        return [table([nodes.paragraph(cell, cell) for cell in head], rows)]

    def link(self, docname):
        """A link that takes its text from the title of the page."""
        reference = addnodes.pending_xref(
            "",
            nodes.inline("", "", classes=["doc"]),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{docname}",
            refdoc=self.env.docname,
            refexplicit=False,
            refwarn=True,
        )
        return nodes.paragraph("", "", reference, translatable=False)


def table(head, rows):
    """A table of paragraphs; the second column is right-aligned."""

    def row(cells):
        entries = [nodes.entry("", cell) for cell in cells]
        entries[1]["classes"] = ["text-right"]
        return nodes.row("", *entries)

    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (45, 12, 43)), cols=3)
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *(row(cells) for cells in rows))
    return nodes.table("", group, classes=["run-times"])


def add_line(app, doctree):
    """Say under the title of a notebook's page how long it runs and where that was measured."""
    env = app.env
    title = doctree.next_node(nodes.title)
    if title is None or not is_notebook(env, env.docname):
        return
    try:
        run = read_run(env.doc2path(env.docname))
    except ValueError as problem:
        logger.warning(str(problem), location=env.docname, type="run_times")
        return
    line = fixed(app.config.run_times_line.format(**run, seconds=seconds(run["run_time_s"])))
    line["classes"] = ["run-time"]
    title.parent.insert(title.parent.index(title) + 1, line)


def outdated(app, env, added, changed, removed):
    """Build the table again when a notebook comes, changes or goes."""
    if not any(is_notebook(env, docname) for docname in added | changed | removed):
        return []
    return [docname for docname, meta in env.metadata.items() if meta.get("run_times")]


def setup(app):
    """Register the directive and the line with Sphinx."""
    app.add_config_value("run_times_line", "{seconds} s ({device})", "env", str)
    app.add_directive("run-times", RunTimes)
    app.connect("doctree-read", add_line)
    app.connect("env-get-outdated", outdated)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
