"""How the documentation is built: ``sphinx-build -W --keep-going docs build/docs``.

The tables of a channel's options are made here from the code at build time, so they cannot differ from it::

    publisher.channels.describe_options() → the directive {channel-options} → the page of the kind
"""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import publisher
from publisher.channels import describe_options, kinds

project = "Masthead"
author = "The Masthead authors"
release = version = publisher.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
smartquotes = False  # what is quoted here is meant to be copied

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = f"Masthead {release}"
html_copy_source = False
html_show_copyright = False


class ChannelOptions(Directive):
    """``{channel-options} KIND``: every option of one kind of channel, as a table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        kind = self.arguments[0]
        rows = [row[1:] for row in describe_options() if row[0] == kind]
        if not rows:
            raise self.error(f"{kind}: no such kind of channel; there are {', '.join(kinds())}")
        widths = (22, 28, 50)
        group = nodes.tgroup(cols=len(widths))
        group += [nodes.colspec(colwidth=width) for width in widths]
        head, body = nodes.thead(), nodes.tbody()
        head += self._row(nodes.Text("option"), nodes.Text("default"), nodes.Text("what it is"))
        for name, default, description in rows:
            shown = nodes.Text(default) if default == "required" else nodes.literal(text=default)
            body += self._row(nodes.literal(text=name), shown, nodes.Text(description))
        group += [head, body]
        table = nodes.table(classes=["channel-options"])
        table += group
        return [table]

    @staticmethod
    def _row(*cells: nodes.Node) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            paragraph = nodes.paragraph()
            paragraph += cell
            entry = nodes.entry()
            entry += paragraph
            row += entry
        return row


def every_kind_has_a_page(app: Sphinx) -> None:
    """Fail the build when a kind of channel was added and its page was not."""
    folder = app.srcdir / "channels"
    missing = [kind for kind in kinds() if not (folder / f"{kind}.md").is_file()]
    if missing:
        raise ExtensionError(f"docs/channels/ lacks a page of: {', '.join(missing)}")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("channel-options", ChannelOptions)
    app.connect("builder-inited", every_kind_has_a_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
