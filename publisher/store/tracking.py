"""Links that lead through us, how often they were followed, and, if the operator asked for it, by whom.

No IP address and no User-Agent is kept: a request is judged human or scanner when it comes, and only counted.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    select,
)

from publisher.store.dialect import alone, insert
from publisher.store.tables import Id, metadata, subscriber

tracked_link = Table(
    "tracked_link",
    metadata,
    Column("edition_id", Id, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False),
    UniqueConstraint("edition_id", "url"),
)
tally = Table(
    "tally",
    metadata,
    Column("edition_id", Id, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("link", Integer, primary_key=True, autoincrement=False),
    Column("who", Text, primary_key=True),
    Column("count", Integer, nullable=False),
)
subscriber_event = Table(
    "reader_event",
    metadata,
    Column("subscriber_id", Id, primary_key=True, autoincrement=False),
    Column("edition_id", Id, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("link", Integer, primary_key=True, autoincrement=False),
    Column("first", Double, nullable=False),
    Column("count", Integer, nullable=False),
    Index("ix_reader_event_edition_id", "edition_id"),
)


class Tally(NamedTuple):
    """How often an edition was opened (link 0), or a link of it was followed, by ``who``: human or scanner."""

    kind: str
    link: int
    url: str | None
    who: str
    times: int


class Followed(NamedTuple):
    """How often one subscriber opened an edition or followed a link of it; ``first`` in UTC epoch seconds."""

    edition_id: int
    kind: str
    url: str | None
    first: float
    times: int


def number_links(tx: Connection, edition_id: int, urls: Iterable[str]) -> dict[str, int]:
    """Give every URL of an edition its number, the same each time it is asked for."""
    alone(tx, f"links:{edition_id}")
    query = select(tracked_link.c.url, tracked_link.c.number).where(tracked_link.c.edition_id == edition_id)
    known = {row.url: row.number for row in tx.execute(query)}
    fresh = [url for url in dict.fromkeys(urls) if url not in known]
    start = max(known.values(), default=0) + 1
    rows = [{"edition_id": edition_id, "number": start + index, "url": url} for index, url in enumerate(fresh)]
    if rows:
        tx.execute(tracked_link.insert(), rows)
    return known | {row["url"]: row["number"] for row in rows}


def url_of(tx: Connection, edition_id: int, number: int) -> str | None:
    """Where a link leads; ``None`` when there is none of that number."""
    query = select(tracked_link.c.url)
    return tx.scalar(query.where(tracked_link.c.edition_id == edition_id, tracked_link.c.number == number))


def count(tx: Connection, edition_id: int, kind: str, *, link: int, human: bool) -> None:
    """One more open or click."""
    who = "human" if human else "scanner"
    statement = insert(tx, tally).values(edition_id=edition_id, kind=kind, link=link, who=who, count=1)
    keys = ["edition_id", "kind", "link", "who"]
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_={"count": tally.c.count + 1}))


def count_subscriber(tx: Connection, subscriber_id: int, edition_id: int, kind: str, *, link: int, now: float) -> None:
    """Remember that this subscriber opened an edition or followed a link of it."""
    statement = insert(tx, subscriber_event).values(
        subscriber_id=subscriber_id, edition_id=edition_id, kind=kind, link=link, first=now, count=1
    )
    keys = ["subscriber_id", "edition_id", "kind", "link"]
    tx.execute(statement.on_conflict_do_update(index_elements=keys, set_={"count": subscriber_event.c.count + 1}))


def of_edition(tx: Connection, edition_id: int) -> list[Tally]:
    """What was counted of an edition, for the desk."""
    query = (
        select(tally.c.kind, tally.c.link, tracked_link.c.url, tally.c.who, tally.c.count)
        .select_from(
            tally.outerjoin(
                tracked_link,
                (tracked_link.c.edition_id == tally.c.edition_id) & (tracked_link.c.number == tally.c.link),
            )
        )
        .where(tally.c.edition_id == edition_id)
    )
    return [Tally._make(row) for row in tx.execute(query.order_by(tally.c.kind, tally.c.link, tally.c.who))]


def of_subscriber(tx: Connection, subscriber_id: int) -> list[Followed]:
    """What one subscriber opened and followed, for their export."""
    query = (
        select(
            subscriber_event.c.edition_id,
            subscriber_event.c.kind,
            tracked_link.c.url,
            subscriber_event.c.first,
            subscriber_event.c.count,
        )
        .select_from(
            subscriber_event.outerjoin(
                tracked_link,
                (tracked_link.c.edition_id == subscriber_event.c.edition_id)
                & (tracked_link.c.number == subscriber_event.c.link),
            )
        )
        .where(subscriber_event.c.subscriber_id == subscriber_id)
    )
    return [Followed._make(row) for row in tx.execute(query.order_by(subscriber_event.c.first))]


def may_track(tx: Connection, subscriber_id: int) -> bool:
    """Whether this subscriber is there and did not decline."""
    return bool(tx.scalar(select(subscriber.c.tracking).where(subscriber.c.id == subscriber_id)))


def declined(tx: Connection) -> frozenset[int]:
    """The ids of all subscribers who declined."""
    return frozenset(tx.scalars(select(subscriber.c.id).where(~subscriber.c.tracking)))


def forget(tx: Connection, subscriber_id: int) -> None:
    """Nothing more by name about this subscriber; what was only counted stays."""
    tx.execute(delete(subscriber_event).where(subscriber_event.c.subscriber_id == subscriber_id))
