"""Rates that all workers share: one row a key, one UPDATE a booking (the generic cell rate algorithm).

``free_at`` is the instant from which the next send may be booked. A booking of ``count`` sends moves it on by
``count ÷ per_second`` and is good from where it stood. Nobody polls and nobody is asked to give anything back:
a worker that is killed wastes what it had booked, a tenth of a second's worth.

Nobody books further ahead than a bound: a ``free_at`` beyond it was written while the clock was ahead, and the
bound takes its place. Without it sending would stand still until the clock has caught up.

PostgreSQL's own clock is used there, so that workers on machines whose clocks differ agree; SQLite has only
one machine, and no clock finer than the one that is bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Column, ColumnElement, Connection, Double, Table, Text, func, literal, update

from publisher.store.database import Store
from publisher.store.dialect import insert
from publisher.store.tables import metadata

#: How far ahead ``free_at`` may lie: this many seconds, or this many sends where they take longer.
MAX_AHEAD_SECONDS = 60.0
MAX_AHEAD_SENDS = 100

rate = Table(
    "rate",
    metadata,
    Column("key", Text, primary_key=True),
    Column("free_at", Double, nullable=False),
)


def reserve(tx: Connection, key: str, count: int, per_second: float, *, now: float) -> float:
    """Book ``count`` sends under ``key``.

    :param now: UTC epoch seconds; PostgreSQL uses its own clock instead.
    :returns: seconds to wait before the first of them.
    """
    length = count / per_second
    here: ColumnElement[float] = literal(now, Double)
    ahead = max(MAX_AHEAD_SECONDS, MAX_AHEAD_SENDS / per_second)
    if tx.dialect.name == "postgresql":
        here = func.extract("epoch", func.clock_timestamp()).cast(Double)
        start = func.greatest(func.least(rate.c.free_at, here + ahead), here)
    else:
        start = func.max(func.min(rate.c.free_at, here + ahead), here)
    statement = (
        update(rate).where(rate.c.key == key).values(free_at=start + length).returning(rate.c.free_at - length - here)
    )
    wait = tx.execute(statement).scalar()
    if wait is None:
        # The first booking of this key; of two at the same time one inserts and both then book.
        tx.execute(insert(tx, rate).values(key=key, free_at=0.0).on_conflict_do_nothing())
        return reserve(tx, key, count, per_second, now=now)
    return max(0.0, float(wait))


def reserver(store: Store, clock: Callable[[], float] = time.time) -> Callable[[str, int, float], float]:
    """What a transport is given as ``reserve``: each booking is a short transaction of its own."""

    def book(key: str, count: int, per_second: float) -> float:
        with store.begin() as tx:
            return reserve(tx, key, count, per_second, now=clock())

    return book
