"""What a bounce, a complaint or a request by mail leads to: the rules, with their numbers.

::

    Report ─→ seen before? ─→ report row ─→ decide (pure) ─→ nothing | suppress | unsubscribe
                                        └→ complaints ÷ delivered of the edition ─→ warn | pause

================= =====================================================================================
dead              suppressed at once when a provider says so of its own attempt, else at the second report
                  on another day (a refusal at RCPT is the ledger's, and at once)
soft              suppressed after 4 editions over at least 14 days, within 60
ours              nobody's address is to blame: kept for the desk, never suppresses
complaint         suppressed at once, for everything, for good
doubtful          a complaint that came by no way which only feedback loops know: all subscriptions end, as the link
                  in the message could end them; it is kept, suppresses nobody and is not in an edition's rate
unsubscribe       by mail the subscription to the digest it names ends, else all end
================= =====================================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import StrEnum

from publisher.delivery import pause, wait_until_clear
from publisher.errors import BadAddress
from publisher.lib.addresses import parse_address
from publisher.mail.feedback import Kind, Report
from publisher.mail.transport import Cause
from publisher.settings import Settings
from publisher.store import Store, Tx, deliveries, editions, reports, states, subscribers
from publisher.subscribers import leaving
from publisher.subscribers.complaints import complaint_rate

DEAD_DAYS = 2
SOFT_EDITIONS = 4
SOFT_SPAN_SECONDS = 14 * 86_400.0
SOFT_WINDOW_SECONDS = 60 * 86_400.0

log = logging.getLogger(__name__)


class Effect(StrEnum):
    """What became of a report."""

    IGNORED = "ignored"  # seen before, or about nobody
    KEPT = "kept"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"


def enough_bounces(cause: Cause, bounces: Sequence[tuple[int, float]]) -> bool:
    """Whether these bounces of one cause, as ``(edition, UTC epoch seconds)``, suppress; pure."""
    if cause is Cause.DEAD:
        return len({int(at // 86_400) for _, at in bounces}) >= DEAD_DAYS
    if cause is Cause.SOFT:
        times = [at for _, at in bounces]
        editions = {edition for edition, _ in bounces}
        return len(editions) >= SOFT_EDITIONS and max(times) - min(times) >= SOFT_SPAN_SECONDS
    return False


def record(store: Store, settings: Settings, report: Report, *, now: float) -> Effect:
    """Count one report and do what the rules say; a second time nothing happens.

    When it returns, no message starts any more to someone who was suppressed or unsubscribed by it.
    """
    if report.kind is Kind.DELIVERED and not report.signature:
        return Effect.IGNORED
    with store.begin() as tx:
        if report.signature and not _spend(tx, report, now):
            return Effect.IGNORED
        if report.kind in (Kind.DELIVERED, Kind.NOTHING):
            return Effect.IGNORED
        if report.event_id and not reports.first_time(tx, report.source, report.event_id, now=now):
            return Effect.IGNORED
        who = _subscriber(tx, report)
        if report.kind is Kind.UNSUBSCRIBE:
            effect = Effect.UNSUBSCRIBED if who else Effect.IGNORED
            digest = editions.digest_of(tx, report.edition_id)  # the list that it names; none: all
        else:
            effect = _count(tx, report, who, now)
            digest = None
    if who and effect is Effect.UNSUBSCRIBED:
        how = "complaint" if report.kind is Kind.DOUBTFUL else "mail" if report.by_mail else "provider"
        leaving.leave(store, who, now=now, how=how, digest=digest, wait=wait_until_clear)
    elif who and effect is Effect.SUPPRESSED:
        wait_until_clear(store, who)
    if report.kind is Kind.COMPLAINT and report.edition_id:
        _watch_complaints(store, settings, report.edition_id)
    return effect


def _spend(tx: Tx, report: Report, now: float) -> bool:
    """Whether this signature comes for the first time."""
    fresh = reports.first_time(tx, f"{report.source}{reports.SIGNATURES}", report.signature, now=now)
    if not fresh:
        log.warning(
            "%s: a signature came a second time, with event %s; nothing was done", report.source, report.event_id
        )
    return fresh


def _subscriber(tx: Tx, report: Report) -> int:
    if report.subscriber_id:
        return report.subscriber_id if subscribers.get(tx, report.subscriber_id) else 0
    try:
        found = subscribers.by_address(tx, report.address) if report.address else None
    except BadAddress:
        return 0
    return found.id if found else 0


def _count(tx: Tx, report: Report, who: int, now: float) -> Effect:
    if not who:
        return Effect.IGNORED
    edition_id = report.edition_id or _last_edition(tx, who)
    new = reports.NewReport(
        kind=report.kind.value,
        cause=report.cause.value,
        status=report.status,
        subscriber_id=who,
        edition_id=edition_id,
        at=now,
        source=report.source,
        detail=report.detail,
    )
    added = reports.add(tx, new)
    if report.kind is Kind.DOUBTFUL:
        return Effect.UNSUBSCRIBED
    _mark_delivery(tx, edition_id, who, report, now)
    if report.kind is Kind.COMPLAINT:
        return _suppress(tx, who, "complained", report, now)
    if report.cause is Cause.DEAD and not report.by_mail:
        return _suppress(tx, who, "bounced", report, now)
    if not added:
        return Effect.IGNORED
    known = reports.bounces(tx, who, report.cause.value, since=now - SOFT_WINDOW_SECONDS)
    if enough_bounces(report.cause, [(row.edition_id, row.at) for row in known]):
        return _suppress(tx, who, "bounced", report, now)
    return Effect.KEPT


def _mark_delivery(tx: Tx, edition_id: int, who: int, report: Report, now: float) -> None:
    """The ledger says what came of this message; a report that it is late or was refused for now says nothing."""
    happened = states.Event.COMPLAINED if report.kind is Kind.COMPLAINT else states.Event.BOUNCED
    if happened is states.Event.BOUNCED and report.cause is not Cause.DEAD and not report.status.startswith("5"):
        return
    row = deliveries.of_edition_and_subscriber(tx, edition_id, who)
    if row is not None:
        deliveries.apply(tx, row.id, happened, now=now, reply=f"{report.status} {report.detail}".strip()[:500])


def _last_edition(tx: Tx, who: int) -> int:
    """A provider names no edition: it is about the newest that was sent."""
    rows = deliveries.of_subscriber(tx, who, limit=1)
    return rows[0].edition_id if rows else 0


def _suppress(tx: Tx, who: int, reason: str, report: Report, now: float) -> Effect:
    known = subscribers.get(tx, who)
    assert known is not None
    detail = f"{report.status} {report.detail}".strip()[:200]
    fresh = subscribers.suppress(tx, parse_address(known.address).text, reason, now=now, detail=detail)
    return Effect.SUPPRESSED if fresh else Effect.IGNORED


def _watch_complaints(store: Store, settings: Settings, edition_id: int) -> None:
    with store.read() as tx:
        found = complaint_rate(tx, settings, edition_id)
    if not found.level:
        return
    said = f"{found.complaints} of {found.delivered} subscribers reported it as spam ({found.rate:.2%})"
    if found.level == "stop" and pause(store, edition_id, f"paused: {said}"):
        log.error("edition %d is paused: %s", edition_id, said)
    else:
        log.warning("edition %d: %s", edition_id, said)
