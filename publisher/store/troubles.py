"""What holds everything up, in the words of whoever said so: one small row each, until it is over.

Any process notes it and every process sees it. There is one for mail (``mail``); a channel's is in its own row.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import Connection

from publisher.store import meta

MAIL = "mail"
_PREFIX = "trouble:"


class TroubleRow(NamedTuple):
    """``since`` and ``last`` in UTC epoch seconds; ``times``: how often ``by`` (a transport) met it."""

    reply: str
    since: float
    last: float
    times: int
    by: str = ""


def get(tx: Connection, name: str) -> TroubleRow | None:
    """The trouble that stands, or ``None``."""
    kept = meta.get(tx, _PREFIX + name)
    return TroubleRow(*json.loads(kept)) if kept else None


def note(tx: Connection, name: str, reply: str, *, now: float, by: str = "") -> TroubleRow | None:
    """Note trouble with its last reply; returns what stood before, of the same ``by``."""
    before = get(tx, name)
    if before is not None and before.by != by:
        before = None
    since, times = (before.since, before.times) if before else (now, 0)
    meta.put(tx, _PREFIX + name, json.dumps([reply, since, now, times + 1, by]))
    return before


def clear(tx: Connection, name: str) -> TroubleRow | None:
    """It is over; returns what stood before."""
    before = get(tx, name)
    if before is not None:
        meta.put(tx, _PREFIX + name, "")
    return before
