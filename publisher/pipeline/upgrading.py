"""A new version meets the database of an older one: what it would change, and changing it."""

from __future__ import annotations

from contextlib import closing

from publisher.store import integrity, is_there, open_store
from publisher.store.integrity import Migration


def pending(url: str) -> list[Migration] | None:
    """The migrations that wait, in order; ``None`` where there is no database yet. Nothing is changed or made.

    :raises StoreError: it cannot be reached, or a newer program made it.
    """
    if not is_there(url):
        return None
    with closing(open_store(url, upgrade=False)) as store:
        return integrity.pending(store)


def upgrade_database(url: str) -> list[Migration] | None:
    """Run the migrations that wait, all or none; what was run, ``None`` where there is no database yet.

    :raises StoreError: it cannot be reached, or a newer program made it; nothing was changed.
    """
    steps = pending(url)
    if steps:
        open_store(url).close()
    return steps
