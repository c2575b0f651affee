"""Where articles are read from: one file a kind, found by its file name.

::

    [[sources]] kind = "markdown" → publisher/sources/markdown.py → class Source → read() → SourceReading

A kind is a module here whose name does not begin with ``_``, with a class ``Source`` that is made from the
source's settings, the site directory and the publication's settings, and whose ``read()`` never raises for
what a file holds: a bad article is a :class:`~publisher.documents.Problem` and the others go on.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol

from publisher.documents import Document, Problem, SourceReading
from publisher.errors import SettingsError
from publisher.settings.publication import PublicationSettings, SourceSettings

__all__ = ["Document", "Problem", "SourceReading", "kinds", "read"]


class SourceKind(Protocol):
    """What a module here offers as ``Source``."""

    def __init__(self, settings: SourceSettings, site: Path, publication: PublicationSettings) -> None: ...

    def read(self) -> SourceReading: ...


def kinds() -> tuple[str, ...]:
    """The kind-names, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def read(settings: SourceSettings, site: Path, publication: PublicationSettings) -> SourceReading:
    """Read one source whole. Order and result depend on nothing but the files and the settings.

    :raises SettingsError: there is no such kind.
    """
    if settings.kind not in kinds():
        raise SettingsError(f"sources.kind = {settings.kind!r}: expected one of {', '.join(kinds())}")
    kind: type[SourceKind] = importlib.import_module(f"{__name__}.{settings.kind}").Source
    return kind(settings, site, publication).read()
