"""Limits against floods of sign-ups: counters a day, and how often a mailbox was sent a confirmation.

::

    budget        counters a day: per network, per domain and in all
    confirmation  when a mailbox was last sent a confirmation, and how often ever

Both hold keyed hashes and no address. A network appears only as an HMAC of it and the day, so counters of two days
cannot be brought together.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Double, Index, Integer, Table, Text, delete, select, update

from publisher.lib.addresses import Address
from publisher.store import meta
from publisher.store.dialect import alone, insert
from publisher.store.tables import metadata

DAY_SECONDS = 86_400.0

confirmation = Table(
    "confirmation",
    metadata,
    Column("limit_hash", Text, primary_key=True),
    Column("last", Double, nullable=False),
    Column("count", Integer, nullable=False),
)
budget = Table(
    "budget",
    metadata,
    Column("name", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Index("ix_budget_day", "day"),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` of what ``name`` counts, in one day (UTC)."""

    name: str
    most: int


def network_of(host: str) -> str:
    """The network that one visitor can easily change addresses in: /24 of IPv4, /48 of IPv6; else the text itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def daily_hash(tx: Connection, kind: str, text: str, *, now: float) -> str:
    """A name for ``text`` in :data:`budget` that is different each day and gives nothing back."""
    key = meta.secret_key(tx, "budget")
    return hmac.new(key, f"{kind}\0{int(now // DAY_SECONDS)}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]


def spend(tx: Connection, limits: Sequence[Limit], *, now: float) -> str | None:
    """Count one against every limit; ``None``, or the name of the first that is used up (then none is counted)."""
    day = int(now // DAY_SECONDS)
    alone(tx, "budget")
    for limit in limits:
        used = tx.scalar(select(budget.c.count).where(budget.c.name == limit.name, budget.c.day == day)) or 0
        if used >= limit.most:
            return limit.name
    for limit in limits:
        statement = insert(tx, budget).values(name=limit.name, day=day, count=1)
        tx.execute(statement.on_conflict_do_update(index_elements=["name", "day"], set_={"count": budget.c.count + 1}))
    return None


def spent(tx: Connection, name: str, *, now: float) -> int:
    """How many were counted under ``name`` in the day of ``now``."""
    day = int(now // DAY_SECONDS)
    return tx.scalar(select(budget.c.count).where(budget.c.name == name, budget.c.day == day)) or 0


def may_confirm(tx: Connection, address: Address, *, now: float, ever: int) -> bool:
    """Whether this mailbox may be sent a confirmation: none in the last 24 hours, and fewer than ``ever``.

    If so it is counted. Dots and ``+tags`` make no new mailbox here.
    """
    key = meta.secret_key(tx, "confirmation")
    hashed = hmac.new(key, address.limit_key.encode(), hashlib.sha256).hexdigest()[:32]
    statement = insert(tx, confirmation).values(limit_hash=hashed, last=now, count=1)
    counted = statement.on_conflict_do_update(
        index_elements=["limit_hash"],
        set_={"last": now, "count": confirmation.c.count + 1},
        where=(confirmation.c.last <= now - DAY_SECONDS) & (confirmation.c.count < ever),
    )
    return tx.execute(counted.returning(confirmation.c.count)).first() is not None


def forgive(tx: Connection, address: Address) -> None:
    """The mailbox confirmed: its earlier confirmations no longer count towards the most there may ever be."""
    key = meta.secret_key(tx, "confirmation")
    hashed = hmac.new(key, address.limit_key.encode(), hashlib.sha256).hexdigest()[:32]
    tx.execute(update(confirmation).where(confirmation.c.limit_hash == hashed).values(count=1))


def sweep(tx: Connection, *, now: float) -> int:
    """Forget counters of past days; returns how many."""
    return tx.execute(delete(budget).where(budget.c.day < int(now // DAY_SECONDS) - 1)).rowcount
