"""A restored database: the mark that holds everything back, what it holds back, and letting go of it.

The mark is one row of ``meta``. While it stands, no chunk is claimed (:mod:`publisher.store.chunks` asks in the
claiming statement itself) and nothing else leaves (:mod:`publisher.pipeline.waiting`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from publisher.model import EditionStatus, PostStatus
from publisher.store import meta, subscribers
from publisher.store.chunks import CLOSED, LEASED, OPEN
from publisher.store.notices import notice
from publisher.store.owners import owner
from publisher.store.posts import post, post_skipped
from publisher.store.private_feeds import private_feed
from publisher.store.states import State
from publisher.store.subscribers import SubscriberStatus
from publisher.store.tables import article, chunk, delivery, edition, schedule, subscriber, subscription, suppression
from publisher.store.websub import websub_announcement, websub_delivery

#: What was let go of last, and how; JSON.
LET_GO = "restored.let-go"
#: What the rows of an edition that was counted as sent say.
COUNTED = "counted as sent after a restore: it may have left after the backup was made"
_UNSENT_POSTS = (PostStatus.QUEUED.value, PostStatus.SENDING.value, PostStatus.UNKNOWN.value)
_WAITING = (State.QUEUED, State.DEFERRED)
_UNSENT_EDITIONS = tuple(
    status.value
    for status in (
        EditionStatus.DRAFT,
        EditionStatus.SCHEDULED,
        EditionStatus.FREEZING,
        EditionStatus.SENDING,
        EditionStatus.PAUSED,
    )
)


def let_leases_go(tx: Connection) -> None:
    """Open every chunk that was leased when the backup was made: its holder is gone, with its journal."""
    nobody = {"lease_token": None, "lease_until": None, "holder": None, "intent_upto": None}
    tx.execute(update(chunk).where(chunk.c.state == LEASED).values(state=OPEN, **nobody))


def forget_owners(tx: Connection) -> None:
    """No machine has the sources: the one that had them is lost, or is to ask again."""
    tx.execute(owner.delete())


def note_first_attempt(tx: Connection, delivery_id: int, at: float) -> None:
    """A message was begun at ``at``: sent again, it bears the same date."""
    begun = update(delivery).where(delivery.c.id == delivery_id, delivery.c.first_attempt.is_(None))
    tx.execute(begun.values(first_attempt=at))


class HeldEdition(NamedTuple):
    """An edition that was not done when the backup was made; ``pending`` counts its deliveries that wait."""

    id: int
    digest: str
    number: int
    status: str
    pending: int
    in_doubt: int


def editions(tx: Connection) -> list[HeldEdition]:
    """Editions of which something is unsent, oldest first."""
    settled = chunk.c.sent + chunk.c.failed + chunk.c.suppressed + chunk.c.in_doubt
    pending = select(func.coalesce(func.sum(chunk.c.size - settled), 0)).where(chunk.c.edition_id == edition.c.id)
    doubts = select(func.coalesce(func.sum(chunk.c.in_doubt), 0)).where(chunk.c.edition_id == edition.c.id)
    query = select(
        edition.c.id,
        edition.c.digest,
        edition.c.number,
        edition.c.status,
        pending.scalar_subquery(),
        doubts.scalar_subquery(),
    ).where(edition.c.status.in_(_UNSENT_EDITIONS))
    return [HeldEdition(*row[:4], int(row[4]), int(row[5])) for row in tx.execute(query.order_by(edition.c.id))]


def count_as_sent(tx: Connection, edition_id: int, *, now: float) -> int:
    """What waits of a frozen edition is on record as sent; what is in doubt stays in doubt. Returns how many."""
    counted = tx.execute(
        update(delivery)
        .where(delivery.c.edition_id == edition_id, delivery.c.state.in_(_WAITING))
        .values(state=State.SENT, reply=COUNTED, code=None)
    ).rowcount
    # Whatever is neither failed, suppressed nor in doubt is sent now; nothing waits in any chunk.
    others = chunk.c.failed + chunk.c.suppressed + chunk.c.in_doubt
    nobody = {"lease_token": None, "lease_until": None, "holder": None, "intent_upto": None}
    tx.execute(
        update(chunk).where(chunk.c.edition_id == edition_id).values(sent=chunk.c.size - others, state=CLOSED, **nobody)
    )
    done = {"status": EditionStatus.DONE.value, "finished": now, "reason": COUNTED}
    tx.execute(update(edition).where(edition.c.id == edition_id).values(done))
    return int(counted)


def cancel(tx: Connection, edition_id: int, reason: str) -> None:
    """An edition that was never frozen is not sent; its subscribers stand behind its articles already."""
    values = {"status": EditionStatus.CANCELLED.value, "reason": reason}
    tx.execute(update(edition).where(edition.c.id == edition_id).values(values))


def _may_have_had(digest: str, restored_at: float) -> ColumnElement[bool]:
    """Subscriptions that may have been planned between backup and restore: their slot lay before its end."""
    in_time = or_(subscription.c.next_due.is_(None), subscription.c.next_due <= restored_at)
    return (subscription.c.digest == digest) & in_time


def _newest_before(tx: Connection, restored_at: float) -> int:
    """The position of the last released article that is dated before the restore."""
    query = select(func.coalesce(func.max(article.c.position), 0)).where(article.c.published <= restored_at)
    return tx.scalar(query) or 0


class HeldPlanning(NamedTuple):
    """Subscriptions of one digest that may have been sent articles which the backup does not know as sent."""

    subscriptions: int
    articles: int
    next_run: float | None


def planning(tx: Connection, digest: str, *, restored_at: float) -> HeldPlanning:
    """What planning would do again if cursors stayed where the backup has them."""
    newest = _newest_before(tx, restored_at)
    behind = (_may_have_had(digest, restored_at), subscription.c.cursor < newest, subscription.c.active)
    found = select(func.count(), func.min(subscription.c.cursor)).where(*behind)
    number, lowest = tx.execute(found).one()
    released = (article.c.position > (lowest or 0), article.c.position <= newest, article.c.withdrawn.is_(None))
    articles = (tx.scalar(select(func.count()).select_from(article).where(*released)) or 0) if number else 0
    next_run = tx.scalar(select(schedule.c.next_run).where(schedule.c.name == f"digest:{digest}"))
    return HeldPlanning(number, articles, next_run)


def skip_articles(tx: Connection, digest: str, *, restored_at: float) -> int:
    """Count what was released before the restore as sent to whoever may have had it; returns how many moved."""
    newest = _newest_before(tx, restored_at)
    behind = update(subscription).where(_may_have_had(digest, restored_at), subscription.c.cursor < newest)
    return int(tx.execute(behind.values(cursor=newest)).rowcount)


def posts(tx: Connection) -> dict[str, int]:
    """Posts that are unsent or unknown, by channel."""
    query = select(post.c.channel, func.count()).where(post.c.status.in_(_UNSENT_POSTS)).group_by(post.c.channel)
    return {row[0]: row[1] for row in tx.execute(query.order_by(post.c.channel))}


def drop_posts(tx: Connection, channels: Sequence[str], *, restored_at: float) -> int:
    """Count posts as posted: untried ones are taken back, tried ones wait for a person to say what became of them.

    On ``channels`` no article that was dated before the restore is queued any more. Returns how many were held.
    """
    untried = (post.c.status == PostStatus.QUEUED.value, post.c.first_sent.is_(None))
    gone = tx.execute(delete(post).where(*untried).returning(post.c.channel, post.c.article_id)).all()
    tried = tx.execute(
        update(post)
        .where(post.c.status.in_(_UNSENT_POSTS))
        .values(status=PostStatus.UNKNOWN.value, due=None, reason="unsent in a backup that was restored: look there")
    ).rowcount
    tx.execute(update(post).where(post.c.edit_due.is_not(None)).values(edit_due=None))
    old = list(tx.scalars(select(article.c.id).where(article.c.published <= restored_at)))
    skipped = {(row.channel, row.article_id) for row in gone} | {(name, one) for name in channels for one in old}
    posted = select(post.c.channel, post.c.article_id).union(select(post_skipped.c.channel, post_skipped.c.article_id))
    skipped -= {(row[0], row[1]) for row in tx.execute(posted)}
    if skipped:
        values = [{"channel": name, "article_id": one} for name, one in sorted(skipped)]
        tx.execute(post_skipped.insert(), values)
    return len(gone) + int(tried)


def notices(tx: Connection) -> int:
    """Notices that wait to be sent."""
    waiting = select(func.count()).select_from(notice).where(notice.c.state.in_(("queued", "sending")))
    return tx.scalar(waiting) or 0


def drop_notices(tx: Connection) -> int:
    """Count waiting notices as sent."""
    waiting = update(notice).where(notice.c.state.in_(("queued", "sending")))
    return int(tx.execute(waiting.values(state="void", reply=COUNTED)).rowcount)


def calls(tx: Connection) -> int:
    """WebSub notifications that are owed, to subscribers of our hub and to hubs of others."""
    tables = (websub_delivery, websub_announcement)
    return sum(tx.scalar(select(func.count()).select_from(table)) or 0 for table in tables)


def drop_calls(tx: Connection) -> int:
    """Count WebSub notifications as delivered; the next news is told as ever."""
    return sum(int(tx.execute(delete(table)).rowcount) for table in (websub_delivery, websub_announcement))


def open_private_feeds(tx: Connection) -> int:
    """Private feeds that are open: one that was revoked after the backup is among them."""
    query = select(func.count()).select_from(private_feed).where(private_feed.c.revoked.is_(None))
    return tx.scalar(query) or 0


class Later(NamedTuple):
    """What another database of the same publication knows that a backup cannot know: what happened after it."""

    suppressions: list[tuple[str, str, str, float]]
    left: list[tuple[int, str, str, float | None]]  # subscriber id, address hash, digest, ended
    revoked: list[tuple[str, float]]  # hash of the token, when
    sent: list[tuple[int, int, float]]  # edition, subscriber, when


def later(tx: Connection, since: float) -> Later:
    """Suppressions, unsubscriptions, revoked private feeds and messages sent at or after ``since``."""
    stopped = select(suppression.c.address_hash, suppression.c.reason, suppression.c.detail, suppression.c.created)
    ended = select(
        subscription.c.subscriber_id, subscriber.c.address_hash, subscription.c.digest, subscription.c.ended
    ).join(subscriber, subscriber.c.id == subscription.c.subscriber_id)
    closed = select(private_feed.c.secret_hash, private_feed.c.revoked).where(private_feed.c.revoked >= since)
    sent = select(delivery.c.edition_id, delivery.c.subscriber_id, delivery.c.sent).where(delivery.c.sent >= since)
    ended = ended.where(~subscription.c.active, subscription.c.ended >= since)
    return Later(
        [(r[0], r[1], r[2], r[3]) for r in tx.execute(stopped.where(suppression.c.created >= since))],
        [(r[0], r[1], r[2], r[3]) for r in tx.execute(ended)],
        [(r[0], r[1]) for r in tx.execute(closed)],
        [(r[0], r[1], r[2]) for r in tx.execute(sent)],
    )


def apply_later(tx: Connection, known: Later) -> dict[str, int]:
    """Take over what happened after the backup, as far as it only takes away; returns how many of each."""
    done = dict.fromkeys(("suppressions", "unsubscriptions", "revoked private feeds", "messages sent"), 0)
    have = set(tx.scalars(select(suppression.c.address_hash)))
    for address_hash, reason, detail, created in known.suppressions:
        if address_hash not in have:
            values = {"address_hash": address_hash, "reason": reason, "detail": detail, "created": created}
            tx.execute(suppression.insert().values(values))
            done["suppressions"] += 1
    for subscriber_id, address_hash, digest, ended in known.left:
        same = select(subscriber.c.id).where(
            subscriber.c.id == subscriber_id, subscriber.c.address_hash == address_hash
        )
        if tx.scalar(same) is not None:
            done["unsubscriptions"] += subscribers.unsubscribe(tx, subscriber_id, digest, now=ended or 0.0)
    for secret_hash, revoked in known.revoked:
        where_feed = (private_feed.c.secret_hash == secret_hash, private_feed.c.revoked.is_(None))
        done["revoked private feeds"] += tx.execute(
            update(private_feed).where(*where_feed).values(revoked=revoked)
        ).rowcount
    return done | {"messages sent": _sent_later(tx, known.sent)}


def _sent_later(tx: Connection, sent: Sequence[tuple[int, int, float]]) -> int:
    done = 0
    for edition_id, subscriber_id, at in sent:
        theirs = (delivery.c.edition_id == edition_id, delivery.c.subscriber_id == subscriber_id)
        row = tx.execute(
            update(delivery)
            .where(*theirs, delivery.c.state.in_(_WAITING))
            .values(state=State.SENT, sent=at, reply="sent after the backup")
            .returning(delivery.c.chunk_id)
        ).first()
        if row is not None:
            tx.execute(update(chunk).where(chunk.c.id == row[0]).values(sent=chunk.c.sent + 1))
            done += 1
    return done


def lineage(tx: Connection) -> str | None:
    """The key that signs this publication's links: the same in a backup and in what it was made of."""
    return meta.get(tx, "key:links")


class Ledger(NamedTuple):
    """A database in a few numbers, for people."""

    subscribers: int
    articles: int
    editions: int
    deliveries: int
    sent: int
    pending: int
    in_doubt: int


def ledger(tx: Connection) -> Ledger:
    """Count, in one snapshot."""
    confirmed = select(func.count()).where(subscriber.c.status == SubscriberStatus.CONFIRMED.value)
    counted = tx.execute(select(delivery.c.state, func.count()).group_by(delivery.c.state))
    states: dict[int, int] = {row[0]: row[1] for row in counted}
    delivered = sum(states.get(one, 0) for one in (State.SENT, State.BOUNCED, State.COMPLAINED))
    return Ledger(
        tx.scalar(confirmed) or 0,
        tx.scalar(select(func.count()).select_from(article)) or 0,
        tx.scalar(select(func.count()).select_from(edition)) or 0,
        sum(states.values()),
        delivered,
        sum(states.get(one, 0) for one in _WAITING),
        states.get(State.IN_DOUBT, 0),
    )
