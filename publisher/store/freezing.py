"""Freezing an audience: who gets an edition is decided once, in one transaction.

Everything is INSERT … SELECT inside the database, so half a million rows take seconds and no row passes
through Python. Recipients of the same ``due`` instant share chunks; those of different instants never do, so
each zone's chunks become due at that zone's hour.

Those who are suppressed are part of the audience: that they got nothing, and why, is on record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, insert, literal, select, update
from sqlalchemy.types import Text

from publisher.model import EditionStatus
from publisher.store.chunks import CHUNK_SIZE
from publisher.store.subscribers import SubscriberStatus
from publisher.store.tables import Id, chunk, delivery, edition, subscriber, subscription

#: The due instant of what is to leave at once: a clock that is put right later cannot hold it back.
AT_ONCE = 0.0
#: Ids in one statement when recipients are named one by one.
MAX_NAMED_AT_ONCE = 5_000


def audience(
    digest: str, *, variants: Mapping[str, str] | None = None, variant: str = "", due: float = AT_ONCE
) -> Select[Any]:
    """The recipients of a digest that is the same for everyone: its confirmed, active subscribers.

    :param variants: subscriber's language → variant.
    :param variant: for the languages that ``variants`` does not name.
    """
    chosen: ColumnElement[str] = literal(variant, Text())
    if variants:
        chosen = case(dict(variants), value=subscriber.c.language, else_=literal(variant, Text()))
    return (
        select(
            subscriber.c.id.label("subscriber_id"),
            subscriber.c.address.label("address"),
            subscriber.c.address_hash.label("address_hash"),
            chosen.label("variant"),
            literal(due, chunk.c.due.type).label("due"),
        )
        .join_from(subscription, subscriber)
        .where(
            subscription.c.digest == digest,
            subscription.c.active,
            subscriber.c.status == SubscriberStatus.CONFIRMED.value,
        )
    )


def freeze(
    tx: Connection, edition_id: int, recipients: Select[Any], *, now: float, chunk_size: int = CHUNK_SIZE
) -> int | None:
    """Freeze the audience and let the edition be sent; ``None`` when it was frozen before, or discarded.

    Run it in ``store.begin(snapshot=True)``: the audience is read twice and must be the same.

    :param recipients: a SELECT of subscriber_id, address, address_hash, variant, due; each subscriber once.
    :returns: the size of the audience.
    """
    if not begin(tx, edition_id):
        return None
    add(tx, edition_id, recipients, chunk_size=chunk_size)
    return finish(tx, edition_id, now=now)


def begin(tx: Connection, edition_id: int) -> bool:
    """Claim the edition; :func:`add` or :func:`add_named` and then :func:`finish` follow in the same transaction."""
    waiting = (EditionStatus.DRAFT.value, EditionStatus.SCHEDULED.value)
    claimed = tx.execute(
        update(edition)
        .where(edition.c.id == edition_id, edition.c.status.in_(waiting))
        .values(status=EditionStatus.FREEZING.value)
    )
    return claimed.rowcount == 1


def add(tx: Connection, edition_id: int, recipients: Select[Any], *, chunk_size: int = CHUNK_SIZE) -> int:
    """Add recipients as :func:`freeze` describes them; may be called several times with different ones."""
    first = (
        tx.scalar(select(func.coalesce(func.max(chunk.c.ordinal), -1) + 1).where(chunk.c.edition_id == edition_id)) or 0
    )
    inner = recipients.subquery("recipient")
    place = func.row_number().over(partition_by=inner.c.due, order_by=inner.c.subscriber_id) - 1
    # A chunk is named by (due, ordinal) until it has an id.
    numbered = select(inner, (literal(first, Id) + place // literal(chunk_size, Id)).label("ordinal")).subquery("n")
    tx.execute(
        insert(chunk).from_select(
            ["edition_id", "ordinal", "due", "size"],
            select(literal(edition_id, Id), numbered.c.ordinal, numbered.c.due, func.count())
            .group_by(numbered.c.due, numbered.c.ordinal)
            .order_by(numbered.c.due, numbered.c.ordinal),
        )
    )
    added = tx.execute(
        insert(delivery).from_select(
            ["edition_id", "chunk_id", "subscriber_id", "address", "address_hash", "variant"],
            select(
                literal(edition_id, Id),
                chunk.c.id,
                numbered.c.subscriber_id,
                numbered.c.address,
                numbered.c.address_hash,
                numbered.c.variant,
            )
            .join_from(
                numbered,
                chunk,
                (chunk.c.edition_id == edition_id)
                & (chunk.c.ordinal == numbered.c.ordinal)
                & (chunk.c.due == numbered.c.due),
            )
            .order_by(chunk.c.id, numbered.c.subscriber_id),
        )
    )
    return int(added.rowcount)


def add_named(
    tx: Connection, edition_id: int, subscriber_ids: Sequence[int], *, variant: str, due: float = AT_ONCE
) -> int:
    """Add confirmed subscribers by their ids, all with the same variant and due instant."""
    added = 0
    for start in range(0, len(subscriber_ids), MAX_NAMED_AT_ONCE):
        some = subscriber_ids[start : start + MAX_NAMED_AT_ONCE]
        recipients = select(
            subscriber.c.id.label("subscriber_id"),
            subscriber.c.address.label("address"),
            subscriber.c.address_hash.label("address_hash"),
            literal(variant, Text()).label("variant"),
            literal(due, chunk.c.due.type).label("due"),
        ).where(subscriber.c.id.in_(some), subscriber.c.status == SubscriberStatus.CONFIRMED.value)
        added += add(tx, edition_id, recipients)
    return added


def finish(tx: Connection, edition_id: int, *, now: float) -> int:
    """Count the audience and let the edition be sent; one without anybody is done at once."""
    size = tx.scalar(select(func.coalesce(func.sum(chunk.c.size), 0)).where(chunk.c.edition_id == edition_id)) or 0
    status = EditionStatus.SENDING if size else EditionStatus.DONE
    tx.execute(
        update(edition)
        .where(edition.c.id == edition_id)
        .values(status=status.value, audience=size, frozen=now, finished=None if size else now)
    )
    return int(size)
