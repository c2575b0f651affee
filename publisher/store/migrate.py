"""Bringing a database up to date: driven by the program and never by hand.

The scripts ship inside the package (``migrations/versions/NNNN_topic.py``, one chain; ``NNNN`` is the revision).
A database that is up to date is told by one query; only one that is not loads Alembic, which costs a third of a
command's time. The caller holds the transaction and the lock, so a migration happens wholly or not at all.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

SCRIPTS = Path(__file__).parent / "migrations"
TABLE = "alembic_version"


def head() -> str:
    """The newest revision that this program knows."""
    return max(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*_*.py"))


def current(connection: Connection) -> str | None:
    """The revision that the database is at; ``None`` for a new one."""
    if not inspect(connection).has_table(TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar()  # noqa: S608
    return revision


def upgrade(connection: Connection) -> None:
    """Run what is missing, inside the connection's transaction.

    :raises StoreError: the database was made by a newer program.
    """
    at = current(connection)
    if at == head():
        return
    from publisher.store.chain import run

    run(connection, at)
