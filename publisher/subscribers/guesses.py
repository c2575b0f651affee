"""The time zone that ``Accept-Language`` lets one guess; the subscriber sees it and changes it."""

from __future__ import annotations

import re

from babel.core import get_global

from publisher.subscribers.preferences.zones import zone_names


def guess_zone(accept_language: str, default: str) -> str:
    """A time zone for a browser that says which languages it prefers; ``default`` where its region has several.

    Only a first guess that is shown to the subscriber, who changes it.
    """
    territories = get_global("territory_zones")
    for part in accept_language[:200].split(","):
        tag = part.partition(";")[0].strip().replace("_", "-")
        pieces = tag.split("-")
        region = next((one.upper() for one in pieces[1:] if re.fullmatch(r"[A-Za-z]{2}", one)), "")
        if not region:
            region = _home_of(pieces[0].lower())
        zones = [name for name in territories.get(region, ()) if name in zone_names()]
        if default in zones:
            return default
        if len(zones) == 1 or (zones and region in _ONE_CLOCK):
            return str(_ONE_CLOCK.get(region, zones[0]))
    return default


#: Languages of mostly one country, and countries whose zones tell one time but for islands.
_HOMES = {
    "it": "IT",
    "de": "DE",
    "pl": "PL",
    "nl": "NL",
    "ja": "JP",
    "ko": "KR",
    "sv": "SE",
    "da": "DK",
    "fi": "FI",
    "tr": "TR",
}
_ONE_CLOCK = {"DE": "Europe/Berlin", "ES": "Europe/Madrid", "PT": "Europe/Lisbon", "CN": "Asia/Shanghai"}


def _home_of(language: str) -> str:
    return _HOMES.get(language, "")
