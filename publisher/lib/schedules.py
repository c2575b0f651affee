"""When something fires: rules as an operator writes them, and the instants they mean. Pure.

Three rules: ``at-once``; ``when N articles are ready``; or a cron line in the publication's time zone.

*Summer time.* A cron line whose hour is fixed (``30 2 * * *``) fires exactly once on every date it names: a
time that the spring change skips is read with the offset before the change, so 02:30 fires at 03:30; one that
the autumn change repeats means its first passing (PEP 495, fold 0). A line whose hour begins with ``*``
(``*/15 * * * *``) is an interval: it fires whenever the clock on the wall shows such a time, so it neither
pauses nor stops for a change.

*Catch-up.* Slots that passed while nothing ran: under ``once`` they are made up for by one firing, at once;
under ``skip`` only a slot that is at most ``grace`` seconds old is.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

CatchUp = Literal["once", "skip"]
EXPECTED = 'expected at-once, "when N articles are ready", or a cron line such as "30 7 * * 1-5"'
_READY = re.compile(r"when ([1-9][0-9]{0,3}) articles? (?:is|are) ready", re.IGNORECASE)
#: No change of offset is larger; slots are looked for so far around a change.
_SPAN = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """As soon as there is something."""


@dataclass(frozen=True, slots=True)
class WhenReady:
    """As soon as there are ``count`` articles."""

    count: int


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a cron line."""

    line: str

    @property
    def is_interval(self) -> bool:
        return self.line.split()[1].startswith("*")


Rule = AtOnce | WhenReady | Cron


def parse_rule(text: str) -> Rule:
    """What an operator wrote.

    :raises ValueError: it is none of the three; the message says what was expected.
    """
    if text.strip().lower() == "at-once":
        return AtOnce()
    ready = _READY.fullmatch(" ".join(text.split()))
    if ready:
        return WhenReady(int(ready.group(1)))
    line = " ".join(text.split())
    try:
        if len(line.split()) != 5:
            raise ValueError(EXPECTED)
        next(CronSim(line, datetime(2027, 1, 1)))  # noqa: DTZ001 - a date on the wall
    except CronSimError:
        raise ValueError(EXPECTED) from None
    except StopIteration:
        raise ValueError(f"{EXPECTED}; this one never comes") from None
    return Cron(line)


def next_slot(cron: Cron, zone: str, after: float) -> float | None:
    """The first instant after ``after`` (UTC epoch seconds) at which ``cron`` fires in ``zone``; ``None``: never."""
    return next(_slots(cron, zone, after), None)


def latest_slot(cron: Cron, zone: str, not_before: float, now: float) -> float:
    """The last slot up to ``now``; ``not_before`` is one, and what is returned when there is none after it."""
    for seconds in (2 * 3600, 26 * 3600, 8 * 86400, 32 * 86400, 367 * 86400, now - not_before):
        latest = None
        for slot in _slots(cron, zone, max(not_before, now - seconds)):
            if slot > now:
                break
            latest = slot
        if latest is not None:
            return latest
        if now - seconds <= not_before:
            break
    return not_before


def _slots(cron: Cron, zone: str, after: float) -> Iterator[float]:
    """Every slot after ``after``, in order. Walls are walked in order; their instants may not be, at a change."""
    there = _zone(zone)
    start = datetime.fromtimestamp(after, there).replace(tzinfo=None) - _SPAN
    waiting: list[float] = []
    last = after
    for wall in CronSim(cron.line, start):
        settled = (wall.replace(tzinfo=there).astimezone(UTC) - _SPAN).timestamp()
        while waiting and waiting[0] < settled:
            slot = heapq.heappop(waiting)
            if slot > last:
                last = slot
                yield slot
        for instant in _instants(wall, there, cron.is_interval):
            if instant.timestamp() > last:
                heapq.heappush(waiting, instant.timestamp())
    while waiting:
        slot = heapq.heappop(waiting)
        if slot > last:
            last = slot
            yield slot


def _instants(wall: datetime, zone: ZoneInfo, interval: bool) -> list[datetime]:
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if not interval:
        return [first]
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    # A skipped time is on no clock: its instant reads back as another time.
    return [one for one in (first, second) if one.astimezone(zone).replace(tzinfo=None) == wall]


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a schedule whose slot has come does: ``fire`` this slot (``None``: nothing), then wait for ``next``."""

    fire: float | None
    next: float | None


def decide(cron: Cron, zone: str, *, slot: float, now: float, catch_up: CatchUp, grace: float) -> Decision:
    """Decide about a schedule that waits for ``slot`` when it is ``now`` (both UTC epoch seconds)."""
    if slot > now:
        return Decision(None, slot)
    latest = latest_slot(cron, zone, slot, now)
    upcoming = next_slot(cron, zone, now)
    return Decision(None if catch_up == "skip" and now - latest > grace else latest, upcoming)
