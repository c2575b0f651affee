"""Time zones that people choose from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import available_timezones

from publisher.subscribers.preferences.kind import Choice, ChoiceGroup, Json, Showing, Stored, Text, Unusable

REGIONS = (
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


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """IANA zones that people choose from: a place in a region, and UTC; sorted."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(REGIONS)))


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zone_names())


@dataclass(frozen=True, kw_only=True)
class Zone(Text[str]):
    """A name of the IANA time zone database."""

    def parse(self, text: str) -> str:
        if text in _zones():
            return text
        raise Unusable("timezone", "Choose a time zone from the list, such as Europe/Rome.")

    def from_json(self, data: Json) -> str:
        return str(data)

    def from_column(self, stored: Stored, zone: str, now: float) -> str:
        return str(stored)  # a name that the database has dropped meanwhile is shown as it is

    def choices(self, name: str, value: str, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        groups: dict[str, list[Choice]] = {}
        for one in zone_names() if value in _zones() else (value, *zone_names()):
            region, _, place = one.partition("/")
            label = (place or one).replace("_", " ").replace("/", ", ")
            groups.setdefault(region if place else "UTC", []).append(Choice(one, label, one == value))
        return tuple(ChoiceGroup(region, tuple(options)) for region, options in groups.items())
