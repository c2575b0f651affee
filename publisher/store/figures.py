"""Figures for monitoring: how the newest editions stand, and how late due work is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from publisher.store import chunks, meta
from publisher.store.tables import chunk, edition, schedule

#: Editions whose figures are given one by one; older ones are over.
MAX_EDITIONS = 20


class EditionFigures(NamedTuple):
    """How many deliveries of an edition stand where."""

    digest: str
    number: int
    sent: int
    failed: int
    suppressed: int
    in_doubt: int
    pending: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole site. Instants are UTC epoch seconds, ``None`` where there is nothing of the kind.

    :param editions: the newest that were frozen.
    :param statuses: how many editions have which status.
    :param oldest_due: since when the chunk that has waited longest has been due.
    :param next_schedule: when the next schedule is due, or the most overdue one was.
    :param ticked: when a worker last looked for due work.
    """

    editions: tuple[EditionFigures, ...]
    statuses: dict[str, int]
    open_chunks: int
    oldest_due: float | None
    next_schedule: float | None
    in_doubt: int
    ticked: float | None


def read(tx: Connection, now: float) -> Figures:
    """The figures, in a few cheap queries."""
    ticked = meta.get(tx, meta.TICKED)
    return Figures(
        editions=_editions(tx),
        statuses={
            row[0]: row[1] for row in tx.execute(select(edition.c.status, func.count()).group_by(edition.c.status))
        },
        open_chunks=tx.scalar(select(func.count()).where(chunk.c.state != chunks.CLOSED)) or 0,
        oldest_due=chunks.oldest_due(tx, now),
        next_schedule=tx.scalar(select(func.min(schedule.c.next_run)).where(schedule.c.enabled)),
        in_doubt=tx.scalar(select(func.coalesce(func.sum(chunk.c.in_doubt), 0))) or 0,
        ticked=float(ticked) if ticked else None,
    )


def _editions(tx: Connection) -> tuple[EditionFigures, ...]:
    newest = select(edition.c.id).order_by(edition.c.id.desc()).limit(MAX_EDITIONS)
    terms = [func.sum(chunk.c[term]) for term in ("sent", "failed", "suppressed", "in_doubt")]
    pending = func.sum(chunk.c.size - chunk.c.sent - chunk.c.failed - chunk.c.suppressed - chunk.c.in_doubt)
    query = (
        select(edition.c.digest, edition.c.number, *terms, pending)
        .join_from(chunk, edition)
        .where(chunk.c.edition_id.in_(newest))
        .group_by(edition.c.id, edition.c.digest, edition.c.number)
        .order_by(edition.c.id)
    )
    return tuple(EditionFigures(*row[:2], *(int(value) for value in row[2:])) for row in tx.execute(query))
