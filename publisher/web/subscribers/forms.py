"""What the pages for readers show, as plain values: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, get_day_names

from publisher.model import Cadence
from publisher.rendering.words import locale_of
from publisher.subscribers.standing import Standing
from publisher.subscribers.wishes import FORMATS, LANGUAGES, Offered, Wishes, zone_names

CADENCES = {
    Cadence.EACH: "As soon as it is published",
    Cadence.DAILY: "Once a day",
    Cadence.WEEKDAYS: "Monday to Friday",
    Cadence.WEEKLY: "Once a week",
    Cadence.MONTHLY: "Once a month",
}
FORMAT_NAMES = {"html": "Designed, with pictures", "text": "Plain text"}
SUPPRESSED = {
    "complained": "Mail to this address was reported as spam, so nothing is sent to it any more.",
    "bounced": "Mail to this address came back, so nothing is sent to it at the moment.",
}
SUPPRESSED_OTHERWISE = "Nothing is sent to this address at the moment. Ask the publisher if you think that is wrong."

Choice = dict[str, Any]


def wishes_form(
    wishes: Wishes, offered: Offered, *, titles: dict[str, str], language: str, guess: bool = False
) -> dict[str, Any]:
    """The choices of every field of ``_wishes.html``.

    :param titles: how a digest is called, by name.
    :param language: of the page, for the names of days.
    :param guess: whether the browser's own time zone may be filled in.
    """
    days = get_day_names("wide", locale=locale_of(language))
    digests = [_choice(name, titles.get(name, name), name in wishes.digests) for name in offered.digests]
    return {
        "digests": digests if len(digests) > 1 else [],
        "sections": _topics(offered.sections, wishes.sections),
        "tags": _topics(offered.tags, wishes.tags),
        "authors": _topics(offered.authors, wishes.authors),
        "more_open": bool(wishes.tags or wishes.authors),
        "cadences": [_choice(one.value, label, one is wishes.cadence) for one, label in CADENCES.items()],
        "weekdays": [_choice(str(day), days[day], day == wishes.weekday) for day in range(7)],
        "monthdays": [_choice(str(day), str(day), day == wishes.monthday) for day in range(1, 32)],
        "hours": [_choice(str(hour), f"{hour:02}:00", hour == wishes.hour) for hour in range(24)],
        "zones": _zones(wishes.timezone),
        "languages": [_choice(tag, name, tag == wishes.language) for tag, name in LANGUAGES.items()],
        "formats": [_choice(name, FORMAT_NAMES[name], name == wishes.format) for name in FORMATS],
        "guess": guess,
    }


def _choice(value: str, label: str, chosen: bool) -> Choice:
    return {"value": value, "label": label, "chosen": chosen}


def _topics(names: Iterable[str], followed: tuple[str, ...]) -> list[Choice]:
    shown = {name.casefold(): name for name in (*followed, *names)}
    mine = {name.casefold() for name in followed}
    return [_choice(name, name, folded in mine) for folded, name in sorted(shown.items())]


def _zones(chosen: str) -> list[dict[str, Any]]:
    groups: dict[str, list[Choice]] = {}
    for name in zone_names() if chosen in zone_names() else (chosen, *zone_names()):
        region, _, place = name.partition("/")
        groups.setdefault(region if place else "UTC", []).append(
            _choice(name, (place or name).replace("_", " ").replace("/", ", "), name == chosen)
        )
    return [{"label": region, "options": options} for region, options in groups.items()]


def next_line(found: Standing, next_due: float | None, *, language: str, now: float) -> str:
    """When the next digest comes, in the reader's own time; empty where no slot is waited for."""
    if not found.wishes.digests or found.suppressed or next_due is None:
        return ""
    zone = ZoneInfo(found.wishes.timezone)
    at = datetime.fromtimestamp(next_due, UTC).astimezone(zone)
    shown = format_datetime(at, "EEEE d MMMM, HH:mm", locale=locale_of(language), tzinfo=zone)
    place = found.wishes.timezone.replace("_", " ")
    return f"Your next digest, if there is anything for you by then: {shown} ({place})."


def data_groups(data: dict[str, Any]) -> list[dict[str, Any]]:
    """What :func:`publisher.subscribers.personal_data.export` gives, as groups of named lines."""
    about = [
        {"name": label, "value": data[key]}
        for key, label in (
            ("address", "Address"),
            ("name", "Name"),
            ("status", "Status"),
            ("origin", "Came by"),
            ("since", "Since"),
            ("confirmed", "Confirmed"),
            ("suppressed", "Never mailed, because"),
        )
        if data[key]
    ]
    wishes = [
        {"name": name.replace("_", " ").capitalize(), "value": ", ".join(value) if isinstance(value, list) else value}
        for name, value in data["preferences"].items()
        if value not in (None, "", [])
    ]
    record = [{"name": one["at"], "value": _sentence(one["what"], one["detail"])} for one in data["record"]]
    sent = [
        {"name": one["sent"], "value": f"{one['digest']} {one['number']}: {one['title']}"}
        for one in data["editions_sent"]
    ]
    feeds = [
        {"name": one["opened"], "value": f"closed {one['closed']}" if one["closed"] else "open"}
        for one in data["private_feeds"]
    ]
    groups = [
        ("You", about),
        ("Your choices", wishes),
        ("What you agreed to and changed", record),
        ("Your private feeds", feeds),
        ("Sent to you", sent),
    ]
    return [{"title": title, "rows": rows} for title, rows in groups]


def _sentence(what: str, detail: str) -> str:
    return f"{what} ({detail})" if detail else what
