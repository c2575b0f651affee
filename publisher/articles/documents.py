"""What a source hands over: documents in the making, and what was wrong with the rest.

::

    file → Document   an article but for its id and its permalink, which need the whole publication to decide
         → Problem    what was set aside (``refused``) or mended (a warning), with file and line

Kept below the rooms, because sources make these and :mod:`publisher.articles.identity` turns them into articles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from publisher.lib.text import slugify
from publisher.model import Author, Enclosure, Image, RelatedArticle


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
