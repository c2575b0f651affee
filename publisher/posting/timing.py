"""When a post may leave: windows, spacing, waits and caps. Pure functions of the clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from publisher.lib.backoff import doubling
from publisher.lib.schedules import Cron, Rule, WhenReady, next_slot
from publisher.settings.channels import parse_window

#: Seconds before each look at whether an unknown post is out there; platforms list a post some time after it.
LOOKS_SECONDS = (30.0, 120.0, 600.0)
#: Seconds after which a post that waits for its channel's schedule is looked at again.
LOOK_AGAIN_SECONDS = 60.0
#: After a try that certainly was not carried out; a post counts as failed after about a day of them.
BACK_OFF = doubling(30.0, 3600.0, tries=30)


def scheduled_at(now: datetime, rule: Rule, zone: str, *, queued: datetime, released: bool, waiting: int) -> datetime:
    """``now`` when the channel's schedule lets a post go, else when to look again: at most a minute later.

    A schedule may be edited while posts wait for it, so it is asked again and again and never written down.

    :param queued: when the post was queued; it goes at the first slot after that.
    :param released: enough articles were ready once since then.
    :param waiting: how many articles are queued on the channel.
    """
    again = now + timedelta(seconds=LOOK_AGAIN_SECONDS)
    if isinstance(rule, Cron):
        slot = next_slot(rule, zone, queued.timestamp())
        if slot is None:
            return again
        return now if slot <= now.timestamp() else min(again, datetime.fromtimestamp(slot, now.tzinfo))
    if isinstance(rule, WhenReady) and not released and waiting < rule.count:
        return again
    return now


def opens_at(now: datetime, windows: Iterable[str], zone: ZoneInfo) -> datetime:
    """``now`` when a window is open (or there is none), else when the next one opens."""
    parsed = [parse_window(window) for window in windows]
    if not parsed:
        return now
    local = now.astimezone(zone)
    opening: list[datetime] = []
    for ahead in range(9):
        day = (local + timedelta(days=ahead)).date()
        for days, start, end in parsed:
            if day.weekday() not in days:
                continue
            opens = datetime.combine(day, time(start // 60, start % 60), zone)
            # A window to midnight ends with the day, whatever the clocks do in it.
            last = day + timedelta(days=1) if end == 1440 else day
            closes = datetime.combine(last, time(end // 60 % 24, end % 60), zone)
            if opens.timestamp() <= now.timestamp() < closes.timestamp():
                return now
            if opens.timestamp() > now.timestamp():
                opening.append(opens)
        if opening:
            break
    return datetime.fromtimestamp(min(moment.timestamp() for moment in opening), now.tzinfo)


def spaced_at(now: datetime, last: datetime | None, minutes: float) -> datetime:
    """``now``, or when ``minutes`` have passed since the last post."""
    return now if last is None or not minutes else max(now, last + timedelta(minutes=minutes))


def month_start(now: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of the calendar month."""
    local = now.astimezone(zone)
    return datetime(local.year, local.month, 1, tzinfo=zone)


def next_month(now: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of the next calendar month."""
    first = month_start(now, zone)
    return datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=zone)
