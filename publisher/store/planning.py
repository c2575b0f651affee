"""What the planner reads, and what it decided.

::

    read    due(), released()  →  publisher.digests.planning.plan (pure)
    write   enter(), Due.still()  →  edition + advance() for each group of subscriptions
                                               └ cursor, next slot, and who is in which variant

The planner reads and decides before it writes, and nobody waits meanwhile. Within the write transaction
``Due.still`` tells whether what was read is still so; if not, nothing is written and the planner starts again. An
``advance`` moves only subscriptions that stand where the planner saw them. Fewer rows moved than asked for means
that another planner was first: the caller rolls back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Double, Select, func, literal, or_, select, update

from publisher.model import Cadence, Subscription
from publisher.store.dialect import alone, any_of, json_text
from publisher.store.subscribers import SubscriberStatus
from publisher.store.tables import article, edition, edition_article, subscriber, subscription

#: Subscriptions of one UPDATE.
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class ReleasedRow:
    """An article as planning knows it; ``at`` is its release in UTC epoch seconds."""

    position: int
    at: float
    article_id: str
    section: str
    tags: tuple[str, ...]
    authors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DueSubscription:
    """A subscription that may be due."""

    subscription: Subscription
    cursor: int
    due_at: float | None
    paused_until: float
    language: str
    format: str


def enter(tx: Connection, digest: str) -> None:
    """Only one planner of a digest at a time, until the transaction ends."""
    alone(tx, f"plan:{digest}")


def released(tx: Connection, after: int) -> list[ReleasedRow]:
    """Released articles that are still offered, with a position above ``after``, in order."""
    tags, authors = (json_text(tx, article.c.document, name) for name in ("tags", "authors"))
    query = select(article.c.position, article.c.first_seen, article.c.id, article.c.section, tags, authors)
    query = query.where(article.c.position > after, article.c.withdrawn.is_(None)).order_by(article.c.position)
    return [
        ReleasedRow(
            position=row[0],
            at=row[1],
            article_id=row[2],
            section=row[3],
            tags=tuple(json.loads(row[4])),
            authors=tuple(author["name"] for author in json.loads(row[5])),
        )
        for row in tx.execute(query)
    ]


class DueRow(NamedTuple):
    """A subscription that may be due, as its columns stand, with the subscriber's language."""

    subscriber_id: int
    sections: str
    tags: str
    authors: str
    cadence: str
    weekday: int
    monthday: int
    hour: int
    minute: int
    timezone: str
    cursor: int
    next_due: float | None
    paused_until: float
    format: str
    language: str


@dataclass(frozen=True, slots=True)
class Due:
    """The subscriptions that were due when they were looked at.

    :param newest: the position of the newest article that was offered then.
    """

    digest: str
    now: float
    newest: int
    rows: list[DueRow]

    def subscriptions(self) -> list[DueSubscription]:
        """The subscriptions as the planner takes them."""
        return [_due_subscription(self.digest, row) for row in self.rows]

    def still(self, tx: Connection) -> bool:
        """Whether the same subscriptions are due now, with the same wishes."""
        return self.rows == _due_rows(tx, self.digest, self.now, self.newest)


def due(tx: Connection, digest: str, *, now: float) -> Due:
    """Active subscriptions of confirmed subscribers that are not paused, and are due or wait for no slot."""
    # What was withdrawn is in no plan and moves no cursor: nobody must be due for it for ever.
    offered = select(func.coalesce(func.max(article.c.position), 0)).where(article.c.withdrawn.is_(None))
    newest = tx.scalar(offered) or 0
    return Due(digest, now, newest, _due_rows(tx, digest, now, newest))


def _due_rows(tx: Connection, digest: str, now: float, newest: int) -> list[DueRow]:
    query = (
        select(*(subscription.c[name] for name in DueRow._fields[:-1]), subscriber.c.language)
        .join(subscriber, subscriber.c.id == subscription.c.subscriber_id)
        .where(
            subscription.c.digest == digest,
            subscription.c.active,
            subscriber.c.status == SubscriberStatus.CONFIRMED.value,
            subscription.c.paused_until <= now,
            or_(subscription.c.next_due.is_(None), subscription.c.next_due <= now),
            # One that waits for a slot passes it even when there is nothing new; one that waits for none need not look.
            or_(subscription.c.cadence != Cadence.EACH.value, subscription.c.cursor < newest),
        )
    )
    return [DueRow._make(row) for row in tx.execute(query.order_by(subscription.c.subscriber_id))]


def _due_subscription(digest: str, row: DueRow) -> DueSubscription:
    return DueSubscription(
        subscription=Subscription(
            subscriber_id=row.subscriber_id,
            digest=digest,
            sections=tuple(json.loads(row.sections)),
            tags=tuple(json.loads(row.tags)),
            authors=tuple(json.loads(row.authors)),
            cadence=Cadence(row.cadence),
            weekday=row.weekday,
            monthday=row.monthday,
            hour=row.hour,
            minute=row.minute,
            timezone=row.timezone,
        ),
        cursor=row.cursor,
        due_at=row.next_due,
        paused_until=row.paused_until,
        language=row.language,
        format=row.format,
    )


def advance(
    tx: Connection,
    digest: str,
    subscribers: Sequence[int],
    *,
    cursor: int,
    new_cursor: int,
    next_due: float | None,
    edition_id: int | None = None,
    variant: str = "",
) -> int:
    """Move these subscribers from ``cursor`` to ``new_cursor``; with an edition, they are its audience for ``variant``.

    :returns: how many moved; fewer than ``subscribers`` when some stood elsewhere.
    """
    moved = 0
    values: dict[str, object] = {"cursor": new_cursor, "next_due": next_due}
    if edition_id is not None:
        values |= {"edition_id": edition_id, "variant": variant}
    for start in range(0, len(subscribers), BATCH):
        batch = subscribers[start : start + BATCH]
        moved += tx.execute(
            update(subscription)
            .where(
                subscription.c.digest == digest,
                subscription.c.cursor == cursor,
                any_of(tx, subscription.c.subscriber_id, batch),
            )
            .values(values)
        ).rowcount
    return moved


def audience(edition_id: int) -> Select[Any]:
    """The recipients of an edition as planned, for :func:`publisher.store.freezing.freeze`."""
    return (
        select(
            subscriber.c.id.label("subscriber_id"),
            subscriber.c.address.label("address"),
            subscriber.c.address_hash.label("address_hash"),
            subscription.c.variant.label("variant"),
            literal(0.0, Double()).label("due"),
        )
        .join_from(subscription, subscriber)
        .where(
            subscription.c.edition_id == edition_id,
            subscription.c.active,
            subscriber.c.status == SubscriberStatus.CONFIRMED.value,
        )
    )


def skip_to(tx: Connection, digest: str, position: int) -> int:
    """Every subscriber of ``digest`` starts no earlier than after ``position``; for the very first edition."""
    behind = update(subscription).where(subscription.c.digest == digest, subscription.c.cursor < position)
    return tx.execute(behind.values(cursor=position)).rowcount


def furthest(tx: Connection, digest: str) -> int:
    """The position up to which some subscriber of ``digest`` has been offered everything; 0 when there is none."""
    query = select(func.coalesce(func.max(subscription.c.cursor), 0)).where(subscription.c.digest == digest)
    return tx.scalar(query) or 0


def behind(tx: Connection, digest: str, position: int) -> bool:
    """Whether :func:`skip_to` would move anybody."""
    query = select(subscription.c.id).where(subscription.c.digest == digest, subscription.c.cursor < position)
    return tx.execute(query.limit(1)).first() is not None


def ready(tx: Connection, digest: str) -> int:
    """How many offered articles were released after those of the digest's last edition."""
    last = (
        select(func.coalesce(func.max(article.c.position), 0))
        .join_from(edition_article, edition, edition_article.c.edition_id == edition.c.id)
        .join(article, edition_article.c.article_id == article.c.id)
        .where(edition.c.digest == digest)
    )
    query = select(func.count()).where(article.c.position > last.scalar_subquery(), article.c.withdrawn.is_(None))
    return tx.scalar(query) or 0
