"""Dates as people and programs write them. Pure.

Accepted: ISO 8601 with or without time and zone, RFC 822, and dates with a month name in English or in the
publication's language. ``03/04/2025`` is refused: half the world reads it as March, the other as April.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError

EXPECTED = "expected a date such as 2025-07-16, 2025-07-16 09:30 or 2025-07-16T09:30+02:00"

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_ISO = re.compile(
    r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"
    r"(?:(?:[Tt]|\s+)(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]\d{1,9})?)?\s*(?P<zone>\S+)?)?"
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?")
_CJK = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
_DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})")
_SLASHED_ISO = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})")
_DAY_FIRST = r"(?P<d1>\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s+(?:de\s+)?(?P<m1>[^\W\d]+)\.?,?"
_MONTH_FIRST = r"(?P<m2>[^\W\d]+)\.?\s+(?P<d2>\d{1,2})(?:st|nd|rd|th)?,?"
_WORDED = re.compile(rf"(?:[^\W\d]+\.?,?\s+)?(?:{_DAY_FIRST}|{_MONTH_FIRST})\s+(?:de\s+|del\s+)?(?P<y>\d{{4}})")


def parse_instant(text: str, timezone: str, language: str = "en") -> datetime:
    """An aware UTC instant; a text without zone is local to ``timezone``, one without time is midnight there.

    :raises ValueError: with what was expected.
    """
    text = text.strip().translate(_DIGITS)
    found = _ISO.fullmatch(text)
    if found is None:
        worded = parse_day(text, language)
        if worded is not None:
            return _local(datetime.combine(worded, time()), timezone)
        return _rfc822(text)
    try:
        naive = datetime.combine(
            date(int(found["y"]), int(found["m"]), int(found["d"])),
            time(int(found["H"] or 0), int(found["M"] or 0), int(found["S"] or 0)),
        )
    except ValueError as error:
        raise ValueError(f"{error}; {EXPECTED}") from None
    zone = found["zone"]
    if not zone:
        return _local(naive, timezone)
    if zone in ("Z", "z", "UTC", "GMT"):
        return _local(naive, "UTC")
    offset = _OFFSET.fullmatch(zone)
    if offset is None:
        return _local(naive, zone)
    sign, hours, minutes = offset.groups()
    try:
        return _checked(datetime.fromisoformat(f"{naive.isoformat()}{sign}{hours}:{minutes or '00'}"))
    except ValueError:
        raise ValueError(f"{zone!r} is not an offset from UTC; {EXPECTED}") from None


def parse_day(text: str, language: str = "en") -> date | None:
    """The calendar day that ``text`` as a whole names, or ``None``."""
    text = re.sub(r"\s+", " ", text.strip().translate(_DIGITS))
    for pattern in (_CJK, _SLASHED_ISO, re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")):
        if found := pattern.fullmatch(text):
            return _day(*map(int, found.groups()))
    if found := _DOTTED.fullmatch(text):
        day, month, year = map(int, found.groups())
        return _day(year, month, day)
    if found := _WORDED.fullmatch(text):
        name = (found["m1"] or found["m2"]).casefold()
        number = _months("en").get(name) or _months(language).get(name)
        return _day(int(found["y"]), number, int(found["d1"] or found["d2"])) if number else None
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1900 <= year <= 2200 else None
    except ValueError:
        return None


@lru_cache(maxsize=32)
def _months(language: str) -> dict[str, int]:
    """Casefolded month names and their usual abbreviations."""
    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return {}
    names: dict[str, int] = {}
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in locale.months[context][width].items():
                names.setdefault(name.casefold().rstrip("."), number)
    if language == "en":
        names["sept"] = 9
    return names


def _rfc822(text: str) -> datetime:
    try:
        parsed = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        raise ValueError(EXPECTED) from None
    if parsed.tzinfo is None:
        raise ValueError(EXPECTED)
    return _checked(parsed)


def _local(naive: datetime, timezone: str) -> datetime:
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{timezone!r} is not a time zone; {EXPECTED}") from None
    return _checked(naive.replace(tzinfo=zone))


def _checked(instant: datetime) -> datetime:
    if not 1900 < instant.year < 2200:
        raise ValueError(f"the year {instant.year} is not between 1901 and 2199; {EXPECTED}")
    return instant.astimezone(UTC)
