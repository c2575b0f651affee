"""Posts: queued when articles are collected, sent when they are due, and what an operator does by hand.

::

    collect ─→ queue_posts ─→ rows ─→ post_due (every tick; in ``publish`` once) ─→ platforms
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from publisher import posting
from publisher.articles.documents import Problem
from publisher.errors import SiteError
from publisher.mail.transport import never
from publisher.model import Article, PostStatus
from publisher.pipeline.fetching import image_fetcher
from publisher.pipeline.site import Site
from publisher.posting import Posted, Preview, QueueReport, SendReport
from publisher.settings import FILE_NAME
from publisher.store import articles as article_rows
from publisher.store import posts
from publisher.store.posts import PostRow

#: ``publish`` goes through the channels at most this often; what is left goes with the worker.
ROUNDS = 50


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


def queue_posts(site: Site, offered: list[Article]) -> tuple[QueueReport, list[Problem]]:
    """Queue what is new on each channel, and take back what was withdrawn before it was posted.

    An archive that was imported is no more news to a channel than to a digest.
    """
    with site.store.begin() as tx:
        posts.drop_withdrawn(tx)
        old = article_rows.unreleased(tx)
    report = posting.queue_posts(site.store, site.settings, offered, site.now_utc(), old=old)
    return report, [Problem(FILE_NAME, None, reason, refused=True) for reason in report.problems]


def post_due(site: Site, stop: Callable[[], bool] = never) -> SendReport:
    """Send what is due on every channel; the next tick goes on with what has to wait."""
    if stop():
        return SendReport()
    return posting.send_due(site.store, site.settings, fetch=image_fetcher(site), clock=site.now_utc)


def post_all(site: Site, since: float, stop: Callable[[], bool]) -> list[PostOutcome]:
    """Send until nothing more is due now; answers where every post stands that was queued or sent since ``since``."""
    for _ in range(ROUNDS):
        done = post_due(site, stop)
        if not (done.published or done.edited):
            break
    with site.store.read() as tx:
        return [_outcome(row) for row in posts.since(tx, since)]


def _outcome(row: PostRow) -> PostOutcome:
    return PostOutcome(row.channel, row.article_id, row.status, row.text, row.remote_url, row.reason)


def find_article(site: Site, name: str) -> Article:
    """The article of this key, id, slug or URL; ``latest`` is the newest.

    :raises SiteError: there is none.
    """
    with site.store.read() as tx:
        offered = article_rows.newest(tx)
    for article in offered:
        if name == "latest" or name in (article.key, article.id, article.slug, article.url):
            return article
    hint = f"; the newest is {offered[0].slug or offered[0].key}" if offered else "; masthead publish reads them"
    raise SiteError(f"there is no article {name!r}{hint}")


def preview_post(site: Site, article: Article, channel: str) -> Preview:
    """What the channel would get of the article, and what it costs."""
    return posting.preview(article, posting.channel_table(site.settings, channel), site.settings)


def requests_of(site: Site, article: Article, channel: str, now: datetime) -> bytes:
    """The exact requests, with secrets masked."""
    with site.store.read() as tx:
        revision = article_rows.revision_of(tx, article.id)
    table = posting.channel_table(site.settings, channel)
    return posting.dry_run(article, table, site.settings, now, revision=revision)


def post_now(site: Site, article: Article, channel: str) -> Posted:
    """Post an article on one channel now, whatever window and spacing say; never a second time."""
    return posting.post_now(site.store, site.settings, article, channel, fetch=image_fetcher(site), clock=site.now_utc)


def try_channel(site: Site, name: str) -> str:
    """Ask a channel who we are; a paused one goes on when it answers."""
    return posting.try_channel(site.store, site.settings, name, clock=site.now_utc)
