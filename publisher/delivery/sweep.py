"""Housekeeping of the ledger, run by every tick: cheap when there is nothing to do, right when there is.

Takes over from the dead, books what is cancelled or too late, finishes editions, and mends two things that
should not be: a retry that a wrong clock put too far away, and a pending row in a closed chunk.
"""

from __future__ import annotations

import random as _random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from publisher.delivery import recovery
from publisher.delivery.ladder import LADDER
from publisher.model import EditionStatus
from publisher.store import Store, chunks, leases
from publisher.store.states import State
from publisher.store.tables import chunk, delivery, edition

#: Editions that are over for their pending rows, and what those rows are told.
TOO_LATE = "too late: the edition's cut-off had passed"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found: chunks taken over, rows booked as failed, editions finished, chunks put right."""

    recovered: int = 0
    given_up: int = 0
    finished: int = 0
    mended: int = 0


def sweep(
    store: Store,
    journal_directory: Path,
    clock: Callable[[], float],
    *,
    lease_seconds: float = 120.0,
    random: Callable[[], float] = _random.random,
) -> Swept:
    """One round; any number may run at once."""
    recovered = recovery.recover(store, journal_directory, clock, lease_seconds=lease_seconds, random=random)
    now = clock()
    with store.read() as tx:
        ending = _ending(tx, now)
        wrong = _far_away(tx, now) + _stuck(tx)
        finished = _finished(tx)
    given_up = 0
    for chunk_id, reply in ending:
        with store.begin() as tx:
            given_up += _give_up(tx, chunk_id, reply)
    for chunk_id in wrong:
        with store.begin() as tx:
            _mend(tx, chunk_id, now)
    if ending:
        with store.read() as tx:
            finished = _finished(tx)
    done = 0
    for edition_id in finished:
        with store.begin() as tx:
            done += _finish(tx, edition_id, now)
    return Swept(recovered, given_up, done, len(wrong))


def _ending(tx: Connection, now: float) -> list[tuple[int, str]]:
    """Chunks that nobody holds, of editions that are cancelled or too late, and what to tell their rows."""
    cancelled = edition.c.status == EditionStatus.CANCELLED.value
    running = edition.c.status.in_([EditionStatus.SENDING.value, EditionStatus.PAUSED.value])
    query = (
        select(chunk.c.id, edition.c.status, edition.c.reason)
        .join_from(chunk, edition)
        .where(chunk.c.state == chunks.OPEN, cancelled | (running & (edition.c.not_after < now)))
        .order_by(chunk.c.id)
    )
    return [(row[0], (row[2] or "cancelled") if row[1] == "cancelled" else TOO_LATE) for row in tx.execute(query)]


def _give_up(tx: Connection, chunk_id: int, reply: str) -> int:
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


def _far_away(tx: Connection, now: float) -> list[int]:
    """Retries due later than any step of the ladder: the clock was wrong when they were made."""
    query = select(chunk.c.id).where(
        chunk.c.state == chunks.OPEN, chunk.c.ordinal == -1, chunk.c.due > now + LADDER.longest + 60
    )
    return list(tx.scalars(query))


def _stuck(tx: Connection) -> list[int]:
    """Closed chunks, of editions that are not over, whose counts leave rows pending."""
    settled = chunk.c.sent + chunk.c.failed + chunk.c.suppressed + chunk.c.in_doubt
    query = (
        select(chunk.c.id)
        .join_from(chunk, edition)
        .where(
            edition.c.status.in_([EditionStatus.SENDING.value, EditionStatus.PAUSED.value]),
            chunk.c.state == chunks.CLOSED,
            chunk.c.size > settled,
        )
    )
    return list(tx.scalars(query))


def _mend(tx: Connection, chunk_id: int, now: float) -> None:
    tx.execute(
        update(delivery)
        .where(delivery.c.chunk_id == chunk_id, delivery.c.state == State.DEFERRED)
        .values(state=State.QUEUED)
    )
    tx.execute(
        update(chunk).where(chunk.c.id == chunk_id, chunk.c.state != chunks.LEASED).values(state=chunks.OPEN, due=now)
    )


def _finished(tx: Connection) -> list[int]:
    waiting = select(chunk.c.id).where(chunk.c.edition_id == edition.c.id, chunk.c.state != chunks.CLOSED).exists()
    frozen = edition.c.frozen.is_not(None)
    over = (edition.c.status == EditionStatus.SENDING.value) | (
        (edition.c.status == EditionStatus.CANCELLED.value) & edition.c.finished.is_(None)
    )
    return list(tx.scalars(select(edition.c.id).where(over, frozen, ~waiting)))


def _finish(tx: Connection, edition_id: int, now: float) -> int:
    left = tx.scalar(select(func.count()).where(chunk.c.edition_id == edition_id, chunk.c.state != chunks.CLOSED))
    if left:
        return 0
    tx.execute(update(edition).where(edition.c.id == edition_id).values(finished=now))
    tx.execute(
        update(edition)
        .where(edition.c.id == edition_id, edition.c.status == EditionStatus.SENDING.value)
        .values(status=EditionStatus.DONE.value)
    )
    return 1
