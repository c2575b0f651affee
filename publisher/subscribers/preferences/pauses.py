"""A day until which nothing is sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from publisher.subscribers.preferences.kind import Control, Json, Kind, Stored, Unusable

MAX_PAUSE_DAYS = 366


@dataclass(frozen=True, kw_only=True)
class PauseEnd(Kind[date | None]):
    """A local day until which nothing is sent; ``None`` for no pause. A column keeps the instant at which it begins."""

    control: ClassVar[Control] = "date"

    def read(
        self, given: Sequence[str] | None, held: date | None, offered: Collection[str], today: date
    ) -> date | None:
        day = self.parse(given[0] if given else "")
        if day is None or day <= today:
            return None
        if (day - today).days > MAX_PAUSE_DAYS:
            raise Unusable("paused_too_long", "At most a year from now; to stop for good, unsubscribe.")
        return day

    def parse(self, text: str) -> date | None:
        try:
            return date.fromisoformat(text.strip()) if text.strip() else None
        except ValueError:
            raise Unusable("paused_until", "A date such as 2027-01-31 is expected.") from None

    def to_json(self, value: date | None) -> Json:
        return value.isoformat() if value else None

    def from_json(self, data: Json) -> date | None:
        return date.fromisoformat(str(data)) if data else None

    def to_column(self, value: date | None, zone: str) -> Stored:
        return 0.0 if value is None else datetime(value.year, value.month, value.day, tzinfo=ZoneInfo(zone)).timestamp()

    def from_column(self, stored: Stored, zone: str, now: float) -> date | None:
        until = float(stored)
        return datetime.fromtimestamp(until, ZoneInfo(zone)).date() if until > now else None

    def typed_in(self, value: date | None) -> str:
        return value.isoformat() if value else ""
