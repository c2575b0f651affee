"""Complaints of an edition against what was delivered, and when they are too many."""

from __future__ import annotations

from dataclasses import dataclass

from publisher.settings import Settings
from publisher.store import Tx, deliveries, reports

#: A single complaint never stops an edition, however small its audience.
FEWEST_TO_STOP = 2


@dataclass(frozen=True, slots=True)
class ComplaintRate:
    """Complaints ÷ delivered of one edition; ``level`` is empty, ``warn`` or ``stop``."""

    complaints: int = 0
    delivered: int = 0
    rate: float = 0.0
    level: str = ""


def rate_of(complaints: int, delivered: int, *, warn: float, stop: float) -> ComplaintRate:
    """The rate and whether it is one to warn of or to stop at; pure."""
    rate = complaints / delivered if delivered else 0.0
    level = "stop" if rate >= stop and complaints >= FEWEST_TO_STOP else "warn" if rate >= warn and complaints else ""
    return ComplaintRate(complaints, delivered, rate, level)


def complaint_rate(tx: Tx, settings: Settings, edition_id: int) -> ComplaintRate:
    """The complaint rate of an edition by now; for the desk."""
    limits = settings.feedback
    delivered = deliveries.account(tx, edition_id).sent
    found = reports.complaints(tx, edition_id)
    return rate_of(found, delivered, warn=limits.warn_complaints, stop=limits.stop_complaints)
