"""The channels that posts go to: one row each, with a lease and what its kind remembers.

One holder at a time works on a channel: ``busy_token``, until ``busy_until``.
"""

from __future__ import annotations

import json
from typing import NamedTuple, TypedDict, Unpack

from sqlalchemy import Column, Connection, Double, Row, Table, Text, or_, select, update

from publisher.store.dialect import insert
from publisher.store.tables import metadata

channel = Table(
    "channel",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("busy_token", Text),
    Column("busy_until", Double),
    Column("wait_until", Double),
    Column("paused", Double),
    Column("reason", Text, nullable=False, server_default=""),
    Column("memory", Text, nullable=False, server_default="{}"),
)


class ChannelRow(NamedTuple):
    """A channel that was seen; ``memory`` is what its kind remembers between posts. Instants are UTC epoch seconds."""

    name: str
    kind: str
    first_seen: float
    busy_token: str | None
    busy_until: float | None
    wait_until: float | None
    paused: float | None
    reason: str
    memory: dict[str, object]


class ChannelChanges(TypedDict, total=False):
    """Columns of a channel that may change."""

    wait_until: float | None
    paused: float | None
    reason: str
    memory: dict[str, object]


def _channel(row: Row[tuple[object, ...]]) -> ChannelRow:
    values = row._asdict()
    values["memory"] = json.loads(values["memory"])
    return ChannelRow(**values)


def get(tx: Connection, name: str) -> ChannelRow | None:
    """The row of a channel that was seen before."""
    row = tx.execute(select(channel).where(channel.c.name == name)).one_or_none()
    return _channel(row) if row else None


def every(tx: Connection) -> list[ChannelRow]:
    """Every channel ever seen, by name."""
    return [_channel(row) for row in tx.execute(select(channel).order_by(channel.c.name))]


def see(tx: Connection, name: str, kind: str, now: float) -> bool:
    """Remember a channel; whether it is new."""
    statement = insert(tx, channel).values(name=name, kind=kind, first_seen=now).on_conflict_do_nothing()
    return tx.execute(statement.returning(channel.c.name)).first() is not None


def take(tx: Connection, name: str, token: str, now: float, until: float) -> bool:
    """Become the one who works on a channel, until ``until``; ``False`` while somebody else is."""
    statement = (
        update(channel)
        .where(channel.c.name == name, or_(channel.c.busy_until.is_(None), channel.c.busy_until <= now))
        .values(busy_token=token, busy_until=until)
    )
    return bool(tx.execute(statement).rowcount)


def keep(tx: Connection, name: str, token: str, until: float) -> bool:
    """Go on working until ``until``; ``False`` when the lease was lost."""
    held = (channel.c.name == name, channel.c.busy_token == token)
    return bool(tx.execute(update(channel).where(*held).values(busy_until=until)).rowcount)


def release(tx: Connection, name: str, token: str) -> None:
    held = (channel.c.name == name, channel.c.busy_token == token)
    tx.execute(update(channel).where(*held).values(busy_token=None, busy_until=None))


def change(tx: Connection, name: str, **changes: Unpack[ChannelChanges]) -> None:
    """Change columns of a channel."""
    values: dict[str, object] = {**changes}
    if "memory" in changes:
        values["memory"] = json.dumps(changes["memory"])
    tx.execute(update(channel).where(channel.c.name == name).values(values))


def pause(tx: Connection, name: str, now: float, reason: str) -> bool:
    """Pause a channel; whether it was running until now (so that one alert goes out, not many)."""
    statement = update(channel).where(channel.c.name == name, channel.c.paused.is_(None))
    return bool(tx.execute(statement.values(paused=now, reason=reason)).rowcount)
