"""The whole flow once, in the foreground, with no broker; run twice, it sends nothing twice.

::

    audience → collect → plan → compose, freeze → drain → post → Published
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from publisher import posting
from publisher.articles.documents import Problem
from publisher.mail.transport import never
from publisher.model import EditionStatus, PostStatus
from publisher.pipeline.audience import join_audience
from publisher.pipeline.collecting import Collected, collect
from publisher.pipeline.fetching import image_fetcher
from publisher.pipeline.mailing import drain, sweep, transport_of
from publisher.pipeline.planning import Planned, freeze_due, plan_editions
from publisher.pipeline.site import Progress, Site, silent
from publisher.pipeline.troubles import SIGNUPS, Trouble, standing_troubles
from publisher.pipeline.waiting import restored
from publisher.store import Tx, deliveries, posts, troubles
from publisher.store import editions as edition_rows
from publisher.store.deliveries import Account
from publisher.store.posts import PostRow

#: ``publish`` gives up waiting for a relay that is in trouble after this many seconds; the worker goes on later.
PATIENCE_SECONDS = 30.0
#: The channels are gone through at most this often; what is left goes with the worker.
MAX_ROUNDS = 50
#: Editions of an earlier run that this one goes on with, or says why it cannot.
UNDER_WAY = (EditionStatus.SENDING, EditionStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """Where one post stands."""

    channel: str
    article_id: str
    status: str
    text: str = ""
    url: str = ""
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether a person has to look at it."""
        return self.status in (PostStatus.FAILED, PostStatus.UNKNOWN)


@dataclass(slots=True)
class SentEdition:
    """An edition this run had to do with, and where its audience stands now."""

    digest: str
    number: int
    articles: int
    account: Account
    reason: str = ""
    last_reply: str = ""  # to what waits for another attempt


@dataclass(slots=True)
class Published:
    """What went where."""

    collected: Collected
    joined: int = 0
    editions: list[SentEdition] = field(default_factory=list)
    sent: int = 0
    posts: list[PostOutcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    troubles: tuple[Trouble, ...] = ()
    waiting: str = ""  # why nothing leaves before a person lets it go

    @property
    def refused(self) -> bool:
        """Whether anything was set aside, failed, does not leave, or is left for a person to look at."""
        return bool(
            self.waiting
            or self.troubles
            or any(problem.refused for problem in self.problems)
            or any(one.account.failed or one.account.in_doubt or one.reason for one in self.editions)
            or any(post.failed for post in self.posts)
        )

    def to_dict(self) -> dict[str, object]:
        """For scripts; keys are never taken away, only added."""
        found = self.collected
        return {
            "ok": not self.refused,
            "articles": {
                "new": len(found.new),
                "changed": len(found.changed),
                "unchanged": found.unchanged,
                "withdrawn": found.withdrawn,
                "waiting": found.waiting,
                "drafts": found.drafts,
            },
            "feeds": {"files": found.feed_count, "written": len(found.feed_files)},
            "subscribers": {"added": self.joined},
            "digests": {
                "sent": self.sent,
                "editions": [
                    {
                        "digest": one.digest,
                        "number": one.number,
                        "articles": one.articles,
                        "audience": one.account.audience,
                        "sent": one.account.sent,
                        "failed": one.account.failed,
                        "suppressed": one.account.suppressed,
                        "pending": one.account.pending,
                        "in_doubt": one.account.in_doubt,
                        "reason": one.reason,
                        "last_reply": one.last_reply,
                    }
                    for one in self.editions
                ],
            },
            "posts": [
                {
                    "channel": post.channel,
                    "article": post.article_id,
                    "status": post.status,
                    "text": post.text,
                    "url": post.url,
                    "reason": post.reason,
                }
                for post in self.posts
            ],
            "waiting": self.waiting,
            "troubles": [one.to_dict() for one in self.troubles],
            "problems": [
                {"path": one.path, "line": one.line, "reason": one.reason, "refused": one.refused}
                for one in self.problems
            ],
        }


def publish(site: Site, *, progress: Progress = silent, stop: Callable[[], bool] = never) -> Published:
    """Collect, build, send and post everything that is due now."""
    started = site.now()
    joined = join_audience(site)  # first: whoever is there before an article is released gets it
    collected = collect(site, progress=progress)
    assert joined is not None
    assert collected is not None
    result = Published(collected, joined.added, problems=[*collected.problems, *joined.problems])
    held = restored(site)
    if held is not None:
        result.waiting = held.line
        return result
    with site.store.read() as tx:
        under_way = [row.id for row in edition_rows.listing(tx, statuses=UNDER_WAY)][::-1]
    planned: list[Planned] = []
    while not stop():
        # At most ``max_articles`` an edition: what is left over makes the next one.
        more = plan_editions(site)
        planned += more
        freeze_due(site, progress=progress)
        if not more:
            break
    result.sent = _send(site, [*under_way, *(one.edition_id for one in planned)], progress, stop)
    result.posts = _post_all(site, started, stop)
    with site.store.read() as tx:
        result.editions = _editions(tx, [*under_way, *(one.edition_id for one in planned)])
        waits = any(one.account.pending for one in result.editions)
        found_now = standing_troubles(site, tx)
        result.troubles = tuple(
            one for one in found_now if one.name != SIGNUPS and (waits or one.name != troubles.MAIL)
        )
    return result


def _editions(tx: Tx, ids: list[int]) -> list[SentEdition]:
    """Where these editions stand, with the reason why something of them waits."""
    found = []
    for edition_id in ids:
        edition = edition_rows.get(tx, edition_id)
        assert edition is not None
        watched = deliveries.watch(tx, edition_id, now=0.0)
        sent = SentEdition(edition.digest, edition.number, len(edition.articles), watched.account, watched.reason)
        if watched.deferred and (said := deliveries.waiting_replies(tx, edition_id)):
            sent.last_reply = said[0]
        found.append(sent)
    return found


def _post_all(site: Site, since: float, stop: Callable[[], bool]) -> list[PostOutcome]:
    """Send until nothing more is due now; returns where every post stands that was queued or sent since ``since``."""
    for _ in range(MAX_ROUNDS):
        if stop():
            break
        done = posting.send_due(site.store, site.settings, fetch=image_fetcher(site), clock=site.now_utc)
        if not (done.published or done.edited):
            break
    with site.store.read() as tx:
        return [_outcome(row) for row in posts.since(tx, since)]


def _outcome(row: PostRow) -> PostOutcome:
    return PostOutcome(row.channel, row.article_id, row.status, row.text, row.remote_url, row.reason)


def _send(site: Site, editions: list[int], progress: Progress, stop: Callable[[], bool]) -> int:
    transport = transport_of(site)
    deadline, sent = time.monotonic() + PATIENCE_SECONDS, 0
    try:
        while not stop():
            done = drain(site, stop, transport=transport)
            sent += done.sent
            with site.store.read() as tx:
                accounts = [deliveries.account(tx, edition_id) for edition_id in editions]
            total = sum(account.audience for account in accounts)
            if total:
                progress("sending", total - sum(account.pending for account in accounts), total)
            if done.tried:
                deadline = time.monotonic() + PATIENCE_SECONDS
            if not done.more or time.monotonic() > deadline:
                sweep(site)
                return sent
            if done.wait:
                time.sleep(min(done.wait, 1.0))
    finally:
        transport.close()
    return sent
