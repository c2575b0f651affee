"""Where articles are read from: one file a kind, found by its file name.

::

    [[sources]] kind = "markdown" → publisher/articles/sources/markdown.py → class Source
                other keys        → its Options                            → cursor() changed? → read() → SourceReading

A kind is a module here whose name does not begin with ``_``, with a :class:`BaseSource` called ``Source``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from publisher.articles.documents import Document, Problem, SourceReading
from publisher.articles.sources._base import BaseSource
from publisher.lib.families import member, members
from publisher.settings.base import read_options
from publisher.settings.publication import PublicationSettings, SourceSettings

__all__ = ["BaseSource", "Document", "Problem", "SourceReading", "check_sources", "kinds", "open_source", "read"]


def kinds() -> tuple[str, ...]:
    """The kind-names, in alphabetical order."""
    return members(__path__)


def open_source(
    settings: SourceSettings, site: Path, publication: PublicationSettings, *, where: str = "sources"
) -> BaseSource:
    """The source that one table describes.

    :param where: the table as an operator knows it, for the message.
    :raises SettingsError: there is no such kind, or its options are wrong; one line.
    """
    kind: type[BaseSource] = member(__name__, __path__, settings.kind, setting=f"{where}.kind").Source
    options = read_options(kind.Options, settings.options, where=where, label=f"the kind {settings.kind}")
    return kind(settings, site, publication, options)


def check_sources(tables: Sequence[SourceSettings], site: Path, publication: PublicationSettings) -> None:
    """Refuse a source whose kind or options are wrong, before anything is read.

    :raises SettingsError: one line that names the table, key, value and what was expected.
    """
    for number, table in enumerate(tables):
        open_source(table, site, publication, where=f"sources[{number}]")


def read(settings: SourceSettings, site: Path, publication: PublicationSettings) -> SourceReading:
    """Read one source whole. Order and result depend on nothing but what it holds and the settings.

    :raises SettingsError: there is no such kind, or its options are wrong.
    """
    return open_source(settings, site, publication).read()
