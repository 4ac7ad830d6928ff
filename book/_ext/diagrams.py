"""Mermaid diagrams drawn in the reader's browser by the vendored script, without the web.

A fence opened with ```` ```mermaid ```` becomes a diagram. Its text must say what it shows in a
line `accDescr: ...` (mermaid's own way to describe a diagram to people who do not see it).
With `:caption:` and `:name:` it is a numbered figure like any other.
"""

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

SCRIPTS = ("vendor/mermaid/mermaid.min.js", "diagrams.js")


class diagram(nodes.General, addnodes.translatable, nodes.Element):  # noqa: N801
    """A mermaid diagram; `source` holds its text, one message for the translators."""

    def preserve_original_messages(self):
        """Keep the text as written, whatever the translation makes of it."""
        self["original"] = self["source"]

    def extract_original_messages(self):
        """The whole text: its labels make sense only together."""
        return [self["original"]]

    def apply_translated_message(self, original_message, translated_message):
        """Draw the translated text in place of the original."""
        self["source"] = translated_message


class Mermaid(SphinxDirective):
    """The directive behind a mermaid fence."""

    has_content = True
    option_spec = {"caption": directives.unchanged_required, "name": directives.unchanged}  # noqa: RUF012

    def run(self):
        """Turn the fence's text into a diagram, in a numbered figure when it has a caption."""
        source = "\n".join(self.content)
        if "accDescr" not in source:
            logger.warning(
                "a mermaid diagram without a description; add a line `accDescr: what it shows`",
                location=self.get_location(),
                type="diagrams",
                subtype="description",
            )
        node = diagram(source=source)
        self.set_source_info(node)
        if "caption" not in self.options:
            self.add_name(node)
            return [node]
        messages, problems = self.parse_inline(self.options["caption"], lineno=self.lineno)
        caption = nodes.caption(self.options["caption"], "", *messages)
        self.set_source_info(caption)
        figure = nodes.figure("", node, caption, align="center")
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure, *problems]


def visit_html(translator, node):
    """Write the text escaped; diagrams.js replaces it by the drawing."""
    translator.body.append(translator.starttag(node, "pre", "", CLASS="diagram"))
    translator.body.append(translator.encode(node["source"]) + "</pre>\n")
    raise nodes.SkipNode


def visit_other(translator, node):
    """Other formats show the text of the diagram."""
    text = nodes.literal_block(node["source"], node["source"])
    text.walkabout(translator)
    raise nodes.SkipNode


def load_scripts(app, pagename, templatename, context, doctree):
    """Load mermaid on the pages that have a diagram, and on no other."""
    if doctree is not None and doctree.next_node(diagram) is not None:
        for script in SCRIPTS:
            app.add_js_file(script, loading_method="defer")


def setup(app):
    """Register the directive with Sphinx."""
    other = (visit_other, None)
    app.add_node(
        diagram, html=(visit_html, None), latex=other, text=other, man=other, texinfo=other
    )
    app.add_directive("mermaid", Mermaid)
    app.connect("html-page-context", load_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
