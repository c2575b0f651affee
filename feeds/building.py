"""From articles to documents: which ones are due, and their bytes.

::

    articles ─ catalogue.members ─ archives.pages ─→ Document (signature, no bytes yet)
                                                        │ only those whose signature is new
               kept entries ─ render what is missing ───┴→ bytes

The signature of a document names all its bytes depend on, so one that has not changed costs a hash and no
rendering, joining or comparing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote

from feeds.archives import Page, pages
from feeds.cache import EntryCache, MemoryEntryCache, context_of
from feeds.catalogues import FeedInfo, members
from feeds.entries import EPOCH, Entry, absolute_url, entry_of, language_tag, uuid_of
from feeds.formats import BaseFormat, Head, formats
from feeds.known import Known, clean
from publisher.lib.text import one_line
from publisher.model import Article, Publication, canonical_json
from publisher.settings.feeds import FeedSettings, FeedsSettings

#: Documents rendered at a time: bounds the memory of a first build of 20,000 articles.
BATCH = 60


@dataclass(frozen=True, slots=True)
class Document:
    """One file to be: what it will hold, before it is rendered. ``path`` has no leading slash.

    ``signature`` names all that its bytes depend on, ``news`` only what is worth telling a hub of: not how an
    article is rendered.
    """

    path: str
    base_url: str
    page: Page = field(repr=False)
    format: BaseFormat = field(repr=False)
    signature: str
    news: str

    @property
    def url(self) -> str:
        return f"{self.base_url}/{quote(self.path)}"

    @property
    def feed(self) -> FeedInfo:
        return self.page.feed

    @property
    def archive(self) -> bool:
        return self.page.archive

    @property
    def updated(self) -> datetime:
        """The newest of its articles'; never the clock's."""
        return max((article.updated for article in self.page.articles), default=EPOCH)


class Builder:
    """Every document of a publication, planned at once and rendered on demand."""

    def __init__(
        self,
        publication: Publication,
        articles: Iterable[Article],
        *,
        feed: FeedSettings | None = None,
        feeds: Sequence[FeedsSettings] = (),
        hubs: Sequence[str] = (),
        cache: EntryCache | None = None,
        revisions: Mapping[str, str] | None = None,
    ) -> None:
        self.publication = publication
        self.cache: EntryCache = MemoryEntryCache() if cache is None else cache
        self._settings = feed or FeedSettings()
        self._hubs = tuple(url for hub in hubs if (url := absolute_url(hub, "")))
        self._base = absolute_url(publication.base_url, "").rstrip("/")
        self._revisions = revisions or {}
        self._contexts: dict[tuple[bool, bool, bool], str] = {}
        self.members = members(publication, self._settings, feeds, articles)
        self.ids = frozenset(article.id for article in self.members[0].articles)

    @property
    def catalogue(self) -> tuple[FeedInfo, ...]:
        return tuple(member.feed for member in self.members)

    def documents(self) -> Iterator[Document]:
        """Live feeds and archive pages in every format, the live ones of the whole publication first."""
        for member in self.members:
            yield from self.feed_documents(member.feed, member.articles)

    def feed_documents(self, feed: FeedInfo, articles: Sequence[Known]) -> Iterator[Document]:
        """The documents of one feed; ``articles`` newest first."""
        shared = _digest(repr((self.publication, self._hubs, self._settings.ttl, self._context(feed), _constant(feed))))
        for page in pages(feed, articles):
            parts = (shared, page.path, page.previous, *(article.fingerprint for article in page.articles))
            signature = _digest("\n".join(parts))
            news = _digest(canonical_json([self._told(feed), [self._mark(article) for article in page.articles]]))
            for name in feed.urls:
                form = formats()[name]
                path = f"{page.path}.{form.extension}"
                yield Document(path, self._base, page, form, f"{name}:{signature}", news)

    def _told(self, feed: FeedInfo) -> dict[str, object]:
        """What a feed says of itself; what is empty is left out, so that a later setting is no news by itself."""
        publication = self.publication
        told = {
            "publication": [publication.title, publication.description, publication.base_url, publication.language],
            "rights": [publication.author, publication.copyright],
            "logo": feed.image or publication.logo_url,
            "hubs": self._hubs,
            "ttl": self._settings.ttl,
            "title": feed.title,
            "full": feed.full,
            "podcast": feed.podcast,
            "explicit": feed.explicit,
            "category": feed.category,
        }
        return {name: value for name, value in told.items() if value}

    def _mark(self, article: Known) -> list[str]:
        return [article.id, self._revisions.get(article.id, article.fingerprint)]

    def render(self, documents: Iterable[Document]) -> Iterator[tuple[Document, bytes]]:
        """The bytes of each document; every entry is rendered at most once and kept."""
        batch: list[Document] = []
        for document in documents:
            batch.append(document)
            if len(batch) == BATCH:
                yield from self._render(batch)
                batch = []
        yield from self._render(batch)

    def keys(self, document: Document) -> list[str]:
        """The key of each entry of a document, in order."""
        start = f"{document.format.name}:{self._context(document.feed)}:"
        return [start + article.fingerprint for article in document.page.articles]

    def _render(self, batch: list[Document]) -> Iterator[tuple[Document, bytes]]:
        keys = [self.keys(document) for document in batch]
        known = self.cache.get(dict.fromkeys(key for some in keys for key in some))
        entries: dict[str, Entry] = {}
        missing: dict[str, bytes] = {}
        for document, some in zip(batch, keys, strict=True):
            for key, article in zip(some, document.page.articles, strict=True):
                if key not in known and key not in missing:
                    name = key.partition(":")[2]  # the same facts in every format
                    if name not in entries:
                        entries[name] = self._entry(document.feed, article.article)
                    missing[key] = document.format.entry(entries[name])
        if missing:
            self.cache.put(missing)
            known.update(missing)
        for document, some in zip(batch, keys, strict=True):
            yield document, document.format.document(self._head(document), [known[key] for key in some])

    def _entry(self, feed: FeedInfo, article: Article) -> Entry:
        return entry_of(article, self.publication, full=feed.full, podcast=feed.podcast, explicit=feed.explicit)

    def _head(self, document: Document) -> Head:
        page, feed, publication = document.page, document.feed, self.publication
        previous = f"{self._base}/{quote(page.previous)}.{document.format.extension}" if page.previous else ""
        return Head(
            id=f"urn:uuid:{uuid_of(publication.id, f'feed:{feed.kind}:{feed.name.casefold()}')}",
            title=feed.title or "Untitled",
            home_url=feed.home_url,
            self_url=document.url,
            current_url=feed.urls[document.format.name],
            updated=document.updated,
            description=one_line(publication.description),
            language=language_tag(publication.language),
            author=clean(publication.author),
            copyright=one_line(publication.copyright),
            logo_url=absolute_url(feed.image or publication.logo_url, self._base),
            # A hub tells of news, and an archive page has none.
            hubs=() if page.archive else self._hubs,
            ttl=self._settings.ttl,
            prev_archive_url=previous,
            archive=page.archive,
            podcast=feed.podcast,
            explicit=feed.explicit,
            category=one_line(feed.category),
            guid=str(uuid_of(publication.id, f"podcast:{feed.name}")) if feed.podcast else "",
        )

    def _context(self, feed: FeedInfo) -> str:
        flags = (feed.full, feed.podcast, feed.explicit)
        if flags not in self._contexts:
            self._contexts[flags] = context_of(self.publication, full=flags[0], podcast=flags[1], explicit=flags[2])
        return self._contexts[flags]


def _constant(feed: FeedInfo) -> FeedInfo:
    """``feed`` without what changes with every article: its documents name their articles themselves."""
    return replace(feed, updated=None, articles=0)


def _digest(text: str | bytes) -> str:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=16).hexdigest()
