"""Whether a database is sound, and what a newer program would change in it; nothing here writes."""

from __future__ import annotations

import time
from typing import NamedTuple

from sqlalchemy import text

from publisher.store import chain, migrate
from publisher.store.database import Store

#: The oldest PostgreSQL that the program is tested on.
OLDEST_POSTGRESQL = 15


class Migration(NamedTuple):
    """One step of the chain."""

    revision: str
    #: The first line of its docstring.
    title: str


def pending(store: Store) -> list[Migration]:
    """The migrations that this program would run on the database, in order; all of them where it is empty.

    :raises StoreError: the database cannot be reached, or a newer program made it.
    """
    scripts = chain.scripts()
    known = {script.revision for script in scripts.walk_revisions()}
    with store.read() as tx:
        current = migrate.current(tx)
    if current is not None and current not in known:
        raise chain.unknown_revision(current)
    steps = scripts.iterate_revisions("head", current or "base")
    return [Migration(step.revision, step.doc) for step in reversed(list(steps))]


def problems(store: Store) -> list[str]:
    """What the database says of itself: damaged pages, broken references, a server that is too old.

    :raises StoreError: the database cannot be reached.
    """
    with store.read() as tx:
        if store.is_sqlite:
            damage = [str(row[0]) for row in tx.execute(text("PRAGMA quick_check(20)")) if row[0] != "ok"]
            broken = tx.execute(text("PRAGMA foreign_key_check")).fetchmany(20)
            return damage + [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in broken]
        version = int(tx.execute(text("SHOW server_version_num")).scalar_one()) // 10000
        return [f"PostgreSQL {version} is older than {OLDEST_POSTGRESQL}"] if version < OLDEST_POSTGRESQL else []


def clock_difference(store: Store) -> float:
    """Seconds that the database server's clock is ahead of ours; 0 on SQLite, which has no clock of its own."""
    if store.is_sqlite:
        return 0.0
    with store.read() as tx:
        before = time.time()
        theirs = float(tx.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
        return theirs - (before + time.time()) / 2
