"""Feeds as bytes: RSS 2.0, Atom 1.0, JSON Feed 1.1, OPML; the only room that imports feedgen.

::

    feeds.write_all(settings, articles)    → files under state/feeds/, a WriteReport
    feeds.build(publication, articles)     → {"feed.rss": bytes, …}, nothing written
    feeds.catalogue(publication, feed, feeds, articles) → every feed with its URLs
    feeds.load_catalogue(settings.state)   → the same, as last written

How they hang together: :mod:`feeds.catalogues` (which feeds) → :mod:`feeds.archives` (which articles in which
document) → :mod:`feeds.entries` (what is said of an article) → :mod:`feeds.formats` (how it is written) →
:mod:`feeds.building`, :mod:`feeds.files` (bytes, once; files, only when they differ).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from feeds.building import Builder
from feeds.cache import EntryCache, FileEntryCache, MemoryEntryCache
from feeds.catalogues import AlternateLink, FeedInfo, autodiscovery, catalogue, in_formats
from feeds.catalogues import load as load_catalogue
from feeds.entries import entry_id
from feeds.opml import opml_of
from feeds.publishing import WriteReport, hubs_of, write_all
from publisher.model import Article, Publication
from publisher.settings.feeds import FeedSettings, FeedsSettings

__all__ = [
    "AlternateLink",
    "Builder",
    "EntryCache",
    "FeedInfo",
    "FileEntryCache",
    "MemoryEntryCache",
    "WriteReport",
    "autodiscovery",
    "build",
    "catalogue",
    "entry_id",
    "hubs_of",
    "in_formats",
    "load_catalogue",
    "opml_of",
    "write_all",
]


def build(
    publication: Publication,
    articles: Iterable[Article],
    *,
    feed: FeedSettings | None = None,
    feeds: Sequence[FeedsSettings] = (),
    hubs: Sequence[str] = (),
    cache: EntryCache | None = None,
) -> dict[str, bytes]:
    """Every document by its path, such as ``feed.atom`` or ``feeds/tag/energy.rss``, and ``feeds.opml``.

    The same values give the same bytes, whatever the hash seed, the process or the day.

    :param hubs: WebSub hubs that the live feeds name; absolute URLs.
    :param cache: keeps rendered entries between builds.
    """
    builder = Builder(publication, articles, feed=feed, feeds=feeds, hubs=hubs, cache=cache)
    found = {document.path: data for document, data in builder.render(builder.documents())}
    return {**found, "feeds.opml": opml_of(publication, builder.catalogue)}
