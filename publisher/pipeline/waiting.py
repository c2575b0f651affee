"""What waits for a person as a whole: a site that was restored from a backup.

::

    restore ─→ a mark in the database ─→ plan, freeze, drain, sweep, post, websub, notices do nothing
                                      └→ a person lets go (publisher.pipeline.backup.letting_go) ─→ as ever

Feeds are built, pages served, feedback read and sign-ups taken meanwhile. Every use case that makes something leave
is marked with :func:`held_by_restore`; the claiming of deliveries asks for the mark once more in its own statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from publisher.errors import SiteError
from publisher.pipeline.site import Site
from publisher.store import Tx, meta

P = ParamSpec("P")
T = TypeVar("T")

#: The word for it in status, desk and API.
STATE = "restored"


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that waits: the instants of the backup and of the restore (UTC epoch seconds), and what was learned.

    ``learned``: what was taken over from journals and from the database that was replaced, in numbers.
    """

    backup: float
    restored: float
    version: str
    learned: dict[str, int]

    @property
    def gap(self) -> timedelta:
        """The time of which the backup knows nothing."""
        return timedelta(seconds=max(0, round(self.restored - self.backup)))

    @property
    def line(self) -> str:
        """One line for a person."""
        return (
            f"restored from a backup of {instant(self.backup)} (gap {self.gap}): nothing is planned, mailed, posted or "
            "called until a person lets it go; see masthead restored"
        )


def instant(seconds: float) -> str:
    """An instant for people, to the second, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def restored(site: Site) -> Restored | None:
    """The restore that waits for a person, or ``None``."""
    with site.store.read() as tx:
        return restored_in(tx)


def restored_in(tx: Tx) -> Restored | None:
    """As :func:`restored`, in an open transaction."""
    kept = meta.get(tx, meta.RESTORED)
    if kept is None:
        return None
    facts: dict[str, Any] = json.loads(kept)
    return Restored(facts["backup"], facts["restored"], facts["version"], facts["learned"])


def mark(tx: Tx, facts: Restored) -> None:
    """Let everything wait; in the transaction that restores."""
    kept = {"backup": facts.backup, "restored": facts.restored, "version": facts.version, "learned": facts.learned}
    meta.put(tx, meta.RESTORED, json.dumps(kept))


def held_by_restore(
    nothing: Callable[[], T],
) -> Callable[[Callable[Concatenate[Site, P], T]], Callable[Concatenate[Site, P], T]]:
    """A use case that does nothing, and returns ``nothing()``, while a restore waits."""

    def decorate(use_case: Callable[Concatenate[Site, P], T]) -> Callable[Concatenate[Site, P], T]:
        @wraps(use_case)
        def guarded(site: Site, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return nothing() if restored(site) is not None else use_case(site, *args, **kwargs)

        return guarded

    return decorate


def refuse_if_restored(site: Site) -> None:
    """For what a person asks for by hand.

    :raises SiteError: a restore waits.
    """
    waits = restored(site)
    if waits is not None:
        raise SiteError(waits.line)
