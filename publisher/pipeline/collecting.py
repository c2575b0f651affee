"""Sources → articles → feeds, and the posts that are due because of them.

::

    sources ─ changed since last time? (watching) ─ no → nothing to do
                 │ yes
                 ↓
    read every source ─→ which document is which article ─→ edited, or only rendered anew? ─→ save ─→ feeds ─→ posts
         │                    (identity, pure)                      (edits, pure)              │
         └ problems: set aside, named with file and line               unchanged: no work, no news

A draft is read (it keeps its id) and not saved. An article dated in the future waits until then. On a site
that has articles already, a new one dated long ago goes to pages and feeds and into no digest: an imported
archive is not news.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta

import feeds
from publisher import posting, websub
from publisher.articles import identity, sources
from publisher.articles.documents import Document, Problem
from publisher.articles.edits import is_edited
from publisher.model import Article
from publisher.pipeline.audience import join_audience
from publisher.pipeline.site import Progress, Site, silent
from publisher.pipeline.watching import Watched, note, watch
from publisher.posting import QueueReport
from publisher.settings import FILE_NAME
from publisher.store import Tx, meta, posts
from publisher.store import articles as article_rows

log = logging.getLogger(__name__)

_FEEDS_BEGUN = "feeds.begun"


@dataclass(slots=True)
class Collected:
    """What one reading of the sources did.

    ``rendered``: of the ``unchanged`` articles, those that look otherwise than before although nobody edited them.
    ``waiting``: dated in the future. ``feed_files``: files written.
    """

    new: list[Article] = field(default_factory=list)
    changed: list[Article] = field(default_factory=list)
    unchanged: int = 0
    rendered: int = 0
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

    :param force: without, nothing is done (and ``None`` returned) while sources and settings are as last time.
    """
    watched = watch(site)
    if not force and not watched.due:
        return None
    result = Collected()
    reading = _read(site, watched, result, progress)
    saved = _save(site, reading, result, progress)
    with site.store.read() as tx:
        offered = article_rows.newest(tx)
        revisions = article_rows.revisions(tx)
    progress("building feeds", 0, 1)
    written = feeds.write_all(site.settings, offered, revisions=revisions, news=saved.news)
    result.feed_files = written.written
    result.feed_count = len(written.written) + written.unchanged
    progress("building feeds", 1, 1)
    queued, problems = _queue_posts(site, offered)
    result.posts_queued = queued.total
    result.problems += problems
    with site.store.begin() as tx:
        # Somebody who died before announcing left its mark: nobody knows which feeds had news, and all are announced.
        announced = tuple(websub.topics(site.settings)) if saved.unannounced else written.changed
        websub.announce(tx, site.settings, announced, now=site.now())
        meta.put(tx, _FEEDS_BEGUN, "")
        note(tx, watched, saved.next_due)
    return result


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
    reading = _read(site, watch(site), result, silent)
    with site.store.read() as tx:
        built = _build(site, tx, reading, result)
    return [due.article for due in reversed(built.articles)], result.problems


@dataclass(frozen=True, slots=True)
class _Reading:
    """Every document of every source, and the paths of those that are there but could not be read."""

    documents: list[Document]
    refused_paths: set[str]
    untouched: bool


def _read(site: Site, watched: Watched, result: Collected, progress: Progress) -> _Reading:
    documents: list[Document] = []
    refused_paths: set[str] = set()
    wanted = site.settings.sources
    for number, source in enumerate(wanted):
        progress("reading sources", number, len(wanted))
        reading = sources.read(source, site.settings.directory, site.settings.publication)
        documents += reading.documents
        refused_paths |= reading.refused_paths
        result.problems += reading.problems
    progress("reading sources", len(wanted), len(wanted))
    return _Reading(documents, refused_paths, watched.untouched)


@dataclass(frozen=True, slots=True)
class _Due:
    """An article that may go out now, the document it was made of, and whether somebody edited that."""

    article: Article
    document: Document
    edited: bool


@dataclass(slots=True)
class _Built:
    """Articles that are due, oldest first; ids that are offered no more; when the next is due."""

    articles: list[_Due] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    first_time: bool = False
    next_due: float | None = None


def _build(site: Site, tx: Tx, reading: _Reading, result: Collected) -> _Built:
    """Decide which document is which article, which were edited, and which are due."""
    now = site.now_utc()
    known = article_rows.known(tx)
    before = article_rows.all_by_id(tx) if known else {}
    read_from = {article.id: article.source for article in known}
    assignment = identity.assign_ids(known, reading.documents, refused_paths=reading.refused_paths, before=before)
    result.problems += assignment.problems
    built = _Built(gone=set(assignment.withdrawn), first_time=not known)
    for one in assignment.identified:
        due = None
        if one.document.draft:
            result.drafts += 1
        else:
            stored = read_from.get(one.id, "")
            due = _due(site, one, stored, before.get(one.id), untouched=reading.untouched)
            if due.article.published > now:
                result.waiting += 1
                instant = due.article.published.timestamp()
                built.next_due = instant if built.next_due is None else min(instant, built.next_due)
                due = None
        if due is not None:
            built.articles.append(due)
        elif one.known:
            built.gone.add(one.id)
    # Released in the order of their dates, so that a digest that cannot hold all takes the oldest first.
    built.articles.sort(key=lambda due: (due.article.published, due.article.id))
    return built


def _due(site: Site, one: identity.Identified, stored: str, previous: Article | None, *, untouched: bool) -> _Due:
    publication, now = site.settings.as_publication(), site.now_utc()
    article = identity.build_article(one.document, one.id, publication, now=now, previous=previous)
    edited = is_edited(one.document, stored, article, previous, untouched=untouched)
    if not edited:
        article = identity.build_article(one.document, one.id, publication, now=now, previous=previous, edited=False)
    return _Due(article, one.document, edited)


@dataclass(frozen=True, slots=True)
class _Saved:
    """When the next article is due, the ids of which there is news, and whether earlier news was never announced."""

    next_due: float | None
    news: frozenset[str]
    unannounced: bool


def _save(site: Site, reading: _Reading, result: Collected, progress: Progress) -> _Saved:
    """Save what is due, and leave a mark until its news is announced."""
    oldest = site.now_utc() - timedelta(days=site.settings.audience.max_age_days)
    with site.store.begin() as tx:
        unannounced = bool(meta.get(tx, _FEEDS_BEGUN))
        meta.put(tx, _FEEDS_BEGUN, "1")
        built = _build(site, tx, reading, result)
        for number, due in enumerate(built.articles):
            progress("saving articles", number, len(built.articles))
            article = due.article
            change = article_rows.save(
                tx,
                article,
                source_path=due.document.path,
                now=site.now(),
                release=built.first_time or article.published >= oldest,
                source=due.document.source,
                edited=due.edited,
            )
            if change == "new":
                result.new.append(article)
            elif change == "changed":
                result.changed.append(article)
            else:
                result.unchanged += 1
                result.rendered += change == "rendered"
        progress("saving articles", len(built.articles), len(built.articles))
        result.withdrawn = article_rows.withdraw(tx, sorted(built.gone), now=site.now())
    news = frozenset(article.id for article in (*result.new, *result.changed)) | built.gone
    return _Saved(built.next_due, news, unannounced)


def _queue_posts(site: Site, offered: list[Article]) -> tuple[QueueReport, list[Problem]]:
    """Queue what is new on each channel, and take back what was withdrawn before it was posted.

    An archive that was imported is no more news to a channel than to a digest.
    """
    with site.store.begin() as tx:
        posts.drop_withdrawn(tx)
        old = article_rows.unreleased(tx)
    report = posting.queue_posts(site.store, site.settings, offered, site.now_utc(), old=old)
    return report, [Problem(FILE_NAME, None, reason, refused=True) for reason in report.problems]
