"""Small named facts about this database, and the keys it makes for itself."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, Exists, delete, select

from publisher.store.dialect import insert
from publisher.store.tables import meta

#: Under this name stands when a worker last looked for due work (UTC epoch seconds).
TICKED = "ticked"
#: Under this name stands that the database was restored and a person has not let go yet (JSON): nothing may leave.
RESTORED = "restored"


def get(tx: Connection, name: str) -> str | None:
    """The value kept under ``name``, or ``None``."""
    return tx.scalar(select(meta.c.value).where(meta.c.name == name))


def put(tx: Connection, name: str, value: str) -> None:
    """Keep ``value`` under ``name``, in place of what was there."""
    statement = insert(tx, meta).values(name=name, value=value)
    tx.execute(statement.on_conflict_do_update(index_elements=[meta.c.name], set_={"value": value}))


def forget(tx: Connection, name: str) -> None:
    """Keep nothing under ``name`` any more."""
    tx.execute(delete(meta).where(meta.c.name == name))


def restore_waits() -> Exists:
    """A condition: the database was restored, and everything waits for a person."""
    return select(meta.c.name).where(meta.c.name == RESTORED).exists()


def secret_key(tx: Connection, purpose: str) -> bytes:
    """A 256-bit key of this database for one purpose, made at the first call and the same ever after.

    Two processes that call it first at the same moment get the same key.
    """
    name = f"key:{purpose}"
    found = get(tx, name)
    if found is None:
        statement = insert(tx, meta).values(name=name, value=secrets.token_hex(32))
        tx.execute(statement.on_conflict_do_nothing())
        found = get(tx, name)
        assert found is not None
    return bytes.fromhex(found)
