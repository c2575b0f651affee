"""Whether a database is up to date: told by one query, without Alembic, which costs a third of a command's time.

The scripts ship inside the package (``migrations/versions/NNNN_topic.py``, one chain; ``NNNN`` is the revision).
Only a database that is not up to date loads :mod:`publisher.store.chain`, which runs what is missing.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

SCRIPTS = Path(__file__).parent / "migrations"
TABLE = "alembic_version"


def head() -> str:
    """The newest revision that this program knows."""
    return max(path.name.partition("_")[0] for path in (SCRIPTS / "versions").glob("[0-9]*_*.py"))


def knows(revision: str) -> bool:
    """Whether this program has the migration that leads to ``revision``."""
    return any((SCRIPTS / "versions").glob(f"{revision}_*.py"))


def current(connection: Connection) -> str | None:
    """The revision that the database is at; ``None`` for a new one."""
    if not inspect(connection).has_table(TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar()  # noqa: S608
    return revision
