"""Sources → articles → feeds, and the posts that are due because of them.

::

    this machine reads the articles? (owning) ─ no ────────────────────────────────────────────┐
                 │ yes                                                                         │
    sources ─ changed since last time? (watching) ─ no ────────────────────────────────────────┤
                 │ yes                                                                         ↓
    read every source ─→ which document is which article ─→ edited, or only rendered anew? ─→ feeds (building) ─→ posts
         │                    (identity, pure)                (edits, pure) ─→ saved
         └ problems: set aside, named with file and line            unchanged: no work, no news

A draft is read (it keeps its id) and not saved. An article dated in the future waits until then. On a site
that has articles already, a new one dated long ago goes to pages and feeds and into no digest: an imported
archive is not news. An article that this machine never had among its sources is not withdrawn because it is not
there: another machine had it, and a person says whether it is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from publisher import posting
from publisher.articles import identity, sources
from publisher.articles.documents import Document, Problem
from publisher.articles.edits import is_edited
from publisher.model import Article
from publisher.pipeline import owning
from publisher.pipeline.audience import join_audience
from publisher.pipeline.building import build_feeds
from publisher.pipeline.owning import Claim
from publisher.pipeline.saying import unsaid
from publisher.pipeline.site import Progress, Site, silent
from publisher.pipeline.waiting import held_by_restore
from publisher.pipeline.watching import Watched, note, watch
from publisher.posting import QueueReport
from publisher.settings import FILE_NAME
from publisher.store import articles as article_rows
from publisher.store import owners, posts
from publisher.store.articles import KnownArticle
from publisher.store.database import Tx

log = logging.getLogger(__name__)

#: Articles that another machine had and this one has not: so many are named in one line.
MAX_NAMED = 5


@dataclass(slots=True)
class Collected:
    """What one reading of the sources did.

    ``rendered``: of the ``unchanged`` articles, those that look otherwise than before although nobody edited them.
    ``waiting``: dated in the future. ``missed``: another machine had them, and they are not here; they stay.
    ``feed_files``: files written. ``read``: whether the sources were read, or only feeds built.
    """

    new: list[Article] = field(default_factory=list)
    changed: list[Article] = field(default_factory=list)
    unchanged: int = 0
    rendered: int = 0
    withdrawn: int = 0
    waiting: int = 0
    drafts: int = 0
    missed: list[str] = field(default_factory=list)
    read: bool = False
    problems: list[Problem] = field(default_factory=list)
    feed_files: tuple[str, ...] = ()
    feed_count: int = 0
    posts_queued: int = 0

    @property
    def refused(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.refused]


class _Overtaken(Exception):
    """Another machine took the articles over while they were read here; nothing was saved."""


def collect(
    site: Site, *, force: bool = True, withdraw_missed: bool = False, progress: Progress = silent
) -> Collected | None:
    """Read the sources and bring articles, feeds and the queue of posts up to date.

    :param force: without, what is as last time (the sources and settings; the articles that feeds are made of) is
        left alone; ``None`` when that is all.
    :param withdraw_missed: a person says that what another machine had and this one has not is gone.
    """
    claim = owning.claim(site)
    try:
        found = _collect(site, claim, force=force, withdraw_missed=withdraw_missed, progress=progress)
    except _Overtaken:
        return collect(site, force=force, progress=progress)
    if found is not None and not claim.mine:
        found.problems.append(Problem(FILE_NAME, None, claim.line))
    return found


def _collect(
    site: Site, claim: Claim, *, force: bool, withdraw_missed: bool = False, progress: Progress = silent
) -> Collected | None:
    result = Collected()
    watched = watch(site, claim.machine.id) if claim.mine else None
    if watched is None or not (force or watched.due):
        return None if _feeds(site, result, force=force, progress=progress) is None else result
    result.read = True
    with owning.kept(site, claim.machine):
        reading = _read(site, watched, result, progress)
        saved = _save(site, claim, reading, result, progress, withdraw_missed=withdraw_missed)
    offered = _feeds(site, result, force=True, news=saved.news, progress=progress)
    queued, problems = _queue_posts(site, offered or [])
    result.posts_queued = queued.total
    result.problems += problems
    with site.store.begin() as tx:
        note(tx, watched, saved.next_due)
    return result


def _feeds(
    site: Site, result: Collected, *, force: bool, progress: Progress, news: frozenset[str] = frozenset()
) -> list[Article] | None:
    """Build what is not up to date; returns the articles that are offered, ``None`` when nothing was to be built."""
    built = build_feeds(site, force=force, news=news, progress=progress)
    if built is None:
        return None
    result.feed_files = built.report.written
    result.feed_count = len(built.report.written) + built.report.unchanged
    return built.offered


def gather(site: Site) -> Collected | None:
    """What the worker does every tick: new subscribers of the audience file, then what changed in the sources.

    A problem is logged when it is new, and not again at every change of some other file.
    """
    joined = join_audience(site, force=False)
    claim = owning.claim(site)
    for line in unsaid(site.settings.state, "owner", () if claim.mine else (claim.line,)):
        log.warning("%s", line)
    try:
        found = _collect(site, claim, force=False)
    except _Overtaken:
        found = None  # the next tick knows by whom
    if joined is not None:
        _tell(site, "audience", joined.problems)
    if found is not None and found.read:
        _tell(site, "sources", found.problems)
    if found is not None and (found.new or found.changed or found.withdrawn):
        log.info("articles: %d new, %d changed, %d withdrawn", len(found.new), len(found.changed), found.withdrawn)
    return found


def _tell(site: Site, topic: str, problems: Iterable[Problem]) -> None:
    levels = {str(one): logging.ERROR if one.refused else logging.WARNING for one in problems}
    for line in unsaid(site.settings.state, topic, levels):
        log.log(levels[line], "%s", line)


def peek(site: Site) -> tuple[list[Article], list[Problem]]:
    """The articles as they would be if they were collected now, newest first; nothing is written."""
    result = Collected()
    reading = _read(site, watch(site), result, silent)
    with site.store.read() as tx:
        built = _build(site, tx, article_rows.known(tx), reading, result)
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
    """Articles that are due, oldest first; when the next is due.

    ``gone``: ids of which a document says that they are offered no more. ``absent``: those without a document.
    ``here``: those with one.
    """

    articles: list[_Due] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    here: list[str] = field(default_factory=list)
    first_time: bool = False
    next_due: float | None = None


def _build(site: Site, tx: Tx, known: list[KnownArticle], reading: _Reading, result: Collected) -> _Built:
    """Decide which document is which article, which were edited, and which are due."""
    now = site.now_utc()
    before = article_rows.all_by_id(tx) if known else {}
    read_from = {article.id: article.source for article in known}
    assignment = identity.assign_ids(known, reading.documents, refused_paths=reading.refused_paths, before=before)
    result.problems += assignment.problems
    built = _Built(absent=set(assignment.withdrawn), first_time=not known)
    for one in assignment.identified:
        built.here.append(one.id)
        due = None
        if one.document.draft:
            result.drafts += 1
        else:
            stored = read_from.get(one.id, "")
            due = _due(site, one, stored, before.get(one.id), now=now, untouched=reading.untouched)
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


def _due(
    site: Site, one: identity.Identified, stored: str, previous: Article | None, *, now: datetime, untouched: bool
) -> _Due:
    publication = site.settings.as_publication()
    article = identity.build_article(one.document, one.id, publication, now=now, previous=previous)
    edited = is_edited(one.document, stored, article, previous, untouched=untouched)
    if not edited:
        article = identity.build_article(one.document, one.id, publication, now=now, previous=previous, edited=False)
    return _Due(article, one.document, edited)


@dataclass(frozen=True, slots=True)
class _Saved:
    """When the next article is due, and the ids of which there is news."""

    next_due: float | None
    news: frozenset[str]


def _save(
    site: Site, claim: Claim, reading: _Reading, result: Collected, progress: Progress, *, withdraw_missed: bool
) -> _Saved:
    """Save what is due.

    :raises _Overtaken: another machine reads the articles now.
    """
    oldest = site.now_utc() - timedelta(days=site.settings.audience.max_age_days)
    machine = claim.machine.id
    with site.store.begin() as tx:
        if machine and not owners.is_held(tx, owners.SOURCES, machine, now=site.now()):
            raise _Overtaken
        known = article_rows.known(tx)
        built = _build(site, tx, known, reading, result)
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
        foreign = {article.id: article for article in known if article.seen_by != machine}
        missed = set() if withdraw_missed else built.absent & foreign.keys()
        built.gone |= built.absent - missed
        result.withdrawn = article_rows.withdraw(tx, sorted(built.gone), now=site.now())
        fresh = {article.id for article in result.new} if machine else set()
        article_rows.seen(tx, sorted((foreign.keys() | fresh).intersection(built.here)), machine)
    if missed:
        result.missed = sorted(foreign[one].source_path for one in missed)
        result.problems.append(Problem(FILE_NAME, None, _missed(result.missed)))
    news = frozenset(article.id for article in (*result.new, *result.changed)) | built.gone
    return _Saved(built.next_due, news)


def _missed(paths: list[str]) -> str:
    named = ", ".join(paths[:MAX_NAMED]) + (" …" if len(paths) > MAX_NAMED else "")
    return (
        f"{len(paths)} articles that another machine had are not among the sources here, and stay: {named}; "
        "copy them here, or withdraw them with: masthead sources --withdraw"
    )


def _nothing_queued() -> tuple[QueueReport, list[Problem]]:
    return QueueReport(), []


@held_by_restore(_nothing_queued)
def _queue_posts(site: Site, offered: list[Article]) -> tuple[QueueReport, list[Problem]]:
    """Queue what is new on each channel, and take back what was withdrawn before it was posted.

    An archive that was imported is no more news to a channel than to a digest.
    """
    with site.store.begin() as tx:
        posts.drop_withdrawn(tx)
        old = article_rows.unreleased(tx)
    report = posting.queue_posts(site.store, site.settings, offered, site.now_utc(), old=old)
    return report, [Problem(FILE_NAME, None, reason, refused=True) for reason in report.problems]
