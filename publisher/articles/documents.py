"""What a source hands over: documents in the making, and what was wrong with the rest.

::

    file → Document   an article but for its id and its permalink, which need the whole publication to decide
         → Problem    what was set aside (``refused``) or mended (a warning), with file and line

Kept below the rooms, because sources make these and :mod:`publisher.articles.identity` turns them into articles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from publisher.lib.text import slugify
from publisher.model import Author, Enclosure, Image, RelatedArticle, canonical_json

#: How :func:`source_hash` counts; raised when what goes into it changes.
SCHEME = "1:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one file.

    ``path`` is relative to the site, with ``/``. ``line`` is 1-based, ``None`` where the whole file is meant.
    ``refused``: the article was set aside; otherwise it goes on and this is a warning.
    """

    path: str
    line: int | None
    reason: str
    refused: bool = False

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Document:
    """An article in the making. Texts are scrubbed, HTML sanitised, URLs absolute, instants aware UTC.

    ``path`` is relative to the site, with ``/``. ``published`` is ``None`` when the file names no date;
    ``explicit_id``, ``slug`` and ``canonical_url`` are empty when it names none.

    ``source`` is :func:`source_hash` of what it was read from: equal while nobody edited it, however a later version
    renders it. ``files`` are the files of the site whose size it tells, by the URL as written, with that size.
    ``derived`` names the fields that were made of others because the source leaves them out.
    """

    path: str
    title: str
    html: str = ""
    summary: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    explicit_id: str = ""
    slug: str = ""
    canonical_url: str = ""
    authors: tuple[Author, ...] = ()
    section: str = ""
    tags: tuple[str, ...] = ()
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    language: str = ""
    share_targets: tuple[str, ...] = ()
    related: tuple[RelatedArticle, ...] = ()
    post_texts: tuple[tuple[str, str], ...] = ()
    draft: bool = False
    source: str = ""
    files: tuple[tuple[str, int], ...] = ()
    derived: frozenset[str] = frozenset()

    @property
    def url_slug(self) -> str:
        """The slug that the file asks for, or the one its title gives."""
        return self.slug or slugify(self.title)


@dataclass(frozen=True, slots=True)
class SourceReading:
    """Everything one source holds now, in a stable order, and what was wrong with the rest."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def refused_paths(self) -> frozenset[str]:
        """Files (or directories) that are there but could not be read: their articles are not gone."""
        return frozenset(problem.path for problem in self.problems if problem.refused)


def source_hash(kind: str, content: str, facts: Mapping[str, object], files: tuple[tuple[str, int], ...] = ()) -> str:
    """What an article was read from as one short text; it says nothing of how it was rendered.

    :param content: what its author wrote, whole.
    :param facts: the settings that shape the article; empty ones are left out, so that a new setting changes nothing.
    :param files: see :class:`Document`.
    """
    given = {name: value for name, value in facts.items() if value}
    return SCHEME + hashlib.sha256(canonical_json([kind, content, given, files])).hexdigest()
