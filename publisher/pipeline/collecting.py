"""Sources → articles → feeds, and the posts that are due because of them.

::

    files ─ changed since last time? ─ no → nothing to do
                 │ yes
                 ↓
    read every source ─→ which document is which article ─→ save ─→ feeds ─→ queue posts
         │                    (identity, pure)               │
         └ problems: set aside, named with file and line     └ unchanged: no work

A draft is read (it keeps its id) and not saved. An article dated in the future waits until then. On a site
that has articles already, a new one dated long ago goes to pages and feeds and into no digest: an imported
archive is not news.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import feeds
import publisher
from publisher.articles import identity, sources
from publisher.articles.documents import Problem
from publisher.model import Article
from publisher.pipeline.audience import join_audience
from publisher.pipeline.posting import queue_posts
from publisher.pipeline.site import Progress, Site, silent
from publisher.settings import FILE_NAME
from publisher.store import Tx, meta
from publisher.store import articles as article_rows
from publisher.websub import hub

log = logging.getLogger(__name__)

_FINGERPRINT = "sources.fingerprint"
_NEXT_DUE = "sources.next_due"
_FEEDS_BEGUN = "feeds.begun"


@dataclass(slots=True)
class Collected:
    """What one reading of the sources did. ``waiting``: dated in the future. ``feed_files``: files written."""

    new: list[Article] = field(default_factory=list)
    changed: list[Article] = field(default_factory=list)
    unchanged: int = 0
    withdrawn: int = 0
    waiting: int = 0
    drafts: int = 0
    problems: list[Problem] = field(default_factory=list)
    feed_files: tuple[str, ...] = ()
    feed_count: int = 0
    posts_queued: int = 0

    @property
    def refused(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.refused]


def collect(site: Site, *, force: bool = True, progress: Progress = silent) -> Collected | None:
    """Read the sources and bring articles, feeds and the queue of posts up to date.

    :param force: without, nothing is done (and ``None`` answered) while files and settings are as last time.
    """
    print_now = _fingerprint(site)
    if not force and not _due(site, print_now):
        return None
    result = Collected()
    documents, refused_paths = _read(site, result, progress)
    next_due = _save(site, documents, refused_paths, result, progress)
    with site.store.read() as tx:
        offered = article_rows.newest(tx)
    progress("building feeds", 0, 1)
    written, news = _write_feeds(site, offered)
    result.feed_files = written.written
    result.feed_count = len(written.written) + written.unchanged
    progress("building feeds", 1, 1)
    queued, problems = queue_posts(site, offered)
    result.posts_queued = queued.total
    result.problems += problems
    with site.store.begin() as tx:
        hub.announce(tx, site.settings, news, now=site.now())
        meta.put(tx, _FEEDS_BEGUN, "")
        meta.put(tx, _FINGERPRINT, print_now)
        meta.put(tx, _NEXT_DUE, "" if next_due is None else repr(next_due))
    return result


def _write_feeds(site: Site, offered: list[Article]) -> tuple[feeds.WriteReport, Sequence[str]]:
    """Write the feeds; answers the URLs whose news the hubs are owed.

    A process that died between the files and the announcement left its mark; then nobody knows which feeds had
    news, and all are announced.
    """
    with site.store.begin() as tx:
        died = meta.get(tx, _FEEDS_BEGUN)
        meta.put(tx, _FEEDS_BEGUN, "1")
    written = feeds.write_all(site.settings, offered)
    return written, tuple(hub.topics(site.settings)) if died else written.changed


def gather(site: Site) -> Collected | None:
    """What the worker does every tick: new subscribers of the audience file, then what changed in the sources.

    Each problem is logged once, when the files change.
    """
    joined = join_audience(site, force=False)
    found = collect(site, force=False)
    for problem in (*joined.problems, *(found.problems if found else ())):
        log.log(logging.ERROR if problem.refused else logging.WARNING, "%s", problem)
    if found is not None and (found.new or found.changed or found.withdrawn):
        log.info("articles: %d new, %d changed, %d withdrawn", len(found.new), len(found.changed), found.withdrawn)
    return found


def peek(site: Site) -> tuple[list[Article], list[Problem]]:
    """The articles as they would be if they were collected now, newest first; nothing is written."""
    result = Collected()
    documents, refused_paths = _read(site, result, silent)
    with site.store.read() as tx:
        built = _build(site, tx, documents, refused_paths, result)
    return [article for article, _ in reversed(built.articles)], result.problems


def _read(site: Site, result: Collected, progress: Progress) -> tuple[list[sources.Document], set[str]]:
    """Every document of every source, and the paths of those that are there but could not be read."""
    documents: list[sources.Document] = []
    refused_paths: set[str] = set()
    wanted = site.settings.sources
    for number, source in enumerate(wanted):
        progress("reading sources", number, len(wanted))
        reading = sources.read(source, site.settings.directory, site.settings.publication)
        documents += reading.documents
        refused_paths |= reading.refused_paths
        result.problems += reading.problems
    progress("reading sources", len(wanted), len(wanted))
    return documents, refused_paths


@dataclass(slots=True)
class _Built:
    """Articles that are due with their paths, oldest first; ids that are offered no more; when the next is due."""

    articles: list[tuple[Article, str]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    first_time: bool = False
    next_due: float | None = None


def _build(
    site: Site,
    tx: Tx,
    documents: list[sources.Document],
    refused_paths: set[str],
    result: Collected,
) -> _Built:
    """Decide which document is which article, and which of them are due."""
    publication, now = site.settings.as_publication(), site.now_utc()
    known = article_rows.known(tx)
    before = article_rows.all_by_id(tx) if known else {}
    assignment = identity.assign_ids(known, documents, refused_paths=refused_paths)
    result.problems += assignment.problems
    built = _Built(gone=set(assignment.withdrawn), first_time=not known)
    for one in assignment.identified:
        article = None
        if one.document.draft:
            result.drafts += 1
        else:
            article = identity.build_article(one.document, one.id, publication, now=now, previous=before.get(one.id))
            if article.published > now:
                result.waiting += 1
                due = article.published.timestamp()
                built.next_due = due if built.next_due is None else min(due, built.next_due)
                article = None
        if article is not None:
            built.articles.append((article, one.document.path))
        elif one.known:
            built.gone.add(one.id)
    # Released in the order of their dates, so that a digest that cannot hold all takes the oldest first.
    built.articles.sort(key=lambda pair: (pair[0].published, pair[0].id))
    return built


def _save(
    site: Site,
    documents: list[sources.Document],
    refused_paths: set[str],
    result: Collected,
    progress: Progress,
) -> float | None:
    """Save what is due; answers the instant at which the next article is."""
    oldest = site.now_utc() - timedelta(days=site.settings.audience.max_age_days)
    with site.store.begin() as tx:
        built = _build(site, tx, documents, refused_paths, result)
        for number, (article, path) in enumerate(built.articles):
            progress("saving articles", number, len(built.articles))
            release = built.first_time or article.published >= oldest
            change = article_rows.save(tx, article, source_path=path, now=site.now(), release=release)
            if change == "new":
                result.new.append(article)
            elif change == "changed":
                result.changed.append(article)
            else:
                result.unchanged += 1
        progress("saving articles", len(built.articles), len(built.articles))
        result.withdrawn = article_rows.withdraw(tx, sorted(built.gone), now=site.now())
    return built.next_due


def _due(site: Site, print_now: str) -> bool:
    with site.store.read() as tx:
        if meta.get(tx, _FINGERPRINT) != print_now:
            return True
        next_due = meta.get(tx, _NEXT_DUE)
    return next_due is not None and next_due != "" and float(next_due) <= site.now()


def _fingerprint(site: Site) -> str:
    """Changes when a file of a source, the settings or Masthead itself does; reads no content."""
    digest = hashlib.sha256(publisher.__version__.encode())
    directory = site.settings.directory
    places = [directory / FILE_NAME, *(directory / source.path for source in site.settings.sources)]
    for path in places:
        for name, status in _files(path):
            digest.update(f"{name}\0{status.st_mtime_ns}\0{status.st_size}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    if path.is_file():
        yield str(path), path.stat()
        return
    for folder, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = Path(folder, name)
            try:
                yield str(file), file.stat()
            except OSError:
                continue  # gone between the listing and the look: the next reading finds out
