"""Which feeds a publication has, and where they stand.

::

    /feed.rss                   the whole publication       (.atom, .json likewise)
    /feeds/section/NAME.rss     one for each section, tag and author that an article names
    /feeds/tag/NAME.rss
    /feeds/author/NAME.rss
    /feeds/NAME.rss             each selection written as [[feeds]]
    /feeds/archive/…            archive pages (RFC 5005), reached through prev-archive
    /feeds.opml                 the list itself

NAME is the slug of the section, tag or author. Where two names have one slug, the name of the oldest article
keeps it and the other carries a short hash as well, so a new article never moves a feed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from feeds.entries import absolute_url, is_episode
from feeds.formats import BaseFormat, formats
from feeds.known import Known, clean, newest_first
from publisher.lib.text import slugify
from publisher.model import Article, Publication
from publisher.settings.feeds import FeedSettings, FeedsSettings

Kind = Literal["all", "section", "tag", "author", "selection", "private"]
FILE_NAME = "feed-cache/catalogue.json"


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """One feed. ``path`` has no extension and no leading slash; ``urls`` are absolute, by format name.

    ``updated`` is the newest article's; None while there is none. ``articles`` counts live and archived.
    """

    kind: Kind
    name: str
    title: str
    path: str
    home_url: str
    urls: dict[str, str]
    size: int = 30
    full: bool = True
    podcast: bool = False
    explicit: bool = False
    category: str = ""
    image: str = ""
    updated: datetime | None = None
    articles: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A feed with the articles that belong to it, newest first."""

    feed: FeedInfo
    articles: tuple[Known, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AlternateLink:
    """A ``<link rel="alternate">`` of a page's head."""

    href: str
    media_type: str
    title: str


def catalogue(
    publication: Publication, feed: FeedSettings, feeds: Sequence[FeedsSettings], articles: Iterable[Article] = ()
) -> tuple[FeedInfo, ...]:
    """Every public feed: the whole publication, the selections, then sections, tags and authors by name."""
    return tuple(member.feed for member in members(publication, feed, feeds, articles))


def members(
    publication: Publication, feed: FeedSettings, feeds: Sequence[FeedsSettings], articles: Iterable[Article]
) -> tuple[Member, ...]:
    """As :func:`catalogue`, with each feed's articles."""
    ordered = newest_first(articles)
    found = [_member(publication, feed, "all", "", publication.title, "feed", ordered)]
    found += [_selection(publication, feed, selection, ordered) for selection in feeds]
    groups: dict[tuple[str, str], list[Known]] = {}
    names: dict[tuple[str, str], str] = {}
    for article in ordered:
        for kind, key, name in article.topics:
            groups.setdefault((kind, key), []).append(article)
            names[kind, key] = name  # as the oldest article writes it: it stays when others come
    kinds: tuple[Kind, ...] = ("section", "tag", "author")
    for kind in kinds:
        keys = sorted(key for each, key in groups if each == kind)
        slugs = _slugs({key: (names[kind, key], groups[kind, key][-1]) for key in keys})
        for key in keys:
            name = names[kind, key]
            title, path = f"{publication.title}: {name}", f"feeds/{kind}/{slugs[key]}"
            found.append(_member(publication, feed, kind, name, title, path, groups[kind, key]))
    return tuple(found)


def autodiscovery(feeds: Iterable[FeedInfo]) -> tuple[AlternateLink, ...]:
    """The links that let a browser or feed reader find ``feeds`` from a page, every format of each."""
    return tuple(
        AlternateLink(url, form.link_type, f"{feed.title} ({form.label})")
        for feed in feeds
        for form, url in in_formats(feed)
    )


def in_formats(feed: FeedInfo) -> list[tuple[BaseFormat, str]]:
    """The formats of a feed with its URL in each; one that is known no more, in a catalogue of old, is left out."""
    return [(formats()[name], url) for name, url in feed.urls.items() if name in formats()]


def save(state: Path, feeds: Iterable[FeedInfo]) -> None:
    """Write the catalogue under the site's ``state`` directory, for :func:`load`."""
    rows = [{**asdict(feed), "updated": feed.updated.isoformat() if feed.updated else None} for feed in feeds]
    path = state / FILE_NAME
    data = json.dumps(rows, ensure_ascii=False, indent=1).encode()
    if not path.exists() or path.read_bytes() != data:
        temporary = path.with_suffix(".new")
        temporary.write_bytes(data)
        temporary.replace(path)


def load(state: Path) -> tuple[FeedInfo, ...]:
    """The catalogue as it was last written under ``state``; empty before the first time."""
    try:
        rows: list[dict[str, Any]] = json.loads((state / FILE_NAME).read_bytes())
        return tuple(
            FeedInfo(**{**row, "updated": datetime.fromisoformat(row["updated"]) if row["updated"] else None})
            for row in rows
        )
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _member(
    publication: Publication,
    feed: FeedSettings,
    kind: Kind,
    name: str,
    title: str,
    path: str,
    articles: Sequence[Known],
    selection: FeedsSettings | None = None,
) -> Member:
    base = absolute_url(publication.base_url, "").rstrip("/")
    wanted = (selection.formats if selection else None) or feed.formats
    content = (selection.content if selection else None) or feed.content
    page = f"{base}/{kind}s/{quote(slugify(name), safe='')}" if kind in ("section", "tag", "author") else f"{base}/"
    info = FeedInfo(
        kind=kind,
        name=name,
        title=clean(title),
        path=path,
        home_url=page,
        urls={each: f"{base}/{quote(path)}.{formats()[each].extension}" for each in wanted},
        size=(selection.size if selection else None) or feed.size,
        full=content == "full",
        podcast=bool(selection and selection.podcast),
        explicit=bool(selection and selection.explicit),
        category=selection.category if selection else "",
        image=selection.image if selection else "",
        updated=max((article.updated for article in articles), default=None),
        articles=len(articles),
    )
    return Member(info, tuple(articles))


def _selection(
    publication: Publication, feed: FeedSettings, selection: FeedsSettings, articles: Sequence[Known]
) -> Member:
    wanted: dict[Kind, set[str]] = {
        "section": {clean(name).casefold() for name in selection.sections},
        "tag": {clean(name).casefold() for name in selection.tags},
        "author": {clean(name).casefold() for name in selection.authors},
    }
    chosen = [
        article
        for article in articles
        if all(
            not names or any(kind == each and key in names for each, key, _ in article.topics)
            for kind, names in wanted.items()
        )
        # A show is made of its episodes: players drop an item that they cannot play.
        and (not selection.podcast or _has_episode(article.article, publication))
    ]
    title = selection.title or f"{publication.title}: {selection.name}"
    return _member(publication, feed, "selection", selection.name, title, f"feeds/{selection.name}", chosen, selection)


def _has_episode(article: Article, publication: Publication) -> bool:
    return any(is_episode(each) and absolute_url(each.url, publication.base_url) for each in article.enclosures)


def _slugs(groups: Mapping[str, tuple[str, Known]]) -> dict[str, str]:
    taken: set[str] = set()
    slugs: dict[str, str] = {}
    for key, (name, _) in sorted(groups.items(), key=lambda item: (item[1][1].order, item[0])):
        slug = slugify(name)
        digest = hashlib.sha256(key.encode()).hexdigest()[:6]
        if len(slug.encode()) > 150:  # a file name holds 255 bytes, and the archive's folder bears it too
            slug = f"{slug.encode()[:140].decode(errors='ignore')}-{digest}"
        if slug in taken:
            slug = f"{slug}-{digest}"
        taken.add(slug)
        slugs[key] = slug
    return slugs
