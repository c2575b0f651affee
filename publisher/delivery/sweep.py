"""Housekeeping of the ledger, run by every tick: cheap when there is nothing to do, right when there is.

Takes over from the dead, books what is cancelled or too late, finishes editions, and mends two things that
should not be: a retry that a wrong clock put too far away, and a pending row in a closed chunk.
"""

from __future__ import annotations

import random as _random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from publisher.delivery import recovery
from publisher.delivery.ladder import LADDER
from publisher.store import Store, sweeping

#: What the pending rows of an edition are told whose cut-off has passed.
TOO_LATE = "too late: the edition's cut-off had passed"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found: chunks taken over, rows booked as failed, editions finished, chunks put right."""

    recovered: int = 0
    given_up: int = 0
    finished: int = 0
    mended: int = 0


def sweep(
    store: Store,
    journal_directory: Path,
    clock: Callable[[], float],
    *,
    lease_seconds: float = 120.0,
    foreign_grace: float = recovery.FOREIGN_GRACE_SECONDS,
    random: Callable[[], float] = _random.random,
) -> Swept:
    """One round; any number may run at once."""
    recovered = recovery.recover(
        store, journal_directory, clock, lease_seconds=lease_seconds, foreign_grace=foreign_grace, random=random
    )
    now = clock()
    with store.read() as tx:
        ending = sweeping.ending(tx, now)
        # A retry later than any step of the ladder: the clock was wrong when it was made.
        wrong = sweeping.due_after(tx, now + LADDER.longest + 60) + sweeping.stuck(tx)
        finished = sweeping.finished(tx)
    given_up = 0
    for one in ending:
        with store.begin() as tx:
            given_up += sweeping.give_up(tx, one.id, one.reason or TOO_LATE)
    for chunk_id in wrong:
        with store.begin() as tx:
            sweeping.reopen(tx, chunk_id, now)
    if ending:
        with store.read() as tx:
            finished = sweeping.finished(tx)
    done = 0
    for edition_id in finished:
        with store.begin() as tx:
            done += sweeping.finish(tx, edition_id, now)
    return Swept(recovered, given_up, done, len(wrong))
