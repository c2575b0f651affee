"""Reports about messages: bounces, complaints; each counted once.

``report`` keeps what rules need: who, which edition, whose matter, on which day. ``seen_event`` holds the ids of
events that providers sent, so that a replay changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Index,
    Integer,
    Row,
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


def first_time(tx: Connection, source: str, event_id: str, *, now: float) -> bool:
    """Remember an event's id; ``False`` when it was there already."""
    statement = insert(tx, seen_event).values(source=source, event_id=event_id, at=now)
    return tx.execute(statement.on_conflict_do_nothing().returning(seen_event.c.at)).first() is not None


def add(tx: Connection, **values: Any) -> bool:
    """Keep one report; ``False`` when the same was reported that day already."""
    values["day"] = int(values["at"] // 86_400)
    # Not by rowcount: where a row number is made by the database, PostgreSQL's driver does not tell it.
    statement = insert(tx, report).values(values).on_conflict_do_nothing()
    return tx.execute(statement.returning(report.c.id)).first() is not None


def bounces(tx: Connection, subscriber_id: int, cause: str, *, since: float) -> list[Row[Any]]:
    """``(edition_id, at, day)`` of a subscriber's bounces of one cause, oldest first."""
    query = select(report.c.edition_id, report.c.at, report.c.day).where(
        report.c.kind == "bounce",
        report.c.cause == cause,
        report.c.subscriber_id == subscriber_id,
        report.c.at >= since,
    )
    return list(tx.execute(query.order_by(report.c.at)))


def complaints(tx: Connection, edition_id: int) -> int:
    """How many readers complained about an edition."""
    query = select(func.count(func.distinct(report.c.subscriber_id)))
    return tx.scalar(query.where(report.c.edition_id == edition_id, report.c.kind == "complaint")) or 0


def newest(tx: Connection, *, edition_id: int | None = None, limit: int = 100) -> list[Row[Any]]:
    """Rows of ``report``, newest first, for the desk."""
    query = select(report).order_by(report.c.at.desc(), report.c.id.desc()).limit(limit)
    return list(tx.execute(query if edition_id is None else query.where(report.c.edition_id == edition_id)))


def sweep(tx: Connection, *, now: float, days: float = 400.0) -> int:
    """Forget what is too old to matter."""
    gone = tx.execute(delete(report).where(report.c.at < now - days * 86_400)).rowcount
    return gone + tx.execute(delete(seen_event).where(seen_event.c.at < now - 30 * 86_400)).rowcount


def forget(tx: Connection, subscriber_id: int) -> None:
    """For erasure: what was reported no longer names anyone, but an edition's complaints stay counted."""
    tx.execute(report.update().where(report.c.subscriber_id == subscriber_id).values(detail=""))
