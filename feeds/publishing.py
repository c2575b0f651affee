"""Bring ``state/feeds/`` up to date with the articles: write what differs, remove what is gone."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from feeds import catalogues
from feeds.building import BATCH, Builder, Document
from feeds.cache import EntryCache, FileEntryCache
from feeds.deltas import remember
from feeds.entries import EPOCH
from feeds.files import ENCODINGS, etags, flush_folder, one_writer, remove_file, write_file
from feeds.opml import opml_of
from publisher.model import Article
from publisher.settings import Settings

OPML = "feeds.opml"
_SUFFIXES = ("", *ENCODINGS.values())
#: Files on their way to the disk at once.
MAX_WRITERS = 16


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What :func:`write_all` did.

    ``changed`` are the URLs of live feeds with news: the topics that WebSub hubs are told of. A feed whose articles
    are only rendered by other rules has new bytes and no news.
    """

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    changed: tuple[str, ...]


def hubs_of(settings: Settings) -> tuple[str, ...]:
    """The hubs that our feeds name: those of the settings, then our own where it is on."""
    own = (f"{settings.publication.base_url}/websub",) if settings.websub.own_hub else ()
    return tuple(dict.fromkeys((*settings.websub.hubs, *own)))


def write_all(
    settings: Settings,
    articles: Iterable[Article],
    *,
    cache: EntryCache | None = None,
    revisions: Mapping[str, str] | None = None,
    news: Collection[str] = (),
) -> WriteReport:
    """Write every feed of the publication under ``state/feeds/``.

    Idempotent and safe to run from several processes; a document whose signature has not changed is not
    rendered, a file whose bytes are the same is not touched.

    :param cache: kept entries; by default those in ``state/feed-cache/``.
    :param revisions: by article id, what changes when there is news of it; by default any change is news.
    :param news: ids of articles that are new, changed or gone since the last time: what tells of news where the
        feeds were written by a version that did not note it.
    :raises FeedError: the disk refused; what stands there is still whole.
    """
    folder, private = settings.state / "feeds", settings.state / "feed-cache"
    with one_writer(private / "lock"):
        kept = FileEntryCache(private / "entries.db") if cache is None else cache
        publication = settings.as_publication()
        builder = Builder(
            publication,
            articles,
            feed=settings.feed,
            feeds=settings.feeds,
            hubs=hubs_of(settings),
            cache=kept,
            revisions=revisions,
        )
        before = _Manifest.load(private / "manifest.json")
        after = _Manifest({})
        written: list[str] = []
        changed: list[str] = []
        documents = list(builder.documents())
        withdrawn = not builder.ids.issuperset(news)
        due = []
        for document in documents:
            if before.holds(document, str(folder)):
                after.rows[document.path] = before.noting(document)
            else:
                due.append(document)
        for document, data, new in _write(folder, builder.render(due)):
            if new:
                written.append(document.path)
                if not document.archive:
                    if before.news(document, news, withdrawn=withdrawn):
                        changed.append(document.url)
                    history = private / "states" / f"{document.path}.json"
                    remember(history, etags(folder / document.path), data, document.format)
            after.note(document, str(folder))
        if write_file(folder / OPML, opml_of(publication, builder.catalogue), builder.members[0].feed.updated or EPOCH):
            written.append(OPML)
        catalogues.save(settings.state, builder.catalogue)
        expected = {document.path for document in documents} | {OPML}
        # What we wrote is in the manifest; the folder is searched only where that was lost.
        removed = [path for path in (before.rows or _present(folder)) if path not in expected]
        for path in removed:
            remove_file(folder / path)
            (private / "states" / f"{path}.json").unlink(missing_ok=True)
        for parent in {(folder / path).parent for path in (*written, *removed)}:
            if parent.is_dir():
                flush_folder(parent)
        if after.rows != before.rows:
            after.save(private / "manifest.json")
        if isinstance(kept, FileEntryCache) and (due or removed):
            kept.forget(keep=lambda: {key for document in documents for key in builder.keys(document)})
    return WriteReport(tuple(written), tuple(removed), len(documents) - len(due), tuple(changed))


def _write(folder: Path, rendered: Iterable[tuple[Document, bytes]]) -> Iterator[tuple[Document, bytes, bool]]:
    """Write documents while the next are rendered; the disk flushes many files in the time of one."""
    waiting: deque[tuple[Document, bytes, Future[bool]]] = deque()
    with ThreadPoolExecutor(MAX_WRITERS, thread_name_prefix="feeds") as pool:
        for document, data in rendered:
            waiting.append((document, data, pool.submit(write_file, folder / document.path, data, document.updated)))
            if len(waiting) > BATCH:
                document, data, done = waiting.popleft()
                yield document, data, done.result()
        for document, data, done in waiting:
            yield document, data, done.result()


@dataclass(slots=True)
class _Manifest:
    """What was written last: by path, the signature, the sizes and times of the files, and what was news of it."""

    rows: dict[str, list[str | int]]

    @classmethod
    def load(cls, path: Path) -> _Manifest:
        try:
            rows = json.loads(path.read_bytes())
        except (OSError, ValueError):
            rows = {}
        return cls(rows if isinstance(rows, dict) else {})

    def holds(self, document: Document, folder: str) -> bool:
        """Whether the file is the one that this signature gave; a file that was touched since is not."""
        row = self.rows.get(document.path)
        if row is None or row[0] != document.signature:
            return False
        stats = _stats(f"{folder}/{document.path}")
        return bool(stats) and row[1 : 1 + len(stats)] == stats

    def news(self, document: Document, ids: Collection[str], *, withdrawn: bool) -> bool:
        """Whether the document tells of anything that its last writing did not.

        :param ids: see :func:`write_all`, and ``withdrawn``: whether some of them are offered no more; both count
            where the row is of a version that noted no news.
        """
        row = self.rows.get(document.path)
        if row is None:
            return True
        if len(row) > 1 and isinstance(row[-1], str):
            return row[-1] != document.news
        return withdrawn or any(article.id in ids for article in document.page.articles)

    def noting(self, document: Document) -> list[str | int]:
        """The row of a file that stays as it is."""
        row = self.rows[document.path]
        return [row[0], *(value for value in row[1:] if isinstance(value, int)), document.news]

    def note(self, document: Document, folder: str) -> None:
        self.rows[document.path] = [document.signature, *_stats(f"{folder}/{document.path}"), document.news]

    def save(self, path: Path) -> None:
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(self.rows, ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)


def _stats(path: str) -> list[int]:
    """Size and time of a file and its twins; empty unless all are there."""
    found: list[int] = []
    try:
        for suffix in _SUFFIXES:
            status = os.stat(path + suffix)
            found += (status.st_size, status.st_mtime_ns)
    except OSError:
        return []
    return found


def _present(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in ENCODINGS.values():
            yield path.relative_to(folder).as_posix()
