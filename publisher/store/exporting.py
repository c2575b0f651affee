"""Subscribers and suppressions, all of them, read row by row for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select

from publisher.store.database import Store
from publisher.store.postgresql import take_time
from publisher.store.tables import preference_columns, subscriber, subscription, suppression

#: Rows that are fetched at a time.
FETCHED_ROWS = 5000


class SuppressionRow(NamedTuple):
    """A suppression; ``address`` is ``None`` where only the hash is left. ``created`` in UTC epoch seconds."""

    address: str | None
    reason: str
    detail: str
    created: float
    hash: str


def subscriptions(store: Store, *, digest: str = "") -> Iterator[Mapping[str, Any]]:
    """Every subscriber, one row a subscription, by column; one without a subscription has ``None`` in its columns.

    :param digest: the only digest to read; empty: all.
    """
    mine = ("address", "name", "status", "origin", "created", "confirmed")
    columns = [
        *(subscriber.c[name] for name in mine),
        suppression.c.reason.label("suppressed"),
        subscription.c.digest,
        subscription.c.active,
        *preference_columns(subscriber),
        *preference_columns(subscription),
    ]
    joined = subscriber.outerjoin(subscription, subscription.c.subscriber_id == subscriber.c.id).outerjoin(
        suppression, suppression.c.address_hash == subscriber.c.address_hash
    )
    query = select(*columns).select_from(joined).order_by(subscriber.c.id, subscription.c.digest)
    if digest:
        query = query.where(subscription.c.digest == digest)
    with store.read() as tx:
        take_time(tx)
        for row in tx.execution_options(yield_per=FETCHED_ROWS).execute(query).mappings():
            yield dict(row)


def suppressions(store: Store) -> Iterator[SuppressionRow]:
    """Every suppression, oldest first."""
    query = (
        select(
            subscriber.c.address,
            suppression.c.reason,
            suppression.c.detail,
            suppression.c.created,
            suppression.c.address_hash,
        )
        .select_from(suppression.outerjoin(subscriber, subscriber.c.address_hash == suppression.c.address_hash))
        .order_by(suppression.c.created, suppression.c.address_hash)
    )
    with store.read() as tx:
        take_time(tx)
        for row in tx.execution_options(yield_per=FETCHED_ROWS).execute(query):
            yield SuppressionRow(*row)
