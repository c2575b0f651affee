"""Leased chunks: the SQL of claiming, of a batch, and of letting go.

::

    open ── claim ──→ leased ── batch, batch, … ──→ closed
      ↑                  │                            └ what was deferred → a new chunk, due later
      └──── release ─────┘   (paused, stopped, relay in trouble, owner dead)

All of a batch's facts and the next batch's intent are one transaction. Who holds a lease is known by its
token; a statement that finds the token gone changes nothing. A chunk counts what became of its rows, so that
an edition's progress is a sum over some thousand chunks, never over its deliveries.

On PostgreSQL a lease runs by the database's clock, so that machines need not agree on the time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    TextClause,
    bindparam,
    case,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.types import Double

from publisher.model import EditionStatus
from publisher.store.dialect import insert
from publisher.store.meta import restore_waits
from publisher.store.states import State
from publisher.store.tables import chunk, delivery, edition, progress

OPEN, LEASED, CLOSED = 0, 1, 2
#: Deliveries in a chunk: what one worker leases at a time. With 500, PostgreSQL cost 5 us more a message.
CHUNK_SIZE = 1000
#: Seconds of one slot of the progress table.
SLOT = 10
#: Serialises "suppress, then look whether a message is on its way" against the claiming of a batch (PostgreSQL;
#: SQLite has one writer at a time anyway).
CLAIM_LOCK = 0x6D617375


@dataclass(frozen=True, slots=True)
class EditionRow:
    """What a composer and the ledger need to know of an edition."""

    id: int
    digest: str
    number: int
    title: str
    created: float
    frozen: float
    policy: str
    not_after: float | None


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed chunk. ``crashes``: how many owners died holding it."""

    chunk: int
    token: str
    crashes: int
    edition: EditionRow


class DeliveryRow(NamedTuple):
    """One delivery about to be composed, with its subscriber's personal values as they are now.

    ``first_attempt`` (UTC epoch seconds) is the same at every attempt: a Date header made of it stays the same.
    """

    id: int
    edition_id: int
    subscriber_id: int
    address: str
    variant: str
    attempts: int
    doubts: int
    first_attempt: float
    name: str = ""
    language: str = ""
    address_hash: str = ""
    #: Sections, tags and authors that the subscriber follows, in that order; empty: everything.
    follows: tuple[str, ...] = ()


class Change(NamedTuple):
    """What an attempt made of a row that was queued; the instants are UTC epoch seconds."""

    delivery: int
    state: State
    at: float
    first_attempt: float
    code: int = 0
    reply: str = ""
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to send, in order, and how many were passed over because their address may not be mailed."""

    rows: tuple[DeliveryRow, ...]
    suppressed: int
    last: int | None
    full: bool = True  # there may be more


class LeaseLost(Exception):
    """The token is gone: another worker holds the chunk, or the rows are no longer as this lease left them."""


def claim(tx: Connection, *, token: str, holder: str, now: float, lease_seconds: float) -> Lease | None:
    """Lease the chunk that has been due for longest, of an edition that is being sent."""
    query = (
        select(chunk.c.id, chunk.c.crashes, *_EDITION_COLUMNS)
        .join_from(chunk, edition)
        .where(*_claimable(now))
        .order_by(chunk.c.due, chunk.c.id)
        .limit(1)
        .with_for_update(of=chunk, skip_locked=True)
    )
    row = tx.execute(query).one_or_none()
    if row is None:
        return None
    tx.execute(
        update(chunk)
        .where(chunk.c.id == row[0])
        .values(
            state=LEASED,
            lease_token=token,
            lease_until=database_clock(tx, now) + lease_seconds,
            holder=holder,
            intent_upto=None,
        )
    )
    return Lease(row[0], token, row[1], EditionRow(*row[2:]))


def any_due(tx: Connection, now: float) -> int:
    """How many chunks wait to be claimed; counts to 100 at most."""
    some = select(chunk.c.id).join_from(chunk, edition).where(*_claimable(now)).limit(100).subquery()
    return tx.scalar(select(func.count()).select_from(some)) or 0


def oldest_due(tx: Connection, now: float) -> float | None:
    """The due instant of the chunk that has waited longest; for watching progress, not liveness."""
    # What is due at once has been due since its edition was frozen.
    since = case((chunk.c.due > edition.c.frozen, chunk.c.due), else_=edition.c.frozen)
    oldest: float | None = tx.scalar(select(func.min(since)).join_from(chunk, edition).where(*_claimable(now)))
    return oldest


def _claimable(now: float) -> tuple[ColumnElement[bool], ...]:
    in_time = edition.c.not_after.is_(None) | (edition.c.not_after >= now)
    sending = edition.c.status == EditionStatus.SENDING.value
    return chunk.c.state == OPEN, chunk.c.due <= now, sending, in_time, ~restore_waits()


_EDITION_COLUMNS = tuple(edition.c[name] for name in EditionRow.__slots__)


def database_clock(tx: Connection, now: float) -> ColumnElement[float]:
    """The present, as leases see it: the database's own clock where it has one for all, else ``now``."""
    if tx.dialect.name == "postgresql":
        return literal_column("extract(epoch from clock_timestamp())::double precision", Double())
    return bindparam(None, now, Double())


def next_batch(
    tx: Connection, lease: Lease, *, after: int, limit: int, now: float, lease_seconds: float
) -> Batch | None:
    """Claim the next rows of a leased chunk: renew the lease, write the intent, leave out who may not be mailed.

    ``None`` when the lease is lost or the edition is no longer being sent.

    :param after: rows up to this id have been handed out under this lease.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": CLAIM_LOCK})
    found = tx.execute(
        # One more than is wanted tells whether these are the last, without asking again.
        _CLAIM_ROWS,
        {"chunk": lease.chunk, "digest": lease.edition.digest, "after": after, "limit": limit + 1},
    ).all()
    full = len(found) > limit
    found = found[:limit]
    last = found[-1][0] if found else None
    renewed = tx.execute(
        update(chunk)
        .where(
            chunk.c.id == lease.chunk,
            chunk.c.lease_token == lease.token,
            select(edition.c.id)
            .where(edition.c.id == chunk.c.edition_id, edition.c.status == EditionStatus.SENDING.value)
            .exists(),
        )
        .values(
            lease_until=database_clock(tx, now) + lease_seconds,
            intent_upto=chunk.c.intent_upto if last is None else last,
        )
    )
    if renewed.rowcount != 1:
        return None
    refused = [row[0] for row in found if row[-1]]
    if refused:
        done = tx.execute(
            update(delivery)
            .where(delivery.c.id.in_(refused), delivery.c.state == State.QUEUED)
            .values(state=State.SUPPRESSED, reply="suppressed or unsubscribed")
        ).rowcount
        tx.execute(update(chunk).where(chunk.c.id == lease.chunk).values(suppressed=chunk.c.suppressed + done))
    second = float(int(now))
    rows = tuple(
        DeliveryRow(
            id=row[0],
            edition_id=lease.edition.id,
            subscriber_id=row[1],
            address=row[2],
            address_hash=row[3],
            variant=row[4],
            attempts=row[5],
            doubts=row[6],
            first_attempt=second if row[7] is None else row[7],
            name=row[8] or "",
            language=row[9] or "",
            follows=_names(row[10]) + _names(row[11]) + _names(row[12]),
        )
        for row in found
        if not row[-1]
    )
    return Batch(rows, len(refused), last, full)


def _names(kept: str | None) -> tuple[str, ...]:
    # Most subscribers follow everything, and a JSON parser for each of them would be felt.
    return () if kept is None or kept == "[]" else tuple(json.loads(kept))


#: The statement that claims recipients; in it, and nowhere later, is decided who may be mailed.
_CLAIM_ROWS = text(
    f"""
    SELECT d.id, d.subscriber_id, d.address, d.address_hash, d.variant, d.attempts, d.doubts, d.first_attempt,
           s.name, s.language, u.sections, u.tags, u.authors,
           p.address_hash IS NOT NULL OR u.id IS NULL OR s.status <> 'confirmed' AS refused
      FROM delivery d
      LEFT JOIN subscriber s ON s.id = d.subscriber_id
      LEFT JOIN subscription u ON u.subscriber_id = d.subscriber_id AND u.digest = :digest AND u.active
      LEFT JOIN suppression p ON p.address_hash = d.address_hash
     WHERE d.chunk_id = :chunk AND d.id > :after AND d.state = {State.QUEUED:d}
     ORDER BY d.id LIMIT :limit
    """  # noqa: S608 - the only thing put in is a number of our own
)


def record(tx: Connection, lease: Lease, changes: Sequence[Change], *, now: float) -> None:
    """Record a batch of results under a lease that is still held.

    :raises LeaseLost: it is not; roll back and settle row by row (:func:`publisher.store.deliveries.apply`).
    """
    count = dict.fromkeys(State, 0)
    for change in changes:
        count[change.state] += 1
    held = tx.execute(
        update(chunk)
        .where(chunk.c.id == lease.chunk, chunk.c.lease_token == lease.token)
        .values(
            sent=chunk.c.sent + count[State.SENT],
            failed=chunk.c.failed + count[State.FAILED],
            in_doubt=chunk.c.in_doubt + count[State.IN_DOUBT],
        )
    )
    if held.rowcount != 1 or _write(tx, lease.chunk, changes) != len(changes):
        raise LeaseLost
    if count[State.SENT]:
        note_progress(tx, lease.edition.id, count[State.SENT], now=now)


def _write(tx: Connection, chunk_id: int, changes: Sequence[Change]) -> int:
    if tx.dialect.name == "postgresql":
        return tx.execute(
            _RECORD_POSTGRESQL,
            {
                "chunk": chunk_id,
                "ids": _array([c.delivery for c in changes]),
                "states": _array([int(c.state) for c in changes]),
                "codes": _array([c.code for c in changes]),
                "replies": [c.reply for c in changes],
                "doubts": _array([c.doubts for c in changes]),
                "firsts": _array([c.first_attempt for c in changes]),
                "ats": _array([c.at if c.state is State.SENT else "NULL" for c in changes]),
            },
        ).rowcount
    # Driver level: one prepared statement for the batch.
    return tx.exec_driver_sql(
        _RECORD_SQLITE,
        [
            (
                int(c.state),
                c.code,
                c.reply,
                c.doubts,
                c.first_attempt,
                c.at if c.state is State.SENT else None,
                c.delivery,
                chunk_id,
            )
            for c in changes
        ],
    ).rowcount


def _array(numbers: Sequence[float | str]) -> str:
    """PostgreSQL's literal of an array of numbers; the driver's own adaptation of lists was felt here."""
    return "{" + ",".join(map(str, numbers)) + "}"


_RECORD_SQLITE = f"""
    UPDATE delivery SET state = ?, attempts = attempts + 1, code = ?, reply = ?, doubts = doubts + ?,
           first_attempt = coalesce(first_attempt, ?), sent = ?
     WHERE id = ? AND chunk_id = ? AND state = {State.QUEUED:d}
"""  # noqa: S608
_RECORD_POSTGRESQL: TextClause = text(
    f"""
    UPDATE delivery d SET state = v.state, attempts = d.attempts + 1, code = v.code, reply = v.reply,
           doubts = d.doubts + v.doubts, first_attempt = coalesce(d.first_attempt, v.first_attempt), sent = v.sent
      FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS smallint[]), CAST(:codes AS smallint[]),
                  CAST(:replies AS text[]), CAST(:doubts AS smallint[]), CAST(:firsts AS double precision[]),
                  CAST(:ats AS double precision[]))
           AS v(id, state, code, reply, doubts, first_attempt, sent)
     WHERE d.id = v.id AND d.chunk_id = :chunk AND d.state = {State.QUEUED:d}
    """  # noqa: S608
)


def note_progress(tx: Connection, edition_id: int, sent: int, *, now: float) -> None:
    """Add to the count of this slot of time; rate and ETA are read from it."""
    statement = insert(tx, progress).values(edition_id=edition_id, slot=int(now // SLOT), sent=sent)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=[progress.c.edition_id, progress.c.slot],
            set_={"sent": progress.c.sent + statement.excluded.sent},
        )
    )
