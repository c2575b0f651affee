"""Subscribers, what they asked for, and who is never mailed.

An address is unique by its key (:mod:`publisher.lib.addresses`). A suppression is kept by a keyed hash (HMAC) of it:
it outlives the deletion of its subscriber and holds when the address is imported again, and the table tells
nobody an address. The key is made once per database (:func:`publisher.store.meta.secret_key`).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, case, func, select, update

from publisher.lib.addresses import parse_address
from publisher.store import articles, meta
from publisher.store.dialect import insert
from publisher.store.tables import preference_columns, subscriber, subscription, suppression

#: Rows of one INSERT when a list is imported.
IMPORT_ROWS = 1000


class SubscriberStatus(StrEnum):
    """pending → confirmed ⇄ unsubscribed. Only a confirmed subscriber is mailed a digest."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


class SubscriberRow(NamedTuple):
    """An address that asked; instants are UTC epoch seconds. ``tracking``: whether they allow it by name."""

    id: int
    address: str
    name: str
    language: str
    status: SubscriberStatus
    origin: str
    created: float
    confirmed: float | None
    tracking: bool


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address is never mailed. ``reason`` is a word such as bounced, complained or by_hand."""

    reason: str
    detail: str
    created: datetime


@dataclass(frozen=True, slots=True)
class NewSubscriber:
    """One line of a list to import."""

    address: str
    name: str = ""
    language: str = ""


def address_hash(tx: Connection, address: str) -> str:
    """The keyed hash under which this address would be suppressed."""
    return hashed(meta.secret_key(tx, "suppression"), parse_address(address).key)


def hashed(key: bytes, address_key: str) -> str:
    """The keyed hash of an address key; ``key`` is this database's for suppressions."""
    return hmac.digest(key, address_key.encode(), "sha256").hex()[:40]


def add(
    tx: Connection,
    address: str,
    *,
    now: float,
    name: str = "",
    language: str = "",
    status: SubscriberStatus = SubscriberStatus.PENDING,
    origin: str = "",
) -> int:
    """The id of the subscriber with this address, made where there is none; one who is there stays as they are.

    :param origin: how we came by the address, for instance ``form`` or ``import``.
    :raises BadAddress: this is no address.
    """
    wanted = NewSubscriber(address, name, language)
    import_list(tx, [wanted], now=now, status=status, origin=origin)
    found = tx.scalar(select(subscriber.c.id).where(subscriber.c.address_key == parse_address(address).key))
    assert found is not None
    return int(found)


def import_list(
    tx: Connection,
    people: Iterable[NewSubscriber],
    *,
    now: float,
    status: SubscriberStatus = SubscriberStatus.CONFIRMED,
    origin: str = "import",
    digests: Sequence[str] = (),
) -> int:
    """Add those who are not there yet and subscribe them to ``digests``; returns how many were new.

    One who is known, in whatever status, is left alone: an import never undoes an unsubscription.

    :raises BadAddress: one of them is no address; nothing of the caller's transaction should then stay.
    """
    key = meta.secret_key(tx, "suppression")
    rows: list[dict[str, object]] = []
    added = 0
    for person in people:
        parsed = parse_address(person.address)
        rows.append(
            {
                "address": parsed.text,
                "address_key": parsed.key,
                "address_hash": hashed(key, parsed.key),
                "name": person.name,
                "language": person.language,
                "status": status.value,
                "origin": origin,
                "created": now,
                "confirmed": now if status is SubscriberStatus.CONFIRMED else None,
            }
        )
        if len(rows) == IMPORT_ROWS:
            added += _insert(tx, rows, digests, now)
            rows = []
    return added + (_insert(tx, rows, digests, now) if rows else 0)


def _insert(tx: Connection, rows: list[dict[str, object]], digests: Sequence[str], now: float) -> int:
    statement = insert(tx, subscriber).on_conflict_do_nothing().returning(subscriber.c.id)
    ids = list(tx.scalars(statement, rows))
    start = articles.newest_position(tx)  # what was published before they came is not for them
    for digest in digests:
        wanted = [
            {"subscriber_id": one, "digest": digest, "active": True, "created": now, "cursor": start} for one in ids
        ]
        if wanted:
            tx.execute(insert(tx, subscription).on_conflict_do_nothing(), wanted)
    return len(ids)


def subscribe(
    tx: Connection, subscriber_id: int, digest: str, *, now: float, **wishes: str | int | float | None
) -> None:
    """Make or renew a subscription; ``wishes`` are columns such as ``cadence`` or ``timezone``."""
    start = articles.newest_position(tx)
    statement = insert(tx, subscription).values(
        subscriber_id=subscriber_id, digest=digest, active=True, created=now, cursor=start, **wishes
    )
    # One who comes back is not sent what appeared while they were away.
    cursor = case((subscription.c.active, subscription.c.cursor), else_=start)
    again = {"active": True, "ended": None, "cursor": cursor, **wishes}
    tx.execute(statement.on_conflict_do_update(index_elements=["subscriber_id", "digest"], set_=again))


def unsubscribe(tx: Connection, subscriber_id: int, digest: str | None = None, *, now: float) -> int:
    """End one subscription, or all of them; returns how many were active.

    After the commit call :func:`publisher.delivery.wait_until_clear` before telling the subscriber that it is
    done: a message may be on its way at this very moment.
    """
    query = update(subscription).where(subscription.c.subscriber_id == subscriber_id, subscription.c.active)
    if digest is not None:
        query = query.where(subscription.c.digest == digest)
    ended = tx.execute(query.values(active=False, ended=now)).rowcount
    left = select(subscription.c.id).where(subscription.c.subscriber_id == subscriber_id, subscription.c.active)
    if tx.execute(left.limit(1)).first() is None:
        set_status(tx, subscriber_id, SubscriberStatus.UNSUBSCRIBED, now=now)
    return ended


def set_status(tx: Connection, subscriber_id: int, status: SubscriberStatus, *, now: float) -> None:
    """Move a subscriber to ``status``; a confirmation keeps its first instant."""
    values: dict[str, object] = {"status": status.value}
    if status is SubscriberStatus.CONFIRMED:
        values["confirmed"] = func.coalesce(subscriber.c.confirmed, now)
    tx.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))


def get(tx: Connection, subscriber_id: int) -> SubscriberRow | None:
    """The subscriber of this id."""
    return _one(tx, subscriber.c.id == subscriber_id)


def by_address(tx: Connection, address: str) -> SubscriberRow | None:
    """The subscriber of this mailbox, however it is spelled.

    :raises BadAddress: this is no address.
    """
    return _one(tx, subscriber.c.address_key == parse_address(address).key)


def status_of(tx: Connection, subscriber_id: int) -> SubscriberStatus | None:
    """Where this subscriber stands; ``None`` when there is none."""
    found = tx.scalar(select(subscriber.c.status).where(subscriber.c.id == subscriber_id))
    return None if found is None else SubscriberStatus(found)


def subscriptions(tx: Connection, subscriber_id: int) -> list[Row[Any]]:
    """Rows of ``subscription`` of one subscriber, ended ones too, by digest."""
    query = select(subscription).where(subscription.c.subscriber_id == subscriber_id)
    return list(tx.execute(query.order_by(subscription.c.digest)))


def own_preferences(tx: Connection, subscriber_id: int) -> dict[str, object]:
    """The preferences that are kept once for a subscriber, not with each subscription; by column."""
    query = select(*preference_columns(subscriber)).where(subscriber.c.id == subscriber_id)
    return dict(tx.execute(query).mappings().one())


def set_own_preferences(tx: Connection, subscriber_id: int, columns: Mapping[str, str | int | float]) -> None:
    """Write some of the columns of :func:`own_preferences`."""
    tx.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(dict(columns)))


def count(tx: Connection, digest: str) -> int:
    """How many confirmed subscribers a digest has."""
    query = select(func.count()).select_from(subscription.join(subscriber))
    return (
        tx.scalar(
            query.where(
                subscription.c.digest == digest,
                subscription.c.active,
                subscriber.c.status == SubscriberStatus.CONFIRMED,
            )
        )
        or 0
    )


def forget(tx: Connection, subscriber_id: int) -> None:
    """Delete a subscriber and their subscriptions; a suppression of the address stays."""
    tx.execute(subscriber.delete().where(subscriber.c.id == subscriber_id))


def suppress(tx: Connection, address: str, reason: str, *, now: float, detail: str = "") -> bool:
    """Never mail this address again; ``False`` when it was suppressed already (the first reason stays).

    As with :func:`unsubscribe`, wait until nothing is on its way before telling anybody that it is done.

    :raises BadAddress: this is no address.
    """
    return suppress_hash(tx, address_hash(tx, address), reason, now=now, detail=detail)


def suppress_hash(tx: Connection, hashed: str, reason: str, *, now: float, detail: str = "") -> bool:
    """As :func:`suppress`, for an address of which only the keyed hash is known."""
    statement = insert(tx, suppression).values(address_hash=hashed, reason=reason, detail=detail, created=now)
    # Not rowcount: PostgreSQL's driver does not count an INSERT that conflicts.
    return tx.execute(statement.on_conflict_do_nothing().returning(suppression.c.reason)).first() is not None


def suppressed(tx: Connection, address: str) -> Suppression | None:
    """Why this address is never mailed, or ``None``.

    :raises BadAddress: this is no address.
    """
    query = select(suppression).where(suppression.c.address_hash == address_hash(tx, address))
    row = tx.execute(query).one_or_none()
    return None if row is None else Suppression(row.reason, row.detail, datetime.fromtimestamp(row.created, UTC))


def lift_suppression(tx: Connection, address: str) -> bool:
    """Allow mail to this address again; only ever by hand."""
    gone = tx.execute(suppression.delete().where(suppression.c.address_hash == address_hash(tx, address)))
    return gone.rowcount == 1


def _one(tx: Connection, condition: ColumnElement[bool]) -> SubscriberRow | None:
    row = tx.execute(select(*(subscriber.c[name] for name in SubscriberRow._fields)).where(condition)).one_or_none()
    return None if row is None else SubscriberRow(**row._asdict() | {"status": SubscriberStatus(row.status)})
