"""The ways in which platforms write an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def seconds_from(value: object, now: datetime) -> datetime | None:
    """``now`` plus a number of seconds, or the HTTP date of a ``Retry-After`` (RFC 9110 §10.2.3)."""
    if not isinstance(value, str | int | float):
        return None
    try:
        return now + timedelta(seconds=min(max(float(value), 0.0), 86400.0 * 31))
    except (ValueError, OverflowError):
        pass
    try:
        moment = parsedate_to_datetime(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError):
        return None


def epoch_from(value: str | None) -> datetime | None:
    """An instant given as seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(value), UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def iso_from(value: object) -> datetime | None:
    """An instant given as ISO 8601; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return None
