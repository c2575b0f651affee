"""Private feeds: one address per subscriber, opened by a random token, closed by revoking it.

The token is 256 random bits, shown once; its SHA-256 is kept. What the feed holds is what the subscriber asked
for in their subscriptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, Double, ForeignKey, Index, Table, Text, delete, select, update

from publisher.lib.tokens import hash_secret, new_secret
from publisher.store.dialect import insert
from publisher.store.subscribers import SubscriberStatus
from publisher.store.tables import Id, metadata, subscriber

#: Private feeds that one subscriber may hold open at once; the oldest closes when one more is issued.
MAX_FEEDS = 10
#: How long a closed feed stays listed for its owner.
KEPT_SECONDS = 30 * 86_400.0

private_feed = Table(
    "private_feed",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("revoked", Double),
    Index("ix_private_feed_subscriber", "subscriber_id"),
)


@dataclass(frozen=True, slots=True)
class PrivateFeed:
    """One private feed as its owner sees it; the token itself cannot be shown again."""

    id: int
    created: datetime
    revoked: datetime | None


def issue(tx: Connection, subscriber_id: int, *, now: float) -> str:
    """A new token for this subscriber: ``/feeds/private/{token}.rss`` (``.atom``, ``.json``). Shown once."""
    token = new_secret()
    tx.execute(
        insert(tx, private_feed).values(subscriber_id=subscriber_id, secret_hash=hash_secret(token), created=now)
    )
    open_ones = select(private_feed.c.id).where(
        private_feed.c.subscriber_id == subscriber_id, private_feed.c.revoked.is_(None)
    )
    surplus = list(tx.scalars(open_ones.order_by(private_feed.c.id.desc()).offset(MAX_FEEDS)))
    tx.execute(update(private_feed).where(private_feed.c.id.in_(surplus)).values(revoked=now))
    return token


def subscriber_of(tx: Connection, token: str) -> int | None:
    """Whose feed this token opens; None when it opens none: unknown, revoked, or its owner is gone or left."""
    query = (
        select(private_feed.c.subscriber_id)
        .join(subscriber, subscriber.c.id == private_feed.c.subscriber_id)
        .where(
            private_feed.c.secret_hash == hash_secret(token),
            private_feed.c.revoked.is_(None),
            subscriber.c.status == SubscriberStatus.CONFIRMED.value,
        )
    )
    found = tx.scalar(query)
    return None if found is None else int(found)


def listing(tx: Connection, subscriber_id: int) -> list[PrivateFeed]:
    """Every private feed of a subscriber, newest first."""
    query = select(private_feed).where(private_feed.c.subscriber_id == subscriber_id)
    return [
        PrivateFeed(
            row.id,
            datetime.fromtimestamp(row.created, UTC),
            None if row.revoked is None else datetime.fromtimestamp(row.revoked, UTC),
        )
        for row in tx.execute(query.order_by(private_feed.c.id.desc()))
    ]


def revoke(tx: Connection, subscriber_id: int, feed_id: int | None = None, *, now: float) -> int:
    """Close one private feed of a subscriber, or all of them; returns how many were open."""
    query = update(private_feed).where(private_feed.c.subscriber_id == subscriber_id, private_feed.c.revoked.is_(None))
    if feed_id is not None:
        query = query.where(private_feed.c.id == feed_id)
    return tx.execute(query.values(revoked=now)).rowcount


def sweep(tx: Connection, *, now: float) -> int:
    """Forget feeds that were closed long ago; returns how many."""
    return tx.execute(delete(private_feed).where(private_feed.c.revoked < now - KEPT_SECONDS)).rowcount
