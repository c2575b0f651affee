"""Reports about messages: bounces, complaints; each counted once.

``report`` keeps what rules need: who, which edition, whose matter, on which day. ``seen_event`` holds the ids of
events that providers sent, so that a replay changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
)

from publisher.store.dialect import insert
from publisher.store.tables import Id, metadata

report = Table(
    "report",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default=""),
    Column("subscriber_id", Id, nullable=False),
    Column("edition_id", Id, nullable=False),
    Column("day", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("source", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    UniqueConstraint("kind", "cause", "subscriber_id", "edition_id", "day"),
    Index("ix_report_subscriber_id", "subscriber_id"),
    Index("ix_report_edition_id", "edition_id", "kind"),
)
seen_event = Table(
    "seen_event",
    metadata,
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("at", Double, nullable=False),
)


#: Behind a source's name: what it signed in an event's place, good for one event and for a few minutes.
SIGNATURES = ":signature"
SIGNATURES_KEPT_SECONDS = 3600.0


def first_time(tx: Connection, source: str, event_id: str, *, now: float) -> bool:
    """Remember an event's id; ``False`` when it was there already."""
    statement = insert(tx, seen_event).values(source=source, event_id=event_id, at=now)
    return tx.execute(statement.on_conflict_do_nothing().returning(seen_event.c.at)).first() is not None


class NewReport(NamedTuple):
    """A report about to be kept; ``at`` in UTC epoch seconds."""

    kind: str
    subscriber_id: int
    edition_id: int
    at: float
    source: str
    cause: str = ""
    status: str = ""
    detail: str = ""


class BounceRow(NamedTuple):
    """A bounce on record; ``at`` in UTC epoch seconds, ``day`` in days since the epoch."""

    edition_id: int
    at: float
    day: int


def add(tx: Connection, new: NewReport) -> bool:
    """Keep one report; ``False`` when the same was reported that day already."""
    # Not by rowcount: where a row number is made by the database, PostgreSQL's driver does not tell it.
    statement = insert(tx, report).values(day=int(new.at // 86_400), **new._asdict()).on_conflict_do_nothing()
    return tx.execute(statement.returning(report.c.id)).first() is not None


def bounces(tx: Connection, subscriber_id: int, cause: str, *, since: float) -> list[BounceRow]:
    """A subscriber's bounces of one cause, oldest first."""
    query = select(report.c.edition_id, report.c.at, report.c.day).where(
        report.c.kind == "bounce",
        report.c.cause == cause,
        report.c.subscriber_id == subscriber_id,
        report.c.at >= since,
    )
    return [BounceRow(*row) for row in tx.execute(query.order_by(report.c.at))]


def complaints(tx: Connection, edition_id: int) -> int:
    """How many subscribers complained about an edition."""
    query = select(func.count(func.distinct(report.c.subscriber_id)))
    return tx.scalar(query.where(report.c.edition_id == edition_id, report.c.kind == "complaint")) or 0


def sweep(tx: Connection, *, now: float, days: float = 400.0) -> int:
    """Forget what is too old to matter."""
    spent = (seen_event.c.source.like(f"%{SIGNATURES}"), seen_event.c.at < now - SIGNATURES_KEPT_SECONDS)
    tx.execute(delete(seen_event).where(*spent))
    gone = tx.execute(delete(report).where(report.c.at < now - days * 86_400)).rowcount
    return gone + tx.execute(delete(seen_event).where(seen_event.c.at < now - 30 * 86_400)).rowcount


def forget(tx: Connection, subscriber_id: int) -> None:
    """For erasure: what was reported no longer names anyone, but an edition's complaints stay counted."""
    tx.execute(report.update().where(report.c.subscriber_id == subscriber_id).values(detail=""))
