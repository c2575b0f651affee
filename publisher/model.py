"""The things Masthead works with: frozen dataclasses over the standard library only.

They carry decided facts between the rooms; none of them knows a database, a template or a network.
All instants are timezone-aware UTC; all texts are already scrubbed (:mod:`publisher.lib.text`), all
HTML already sanitised (:mod:`publisher.lib.sanitise`), all URLs absolute.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypedDict, cast


@dataclass(frozen=True, slots=True)
class Publication:
    """What one subscribes to. ``id`` is a permanent URI that survives a change of ``base_url``."""

    id: str
    title: str
    base_url: str
    language: str = "en"
    description: str = ""
    timezone: str = "UTC"
    author: str = ""
    logo_url: str = ""
    copyright: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    name: str
    url: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An article's lead image. ``width`` and ``height`` in CSS pixels, 0 when unknown."""

    url: str
    alt: str = ""
    width: int = 0
    height: int = 0
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """An attached file, as RSS 2.0 and RFC 4287 use the word. ``length`` in bytes, ``duration`` in seconds."""

    url: str
    media_type: str
    length: int = 0
    title: str = ""
    duration: int = 0


@dataclass(frozen=True, slots=True)
class RelatedArticle:
    """A pointer to another article as a saved page shows it; ``url`` is empty when the page had none."""

    summary: str
    published: date | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """One piece with its own permalink and a stable id.

    ``id`` never changes once published; ``url`` is the canonical permalink and may.
    ``title`` and ``summary`` are plain text, ``html`` the sanitised body.
    ``share_targets`` are kind-names of :mod:`publisher.channels.share_links`; empty means the publication's.
    ``post_texts`` overrides a channel's text, by channel name or kind.
    """

    id: str
    title: str
    url: str
    published: datetime
    updated: datetime
    html: str = ""
    summary: str = ""
    slug: str = ""
    authors: tuple[Author, ...] = ()
    section: str = ""
    tags: tuple[str, ...] = ()
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    language: str = ""
    share_targets: tuple[str, ...] = ()
    related: tuple[RelatedArticle, ...] = ()
    post_texts: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """A path- and URL-safe name for this article, made of its ``id`` alone."""
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", self.id):
            return self.id
        return hashlib.sha256(self.id.encode()).hexdigest()[:20]


class EditionStatus(StrEnum):
    """draft → scheduled → freezing → sending ⇄ paused → done | cancelled."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    FREEZING = "freezing"
    SENDING = "sending"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Edition:
    """A dated, numbered set of articles of one digest."""

    id: int
    digest: str
    number: int
    title: str
    created: datetime
    articles: tuple[Article, ...] = ()
    status: EditionStatus = EditionStatus.DRAFT


class Cadence(StrEnum):
    EACH = "each"
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber asked for: topics × cadence × hour × zone.

    Empty topics mean everything; otherwise one match in any of the three is enough. ``weekday`` 0 is Monday;
    ``monthday`` 1–31 is the month's last day where the month is shorter; ``hour``/``minute`` are local to ``timezone``.
    """

    subscriber_id: int
    digest: str
    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    cadence: Cadence = Cadence.EACH
    weekday: int = 0
    monthday: int = 1
    hour: int = 8
    minute: int = 0
    timezone: str = "UTC"


class PostStatus(StrEnum):
    """queued → sending → published | failed | unknown; a channel with ``dry_run`` keeps its posts as recorded."""

    QUEUED = "queued"
    SENDING = "sending"
    PUBLISHED = "published"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RECORDED = "recorded"


def canonical_json(value: object) -> bytes:
    """The same value gives the same bytes, on every machine and with every hash seed."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


class AuthorData(TypedDict):
    name: str
    url: str
    email: str


class ImageData(TypedDict):
    url: str
    alt: str
    width: int
    height: int
    media_type: str


class EnclosureData(TypedDict):
    url: str
    media_type: str
    length: int
    title: str
    duration: int


class RelatedData(TypedDict):
    summary: str
    published: str | None
    url: str


class ArticleData(TypedDict):
    """An :class:`Article` as JSON holds it; instants as ISO 8601 in UTC."""

    id: str
    title: str
    url: str
    published: str
    updated: str
    html: str
    summary: str
    slug: str
    authors: list[AuthorData]
    section: str
    tags: list[str]
    image: ImageData | None
    enclosures: list[EnclosureData]
    language: str
    share_targets: list[str]
    related: list[RelatedData]
    post_texts: list[tuple[str, str]]


def article_to_dict(article: Article) -> ArticleData:
    """An :class:`Article` as JSON-ready values."""
    data = asdict(article)
    data["published"] = article.published.isoformat()
    data["updated"] = article.updated.isoformat()
    for related in data["related"]:
        related["published"] = related["published"].isoformat() if related["published"] else None
    return cast(ArticleData, data)


def article_from_dict(data: ArticleData) -> Article:
    """The inverse of :func:`article_to_dict`."""
    return Article(
        id=data["id"],
        title=data["title"],
        url=data["url"],
        published=datetime.fromisoformat(data["published"]),
        updated=datetime.fromisoformat(data["updated"]),
        html=data["html"],
        summary=data["summary"],
        slug=data["slug"],
        authors=tuple(Author(**author) for author in data["authors"]),
        section=data["section"],
        tags=tuple(data["tags"]),
        image=Image(**data["image"]) if data["image"] else None,
        enclosures=tuple(Enclosure(**enclosure) for enclosure in data["enclosures"]),
        language=data["language"],
        share_targets=tuple(data["share_targets"]),
        related=tuple(
            RelatedArticle(r["summary"], date.fromisoformat(r["published"]) if r["published"] else None, r["url"])
            for r in data["related"]
        ),
        post_texts=tuple((name, text) for name, text in data["post_texts"]),
    )
