"""The record of consent: who subscribed, changed, left or came back, and when; one row an event."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Column, Connection, Double, Index, Table, Text, delete, select

from publisher.store.tables import Id, metadata

consent = Table(
    "consent",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, nullable=False),
    Column("at", Double, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_consent_subscriber_id", "subscriber_id"),
)


class ConsentRow(NamedTuple):
    """One event on record; ``at`` in UTC epoch seconds."""

    at: float
    what: str
    detail: str


def note(tx: Connection, subscriber_id: int, what: str, *, now: float, detail: str = "") -> None:
    """Write down what a subscriber agreed to or ended; ``detail`` holds no address."""
    tx.execute(consent.insert().values(subscriber_id=subscriber_id, at=now, what=what, detail=detail))


def of_subscriber(tx: Connection, subscriber_id: int) -> list[ConsentRow]:
    """What is on record of a subscriber, oldest first."""
    query = select(consent.c.at, consent.c.what, consent.c.detail).where(consent.c.subscriber_id == subscriber_id)
    return [ConsentRow(*row) for row in tx.execute(query.order_by(consent.c.at, consent.c.id))]


def forget(tx: Connection, subscriber_id: int) -> None:
    """Delete the record of a subscriber."""
    tx.execute(delete(consent).where(consent.c.subscriber_id == subscriber_id))
