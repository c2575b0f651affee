"""Keeping a lease, letting go of it, and what others see of it.

A statement names a lease by chunk and token; one that finds the token gone changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select, tuple_, update

from publisher.model import EditionStatus
from publisher.store.chunks import CHUNK_SIZE, CLOSED, LEASED, OPEN, Lease, database_clock
from publisher.store.states import State
from publisher.store.tables import chunk, delivery, edition


def holds(tx: Connection, lease: Lease) -> bool:
    """Whether the lease is still ours, locking the chunk's row for this transaction."""
    query = select(chunk.c.id).where(chunk.c.id == lease.chunk, chunk.c.lease_token == lease.token)
    return tx.execute(query.with_for_update()).first() is not None


def renew(tx: Connection, leases: Sequence[Lease], *, now: float, lease_seconds: float) -> int:
    """Extend leases; returns how many of them are still held for an edition that is being sent."""
    if not leases:
        return 0
    names = tuple_(chunk.c.id, chunk.c.lease_token).in_([(lease.chunk, lease.token) for lease in leases])
    sending = select(edition.c.id).where(edition.c.status == EditionStatus.SENDING.value)
    renewed = tx.execute(
        update(chunk)
        .where(names, chunk.c.edition_id.in_(sending))
        .values(lease_until=database_clock(tx, now) + lease_seconds)
    )
    return int(renewed.rowcount)


def still_wanted(tx: Connection, leases: Sequence[Lease]) -> bool:
    """Whether all leases are held and their editions are being sent; only reads."""
    names = tuple_(chunk.c.id, chunk.c.lease_token).in_([(lease.chunk, lease.token) for lease in leases])
    query = select(func.count()).select_from(chunk.join(edition))
    held = tx.scalar(query.where(names, edition.c.status == EditionStatus.SENDING.value))
    return held == len(leases)


def release(
    tx: Connection, chunk_id: int, token: str | None, *, due: float | None = None, crashed: bool = False
) -> bool:
    """Open a leased chunk again; ``False`` when the lease is no longer this one.

    :param due: not before this instant, ``None`` for when it was due.
    :param crashed: its owner died.
    """
    values: dict[str, object] = {
        "state": OPEN,
        "lease_token": None,
        "lease_until": None,
        "holder": None,
        "intent_upto": None,
    }
    if due is not None:
        values["due"] = due
    if crashed:
        values["crashes"] = chunk.c.crashes + 1
    held = update(chunk).where(chunk.c.id == chunk_id, chunk.c.lease_token == token, chunk.c.state == LEASED)
    return tx.execute(held.values(values)).rowcount == 1


def has_queued(tx: Connection, chunk_id: int) -> bool:
    """Whether a row of this chunk still waits."""
    query = select(delivery.c.id).where(delivery.c.chunk_id == chunk_id, delivery.c.state == State.QUEUED)
    return tx.execute(query.limit(1)).first() is not None


def close(tx: Connection, chunk_id: int) -> None:
    """All rows have their answer, and what was deferred has moved on."""
    tx.execute(
        update(chunk)
        .where(chunk.c.id == chunk_id)
        .values(state=CLOSED, lease_token=None, lease_until=None, holder=None, intent_upto=None)
    )


def deferred_rows(tx: Connection, chunk_id: int) -> list[tuple[int, int]]:
    """``(delivery, attempts)`` of every deferred row of a chunk."""
    query = select(delivery.c.id, delivery.c.attempts).where(
        delivery.c.chunk_id == chunk_id, delivery.c.state == State.DEFERRED
    )
    return [(row[0], row[1]) for row in tx.execute(query.order_by(delivery.c.id))]


def move_rows(tx: Connection, edition_id: int, from_chunk: int, ids: Sequence[int], *, due: float) -> int | None:
    """Queue rows again in a chunk that is due later; joins one that nobody holds and that is due at about that time."""
    if not ids:
        return None
    target = tx.scalar(
        select(chunk.c.id)
        .where(
            chunk.c.edition_id == edition_id,
            chunk.c.state == OPEN,
            chunk.c.ordinal == -1,
            chunk.c.crashes == 0,
            chunk.c.due.between(due, due + 30),
            chunk.c.size <= CHUNK_SIZE - len(ids),
        )
        .order_by(chunk.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if target is None:
        target = tx.execute(
            chunk.insert().values(edition_id=edition_id, due=due, size=0).returning(chunk.c.id)
        ).scalar_one()
    moved = tx.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), delivery.c.chunk_id == from_chunk)
        .values(chunk_id=target, state=State.QUEUED)
    ).rowcount
    tx.execute(update(chunk).where(chunk.c.id == from_chunk).values(size=chunk.c.size - moved))
    tx.execute(update(chunk).where(chunk.c.id == target).values(size=chunk.c.size + moved))
    return int(target)


@dataclass(frozen=True, slots=True)
class LeasedChunk:
    """A chunk somebody holds, for recovery."""

    id: int
    edition_id: int
    token: str
    holder: str
    intent_upto: int | None
    crashes: int
    policy: str


def leased(tx: Connection, *, holder: str | None = None, lock: bool = False) -> list[LeasedChunk]:
    """Chunks under a lease, of one holder or of all."""
    query = select(*_LEASED_COLUMNS).join_from(chunk, edition).where(chunk.c.state == LEASED).order_by(chunk.c.id)
    if holder is not None:
        query = query.where(chunk.c.holder == holder)
    if lock:
        query = query.with_for_update(of=chunk)
    return [LeasedChunk(*row) for row in tx.execute(query)]


_LEASED_COLUMNS = (
    chunk.c.id,
    chunk.c.edition_id,
    chunk.c.lease_token,
    chunk.c.holder,
    chunk.c.intent_upto,
    chunk.c.crashes,
    edition.c.policy,
)


def expired(tx: Connection, *, now: float, grace: float) -> list[LeasedChunk]:
    """Chunks whose lease ran out more than ``grace`` seconds ago by the database's clock, locked."""
    query = (
        select(*_LEASED_COLUMNS)
        .join_from(chunk, edition)
        .where(chunk.c.state == LEASED, chunk.c.lease_until + grace < database_clock(tx, now))
        .order_by(chunk.c.id)
        .with_for_update(of=chunk, skip_locked=True)
    )
    return [LeasedChunk(*row) for row in tx.execute(query)]


def queued_upto(tx: Connection, chunk_id: int, last: int | None) -> list[int]:
    """Rows of a chunk that still wait and were within its last batch's intent."""
    if last is None:
        return []
    query = select(delivery.c.id).where(
        delivery.c.chunk_id == chunk_id, delivery.c.id <= last, delivery.c.state == State.QUEUED
    )
    return list(tx.scalars(query.order_by(delivery.c.id)))


class RowStanding(NamedTuple):
    """Where one delivery stands."""

    state: int
    attempts: int
    doubts: int
    chunk_id: int


def of_row(tx: Connection, delivery_id: int) -> RowStanding | None:
    """Where one delivery stands; ``None`` when there is none of that id."""
    columns = (delivery.c[name] for name in RowStanding._fields)
    row = tx.execute(select(*columns).where(delivery.c.id == delivery_id)).one_or_none()
    return None if row is None else RowStanding._make(row)
