"""Who reads our feeds: what aggregators say of themselves in their User-Agent, and nothing of anybody else.

An aggregator polls once for many people and says for how many. That number is kept, by feed and aggregator; no
address, no other header, nothing of feed readers that poll for one person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Connection, Double, Index, Table, Text, delete, func, select

from publisher.lib.text import one_line
from publisher.store.dialect import insert
from publisher.store.tables import metadata

#: An aggregator that has not polled for this long (seconds) reads the feed no more.
GONE_AFTER_SECONDS = 30 * 86_400.0
#: Aggregators remembered for one feed: made-up names must not fill the database.
MAX_FEED_READERS = 200

feed_reader = Table(
    "feed_reader",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("subscribers", BigInteger, nullable=False),
    Column("last_seen", Double, nullable=False),
    Index("ix_feed_reader_last_seen", "last_seen"),
)

_COUNT = re.compile(r"(?<![\w.])(\d{1,8})\s+(?:subscribers?|readers?|users?)\b", re.IGNORECASE)
_FEED_ID = re.compile(r"\bfeed-?id[:=]\s*([A-Za-z0-9-]{1,40})", re.IGNORECASE)
#: What stands first in a User-Agent and names nobody.
_GENERIC = re.compile(r"^Mozilla/\d[\d.]*\s*\(\s*(?:compatible|[^;)]*)\s*;\s*", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.-]*(?: [A-Za-z][A-Za-z0-9.-]*){0,3}")


@dataclass(frozen=True, slots=True)
class FeedReaders:
    """How many people one aggregator says it polls a feed for. ``feed`` is a path such as ``feed.rss``."""

    feed: str
    reader: str
    subscribers: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What a User-Agent says: the aggregator's name and the number of its subscribers."""

    reader: str
    subscribers: int


def claim_of(user_agent: str) -> Claim | None:
    """The subscribers that a User-Agent names; None for feed readers that poll for themselves.

    Forms in use: ``Feedbin feed-id:12 - 142 subscribers``, ``Feedly/1.0 (+http://…; 16 subscribers; …)``,
    ``Mozilla/5.0 (compatible; theoldreader.com; 10 subscribers; feed-id=…)``, ``LiveJournal.com (…; 3 readers)``.
    """
    text = one_line(user_agent[:500])
    count = _COUNT.search(text)
    if count is None:
        return None
    name = _NAME.match(_GENERIC.sub("", text))
    reader = re.sub(r"(?i)[ -]feed-?id$", "", name[0]).strip()[:60] if name else "unnamed"
    # One aggregator may hold a feed under several ids (http and https, with www and without): each has its own people.
    feed_id = _FEED_ID.search(text)
    return Claim(f"{reader} #{feed_id[1]}" if feed_id else reader, int(count[1]))


def saw(tx: Connection, feed: str, claim: Claim, *, now: float) -> None:
    """Remember what an aggregator claimed for ``feed``; the newest claim counts."""
    known = select(func.count()).select_from(feed_reader).where(feed_reader.c.feed == feed)
    same = select(feed_reader.c.reader).where(feed_reader.c.feed == feed, feed_reader.c.reader == claim.reader)
    if tx.scalar(same) is None and (tx.scalar(known) or 0) >= MAX_FEED_READERS:
        tx.execute(delete(feed_reader).where(feed_reader.c.last_seen < now - GONE_AFTER_SECONDS))
        if (tx.scalar(known) or 0) >= MAX_FEED_READERS:
            return
    values = {"subscribers": claim.subscribers, "last_seen": now}
    statement = insert(tx, feed_reader).values(feed=feed, reader=claim.reader, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["feed", "reader"], set_=values))


def readers(tx: Connection, *, now: float) -> list[FeedReaders]:
    """Every aggregator that polled within the last 30 days, the largest first."""
    columns = (feed_reader.c.feed, feed_reader.c.reader, feed_reader.c.subscribers, feed_reader.c.last_seen)
    query = select(*columns).where(feed_reader.c.last_seen >= now - GONE_AFTER_SECONDS)
    return [
        FeedReaders(row.feed, row.reader, row.subscribers, datetime.fromtimestamp(row.last_seen, UTC))
        for row in tx.execute(query.order_by(feed_reader.c.subscribers.desc(), *columns[:2]))
    ]
