"""Bring ``state/feeds/`` up to date with the articles: write what differs, remove what is gone."""

from __future__ import annotations

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
from feeds.manifest import Manifest
from feeds.opml import opml_of
from publisher.model import Article
from publisher.settings import Settings

OPML = "feeds.opml"
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
        builder = _builder(settings, articles, kept, revisions)
        before = Manifest.load(private / "manifest.json")
        after = Manifest({})
        documents = list(builder.documents())
        withdrawn = not builder.ids.issuperset(news)
        due = []
        for document in documents:
            if before.holds(document, str(folder)):
                after.rows[document.path] = before.noting(document)
            else:
                due.append(document)
        written: list[str] = []
        changed: list[str] = []
        for document, data, new in _write(folder, builder.render(due)):
            if new:
                written.append(document.path)
                if not document.archive:
                    if before.news(document, news, withdrawn=withdrawn):
                        changed.append(document.url)
                    remember(_history(private, document.path), etags(folder / document.path), data, document.format)
            after.note(document, str(folder))
        if write_file(
            folder / OPML,
            opml_of(settings.as_publication(), builder.catalogue),
            builder.members[0].feed.updated or EPOCH,
        ):
            written.append(OPML)
        catalogues.save(settings.state, builder.catalogue)
        # What we wrote is in the manifest; the folder is searched only where that was lost.
        expected = {document.path for document in documents} | {OPML}
        removed = [path for path in (before.rows or _present(folder)) if path not in expected]
        for path in removed:
            remove_file(folder / path)
            _history(private, path).unlink(missing_ok=True)
        _flush(folder, (*written, *removed))
        if after.rows != before.rows:
            after.save(private / "manifest.json")
        if isinstance(kept, FileEntryCache) and (due or removed):
            kept.forget(keep=lambda: {key for document in documents for key in builder.keys(document)})
    return WriteReport(tuple(written), tuple(removed), len(documents) - len(due), tuple(changed))


def _builder(
    settings: Settings, articles: Iterable[Article], cache: EntryCache, revisions: Mapping[str, str] | None
) -> Builder:
    return Builder(
        settings.as_publication(),
        articles,
        feed=settings.feed,
        feeds=settings.feeds,
        hubs=hubs_of(settings),
        cache=cache,
        revisions=revisions,
    )


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


def _history(private: Path, path: str) -> Path:
    """Where the earlier states of a live feed are remembered."""
    return private / "states" / f"{path}.json"


def _flush(folder: Path, paths: Iterable[str]) -> None:
    for parent in {(folder / path).parent for path in paths}:
        if parent.is_dir():
            flush_folder(parent)


def _present(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in ENCODINGS.values():
            yield path.relative_to(folder).as_posix()
