"""Sign-ups: one filled-in form each, which becomes a subscriber only when its link is confirmed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Column, Connection, Double, Index, Table, Text, delete, select, update

from publisher.lib.addresses import Address
from publisher.store.tables import Id, metadata

#: An unconfirmed sign-up is forgotten after this; its link is void then.
KEPT_SECONDS = 7 * 86_400.0

signup = Table(
    "signup",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False),
    Column("language", Text, nullable=False, server_default=""),
    Column("wishes", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("confirmed", Double),
    Index("ix_signup_created", "created"),
    Index("ix_signup_address_key", "address_key"),
    sqlite_autoincrement=True,
)


class SignupRow(NamedTuple):
    """A sign-up; ``wishes`` is what the form asked for. Instants are UTC epoch seconds."""

    id: int
    address: str
    address_key: str
    language: str
    wishes: dict[str, object]
    created: float
    confirmed: float | None


def add(tx: Connection, address: Address, wishes: Mapping[str, object], *, language: str, now: float) -> int:
    """Keep one filled-in form; returns its id."""
    values = {"address": address.text, "address_key": address.key, "language": language, "created": now}
    row = tx.execute(signup.insert().values(wishes=json.dumps(wishes), **values).returning(signup.c.id))
    return int(row.scalar_one())


def get(tx: Connection, signup_id: int) -> SignupRow | None:
    """The sign-up of this id, confirmed or not; ``None`` once it is forgotten."""
    row = tx.execute(select(signup).where(signup.c.id == signup_id)).one_or_none()
    return None if row is None else SignupRow(**row._asdict() | {"wishes": json.loads(row.wishes)})


def confirm(tx: Connection, signup_id: int, *, now: float) -> bool:
    """Mark it confirmed; ``False`` when it was already."""
    marked = update(signup).where(signup.c.id == signup_id, signup.c.confirmed.is_(None)).values(confirmed=now)
    return tx.execute(marked).rowcount == 1


def forget(tx: Connection, address_key: str) -> None:
    """Delete every sign-up of an address."""
    tx.execute(delete(signup).where(signup.c.address_key == address_key))


def sweep(tx: Connection, *, now: float) -> int:
    """Forget what is too old to be confirmed; returns how many."""
    return tx.execute(delete(signup).where(signup.c.created < now - KEPT_SECONDS)).rowcount
