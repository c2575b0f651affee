"""Where articles are read from: one file a kind, found by its file name.

::

    [[sources]] kind = "markdown" → publisher/articles/sources/markdown.py → class Source → read() → SourceReading

A kind is a module here whose name does not begin with ``_``, with a class ``Source`` that is made from the
source's settings, the site directory and the publication's settings, and whose ``read()`` never raises for
what a file holds: a bad article is a :class:`~publisher.articles.documents.Problem` and the others go on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from publisher.articles.documents import Document, Problem, SourceReading
from publisher.lib.families import member, members
from publisher.settings.publication import PublicationSettings, SourceSettings

__all__ = ["Document", "Problem", "SourceReading", "kinds", "read"]


class SourceKind(Protocol):
    """What a module here offers as ``Source``."""

    def __init__(self, settings: SourceSettings, site: Path, publication: PublicationSettings) -> None: ...

    def read(self) -> SourceReading: ...


def kinds() -> tuple[str, ...]:
    """The kind-names, in alphabetical order."""
    return members(__path__)


def read(settings: SourceSettings, site: Path, publication: PublicationSettings) -> SourceReading:
    """Read one source whole. Order and result depend on nothing but the files and the settings.

    :raises SettingsError: there is no such kind.
    """
    kind: type[SourceKind] = member(__name__, __path__, settings.kind, setting="sources.kind").Source
    return kind(settings, site, publication).read()
