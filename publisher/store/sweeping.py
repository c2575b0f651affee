"""The ledger's housekeeping: chunks and editions that need a hand, found and put right.

What finds reads only; what puts right looks again in its own transaction, because any number of sweeps may run at
once (:mod:`publisher.delivery.sweep`).
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from publisher.model import EditionStatus
from publisher.store import chunks, leases
from publisher.store.states import State
from publisher.store.tables import chunk, delivery, edition

_RUNNING = edition.c.status.in_([EditionStatus.SENDING.value, EditionStatus.PAUSED.value])


class EndingChunk(NamedTuple):
    """A chunk that nobody holds, of an edition that is over; ``reason`` is empty when the edition is too late."""

    id: int
    reason: str


def ending(tx: Connection, now: float) -> list[EndingChunk]:
    """Chunks that nobody holds, of editions that are cancelled or too late."""
    cancelled = edition.c.status == EditionStatus.CANCELLED.value
    query = (
        select(chunk.c.id, edition.c.status, edition.c.reason)
        .join_from(chunk, edition)
        .where(chunk.c.state == chunks.OPEN, cancelled | (_RUNNING & (edition.c.not_after < now)))
        .order_by(chunk.c.id)
    )
    return [
        EndingChunk(row.id, (row.reason or "cancelled") if row.status == EditionStatus.CANCELLED else "")
        for row in tx.execute(query)
    ]


def give_up(tx: Connection, chunk_id: int, reply: str) -> int:
    """Book the pending rows of a chunk that nobody holds as failed and close it; returns how many."""
    open_still = select(chunk.c.id).where(chunk.c.id == chunk_id, chunk.c.state == chunks.OPEN)
    if tx.execute(open_still.with_for_update()).first() is None:
        return 0
    failed = tx.execute(
        update(delivery)
        .where(delivery.c.chunk_id == chunk_id, delivery.c.state.in_([State.QUEUED, State.DEFERRED]))
        .values(state=State.FAILED, reply=reply)
    ).rowcount
    tx.execute(update(chunk).where(chunk.c.id == chunk_id).values(failed=chunk.c.failed + failed))
    leases.close(tx, chunk_id)
    return int(failed)


def due_after(tx: Connection, instant: float) -> list[int]:
    """Open chunks of retries that are due later than ``instant``."""
    query = select(chunk.c.id).where(chunk.c.state == chunks.OPEN, chunk.c.ordinal == -1, chunk.c.due > instant)
    return list(tx.scalars(query))


def stuck(tx: Connection) -> list[int]:
    """Closed chunks, of editions that are not over, whose counts leave rows pending."""
    settled = chunk.c.sent + chunk.c.failed + chunk.c.suppressed + chunk.c.in_doubt
    query = (
        select(chunk.c.id)
        .join_from(chunk, edition)
        .where(_RUNNING, chunk.c.state == chunks.CLOSED, chunk.c.size > settled)
    )
    return list(tx.scalars(query))


def reopen(tx: Connection, chunk_id: int, now: float) -> None:
    """Make what waits in a chunk due now, unless somebody holds it."""
    tx.execute(
        update(delivery)
        .where(delivery.c.chunk_id == chunk_id, delivery.c.state == State.DEFERRED)
        .values(state=State.QUEUED)
    )
    tx.execute(
        update(chunk).where(chunk.c.id == chunk_id, chunk.c.state != chunks.LEASED).values(state=chunks.OPEN, due=now)
    )


def finished(tx: Connection) -> list[int]:
    """Editions that were frozen and have no chunk left, and are not marked so."""
    waiting = select(chunk.c.id).where(chunk.c.edition_id == edition.c.id, chunk.c.state != chunks.CLOSED).exists()
    over = (edition.c.status == EditionStatus.SENDING.value) | (
        (edition.c.status == EditionStatus.CANCELLED.value) & edition.c.finished.is_(None)
    )
    return list(tx.scalars(select(edition.c.id).where(over, edition.c.frozen.is_not(None), ~waiting)))


def finish(tx: Connection, edition_id: int, now: float) -> bool:
    """Mark an edition as finished; ``False`` when a chunk of it is left."""
    left = tx.scalar(select(func.count()).where(chunk.c.edition_id == edition_id, chunk.c.state != chunks.CLOSED))
    if left:
        return False
    tx.execute(update(edition).where(edition.c.id == edition_id).values(finished=now))
    tx.execute(
        update(edition)
        .where(edition.c.id == edition_id, edition.c.status == EditionStatus.SENDING.value)
        .values(status=EditionStatus.DONE.value)
    )
    return True
