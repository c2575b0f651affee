"""What one machine at a time may do: a row with its owner and a lease.

Machines that share a database name themselves by an id of their own. Whoever holds the lease renews it; one that ran
out is free for the next who asks. On PostgreSQL leases run by the database's clock.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Column, Connection, Double, Table, Text, literal, select

from publisher.store.chunks import database_clock
from publisher.store.dialect import insert
from publisher.store.tables import metadata

#: Under this name stands who reads the sources.
SOURCES = "sources"

owner = Table(
    "owner",
    metadata,
    Column("name", Text, primary_key=True),
    Column("machine", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
)


class Owner(NamedTuple):
    """Who holds it, where that is (for people), since when, and how many seconds the lease still runs."""

    machine: str
    place: str
    since: float
    left: float


def get(tx: Connection, name: str, *, now: float, lock: bool = False) -> Owner | None:
    """The last owner, also one whose lease ran out.

    :param lock: the row stays as it is until the transaction ends.
    """
    clock = database_clock(tx, now)
    query = select(owner.c.machine, owner.c.place, owner.c.since, owner.c.until - clock).where(owner.c.name == name)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Owner(*row)


def is_free(found: Owner | None, *, lease_seconds: float) -> bool:
    """Whether another may take it. A lease never runs longer than ``lease_seconds``: beyond, a clock was wrong."""
    return found is None or not 0 < found.left <= lease_seconds


def claim(
    tx: Connection, name: str, machine: str, place: str, *, now: float, lease_seconds: float, take: bool = False
) -> bool:
    """Take what is free, or renew what is ours; returns whether it is ours now.

    :param take: also from an owner whose lease still runs.
    """
    clock = database_clock(tx, now)
    fresh = insert(tx, owner).values(name=name, machine=machine, place=place, since=literal(now), until=clock)
    tx.execute(fresh.on_conflict_do_nothing())
    found = get(tx, name, now=now, lock=True)
    assert found is not None
    if found.machine != machine and not take and not is_free(found, lease_seconds=lease_seconds):
        return False
    since = found.since if found.machine == machine else now
    values = {"machine": machine, "place": place, "since": since, "until": clock + lease_seconds}
    tx.execute(owner.update().where(owner.c.name == name).values(values))
    return True


def is_held(tx: Connection, name: str, machine: str, *, now: float) -> bool:
    """Whether it is still this machine's, which then stays so until the transaction ends."""
    found = get(tx, name, now=now, lock=True)
    return found is not None and found.machine == machine
