"""What a reader asks for, as it comes from a form or from JSON; pure.

::

    form | JSON ─→ read_wishes(raw, offered) ─→ Wishes  ─→ columns of subscription, next slot
                                             └→ problems, a line for each field that cannot be used

Unknown topics are dropped, not kept: whatever is stored was offered. A field that is missing keeps its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from publisher.digests.planning import next_slot
from publisher.model import Cadence, Subscription

FORMATS = ("html", "text")
MAX_TOPICS = 100
#: Languages that the frame of a digest and our notices speak.
LANGUAGES = {
    "en": "English",
    "it": "Italiano",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ar": "العربية",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """What a reader may choose from; names as they are shown."""

    digests: tuple[str, ...]
    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """All of it; ``paused_until`` is a local date in ``timezone``, ``None`` for not paused."""

    digests: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    cadence: Cadence = Cadence.EACH
    weekday: int = 0
    monthday: int = 1
    hour: int = 8
    minute: int = 0
    timezone: str = "UTC"
    language: str = ""
    format: str = "html"
    paused_until: date | None = None

    def subscription(self, subscriber_id: int, digest: str) -> Subscription:
        return Subscription(
            subscriber_id,
            digest,
            self.sections,
            self.tags,
            self.authors,
            self.cadence,
            self.weekday,
            self.monthday,
            self.hour,
            self.minute,
            self.timezone,
        )

    def columns(self, now: float) -> dict[str, Any]:
        """Columns of ``subscription``; ``next_due`` is the first slot after ``now`` (UTC epoch seconds)."""
        return {
            "sections": json.dumps(self.sections, ensure_ascii=False),
            "tags": json.dumps(self.tags, ensure_ascii=False),
            "authors": json.dumps(self.authors, ensure_ascii=False),
            "cadence": self.cadence.value,
            "weekday": self.weekday,
            "monthday": self.monthday,
            "hour": self.hour,
            "minute": self.minute,
            "timezone": self.timezone,
            "format": self.format,
            "paused_until": self.resumes_at(),
            "next_due": next_slot(self.subscription(0, ""), max(now, self.resumes_at() - 1)),
        }

    def resumes_at(self) -> float:
        """The instant at which the pause ends (the beginning of that local day), 0 when there is none."""
        if self.paused_until is None:
            return 0.0
        day = self.paused_until
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.timezone)).timestamp()

    def as_json(self) -> dict[str, Any]:
        """Plain values; :func:`wishes_from_json` is the way back."""
        return {
            "digests": list(self.digests),
            "sections": list(self.sections),
            "tags": list(self.tags),
            "authors": list(self.authors),
            "cadence": self.cadence.value,
            "weekday": self.weekday,
            "monthday": self.monthday,
            "hour": self.hour,
            "minute": self.minute,
            "timezone": self.timezone,
            "language": self.language,
            "format": self.format,
            "paused_until": self.paused_until.isoformat() if self.paused_until else None,
        }


def wishes_from_json(data: Mapping[str, Any]) -> Wishes:
    """What :meth:`Wishes.as_json` wrote."""
    values = dict(data)
    for name in ("digests", "sections", "tags", "authors"):
        values[name] = tuple(values[name])
    values["cadence"] = Cadence(values["cadence"])
    values["paused_until"] = date.fromisoformat(values["paused_until"]) if values["paused_until"] else None
    return Wishes(**values)


def read_wishes(
    raw: Mapping[str, Sequence[str]], offered: Offered, start: Wishes, *, today: date | None = None
) -> tuple[Wishes, dict[str, str]]:
    """``start`` with what ``raw`` asks for; and a problem by field name for what cannot be used.

    :param raw: field name to its values, all text, from outside. A list field counts as given when its marker
        ``<name>_shown`` is given too: an HTML form says nothing of boxes that are not ticked.
    """
    problems: dict[str, str] = {}
    found = start
    chosen: dict[str, Any] = {}
    for name in ("digests", "sections", "tags", "authors"):
        if name in raw or f"{name}_shown" in raw:
            chosen[name] = _choose(raw.get(name, ()), (*getattr(offered, name), *getattr(start, name)))
    found = replace(found, **chosen)
    if "digests" in raw and not found.digests and offered.digests:
        problems["digests"] = "Choose at least one."
    for name, lowest, highest in (("weekday", 0, 6), ("monthday", 1, 31), ("hour", 0, 23), ("minute", 0, 59)):
        text = _first(raw, name)
        if text is not None:
            if re.fullmatch(r"[0-9]{1,2}", text) and lowest <= int(text) <= highest:
                number: dict[str, Any] = {name: int(text)}
                found = replace(found, **number)
            else:
                problems[name] = f"A number from {lowest} to {highest} is expected."
    cadence = _first(raw, "cadence")
    if cadence is not None:
        if cadence in set(Cadence):
            found = replace(found, cadence=Cadence(cadence))
        else:
            problems["cadence"] = "Choose one of: " + ", ".join(Cadence) + "."
    zone = _first(raw, "timezone")
    if zone is not None:
        if zone in zone_names():
            found = replace(found, timezone=zone)
        else:
            problems["timezone"] = "Choose a time zone from the list, such as Europe/Rome."
    language = _first(raw, "language")
    if language is not None:
        if language in LANGUAGES or language == "":
            found = replace(found, language=language)
        else:
            problems["language"] = "Choose a language from the list."
    kind = _first(raw, "format")
    if kind is not None:
        if kind in FORMATS:
            found = replace(found, format=kind)
        else:
            problems["format"] = "Choose html or text."
    if "paused_until" in raw:
        found, problem = _pause(found, (_first(raw, "paused_until") or "").strip(), today)
        if problem:
            problems["paused_until"] = problem
    return found, problems


def _pause(wishes: Wishes, text: str, today: date | None) -> tuple[Wishes, str]:
    if not text:
        return replace(wishes, paused_until=None), ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return wishes, "A date such as 2027-01-31 is expected."
    now = today or datetime.now(UTC).date()
    if day <= now:
        return replace(wishes, paused_until=None), ""
    if (day - now).days > 366:
        return wishes, "At most a year from now; to stop for good, unsubscribe."
    return replace(wishes, paused_until=day), ""


def _first(raw: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = raw.get(name)
    return values[0] if values else None


def _choose(wanted: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    known: dict[str, str] = {}
    for name in allowed:
        known.setdefault(name.casefold(), name)
    chosen = (known.get(text.strip().casefold()) for text in wanted[: MAX_TOPICS * 2])
    return tuple(dict.fromkeys(name for name in chosen if name is not None))[:MAX_TOPICS]


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """IANA zones that people choose from: a place in a region, and UTC; sorted."""
    regions = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(regions)))
