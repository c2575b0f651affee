"""The text of a post, from ``templates/post/<name>.txt``.

A template sees ``title``, ``summary``, ``url``, ``hashtags`` (one line, may be empty), ``section``, ``tags``,
``authors`` (names), ``published`` (a date) and ``publication``. Lines that came out empty are closed up to at
most one between two paragraphs, so that a template need not ask whether there is a summary.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

from publisher.rendering.templates import environment, render

_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_LINE_ENDS = re.compile(r"[ \t]+\n")


@lru_cache(maxsize=8)
def _environment(site: Path | None) -> ImmutableSandboxedEnvironment:
    return environment(site)


def post_text(site: Path | None, name: str, values: dict[str, object]) -> str:
    """The text that template ``post/<name>.txt`` makes of ``values``, not yet cut to any length.

    :raises RenderError: names the template and, where known, the line.
    """
    return tidy(render(_environment(site), f"post/{name}.txt", values))


def tidy(text: str) -> str:
    """No white space at the ends of lines, at most one empty line in a row, none at the ends."""
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("\n", text)).strip()
