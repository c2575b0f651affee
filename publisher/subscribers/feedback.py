"""What a bounce, a complaint or a request by mail leads to: the rules, with their numbers.

::

    Event ─→ seen before? ─→ report row ─→ decide (pure) ─→ nothing | suppress | unsubscribe
                                        └→ complaints ÷ delivered of the edition ─→ warn | pause

================= =====================================================================================
dead              suppressed at once when a provider says so of its own attempt, else at the second report
                  on another day (a refusal at RCPT is the ledger's, and at once)
soft              suppressed after 4 editions over at least 14 days, within 60
ours              nobody's address is to blame: kept for the desk, never suppresses
complaint         suppressed at once, for everything, for good
unsubscribe       all subscriptions end
================= =====================================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from publisher.delivery import pause, wait_until_clear
from publisher.errors import BadAddress, SettingsError
from publisher.lib.addresses import parse_address
from publisher.mail.feedback import Event, Kind, read_mail
from publisher.mail.feedback.mailboxes import imap, maildir
from publisher.mail.feedback.mailboxes.lmtp import LmtpServer
from publisher.mail.transport import Cause
from publisher.settings import Settings
from publisher.store import Store, Tx, deliveries, reports, states, subscribers
from publisher.subscribers import leaving, personal_links

DEAD_DAYS = 2
SOFT_EDITIONS = 4
SOFT_SPAN = 14 * 86_400.0
SOFT_WINDOW = 60 * 86_400.0
#: Providers that tried the delivery themselves: what they call dead was said at RCPT.
TRIED_THEMSELVES = frozenset({"ses", "mailgun", "postmark", "sendgrid"})
#: A single complaint never stops an edition, however small its audience.
FEWEST_TO_STOP = 2

log = logging.getLogger(__name__)


class Effect(StrEnum):
    """What became of an event."""

    IGNORED = "ignored"  # seen before, or about nobody
    KEPT = "kept"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class ComplaintRate:
    """Complaints ÷ delivered of one edition; ``level`` is empty, ``warn`` or ``stop``."""

    complaints: int = 0
    delivered: int = 0
    rate: float = 0.0
    level: str = ""


NO_COMPLAINTS = ComplaintRate()


def enough_bounces(cause: Cause, bounces: Sequence[tuple[int, float]]) -> bool:
    """Whether these bounces of one cause, as ``(edition, UTC epoch seconds)``, suppress; pure."""
    if cause is Cause.DEAD:
        return len({int(at // 86_400) for _, at in bounces}) >= DEAD_DAYS
    if cause is Cause.SOFT:
        times = [at for _, at in bounces]
        return len({edition for edition, _ in bounces}) >= SOFT_EDITIONS and max(times) - min(times) >= SOFT_SPAN
    return False


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


def record(store: Store, settings: Settings, event: Event, *, now: float) -> Effect:
    """Count one event and do what the rules say; a second time nothing happens.

    When it returns, no message starts any more to someone who was suppressed or unsubscribed by it.
    """
    if event.kind is Kind.DELIVERED:
        return Effect.IGNORED
    with store.begin() as tx:
        if event.event_id and not reports.first_time(tx, event.source, event.event_id, now=now):
            return Effect.IGNORED
        who = _subscriber(tx, event)
        if event.kind is Kind.UNSUBSCRIBE:
            effect = Effect.UNSUBSCRIBED if who else Effect.IGNORED
        else:
            effect = _count(tx, event, who, now)
    if who and effect is Effect.UNSUBSCRIBED:
        leaving.leave(store, who, now=now, how="mail" if event.source == "mail" else "provider", wait=wait_until_clear)
    elif who and effect is Effect.SUPPRESSED:
        wait_until_clear(store, who)
    if event.kind is Kind.COMPLAINT and event.edition_id:
        _watch_complaints(store, settings, event.edition_id)
    return effect


def _subscriber(tx: Tx, event: Event) -> int:
    if event.subscriber_id:
        return event.subscriber_id if subscribers.get(tx, event.subscriber_id) else 0
    try:
        found = subscribers.by_address(tx, event.address) if event.address else None
    except BadAddress:
        return 0
    return found.id if found else 0


def _count(tx: Tx, event: Event, who: int, now: float) -> Effect:
    if not who:
        return Effect.IGNORED
    edition_id = event.edition_id or _last_edition(tx, who)
    new = reports.NewReport(
        kind=event.kind.value,
        cause=event.cause.value,
        status=event.status,
        subscriber_id=who,
        edition_id=edition_id,
        at=now,
        source=event.source,
        detail=event.detail,
    )
    added = reports.add(tx, new)
    _mark_delivery(tx, edition_id, who, event, now)
    if event.kind is Kind.COMPLAINT:
        return _suppress(tx, who, "complained", event, now)
    if event.cause is Cause.DEAD and event.source in TRIED_THEMSELVES:
        return _suppress(tx, who, "bounced", event, now)
    if not added:
        return Effect.IGNORED
    known = reports.bounces(tx, who, event.cause.value, since=now - SOFT_WINDOW)
    if enough_bounces(event.cause, [(row.edition_id, row.at) for row in known]):
        return _suppress(tx, who, "bounced", event, now)
    return Effect.KEPT


def _mark_delivery(tx: Tx, edition_id: int, who: int, event: Event, now: float) -> None:
    """The ledger says what came of this message; a report that it is late or was refused for now says nothing."""
    happened = states.Event.COMPLAINED if event.kind is Kind.COMPLAINT else states.Event.BOUNCED
    if happened is states.Event.BOUNCED and event.cause is not Cause.DEAD and not event.status.startswith("5"):
        return
    row = deliveries.of_edition_and_subscriber(tx, edition_id, who)
    if row is not None:
        deliveries.apply(tx, row.id, happened, now=now, reply=f"{event.status} {event.detail}".strip()[:500])


def _last_edition(tx: Tx, who: int) -> int:
    """A provider names no edition: it is about the newest that was sent."""
    rows = deliveries.of_subscriber(tx, who, limit=1)
    return rows[0].edition_id if rows else 0


def _suppress(tx: Tx, who: int, reason: str, event: Event, now: float) -> Effect:
    known = subscribers.get(tx, who)
    assert known is not None
    detail = f"{event.status} {event.detail}".strip()[:200]
    fresh = subscribers.suppress(tx, parse_address(known.address).text, reason, now=now, detail=detail)
    return Effect.SUPPRESSED if fresh else Effect.IGNORED


def _watch_complaints(store: Store, settings: Settings, edition_id: int) -> None:
    with store.read() as tx:
        found = complaint_rate(tx, settings, edition_id)
    if not found.level:
        return
    said = f"{found.complaints} of {found.delivered} readers reported it as spam ({found.rate:.2%})"
    if found.level == "stop" and pause(store, edition_id, f"paused: {said}"):
        log.error("edition %d is paused: %s", edition_id, said)
    else:
        log.warning("edition %d: %s", edition_id, said)


# -- where reports come from


def take_mail(store: Store, settings: Settings, raw: bytes, *, now: float, envelope_to: Sequence[str] = ()) -> Effect:
    """Handle one message that came in."""
    event = read_mail(raw, personal_links.keyring_of(store), envelope_to)
    return Effect.IGNORED if event is None else record(store, settings, event, now=now)


def drain_mailbox(store: Store, settings: Settings, *, now: float) -> int:
    """Read the Maildir or IMAP mailbox that ``[feedback]`` names; answers how many messages there were.

    :raises DeliveryError: it cannot be read.
    :raises SettingsError: the password is not to be had.
    """
    wanted = settings.feedback

    def handle(raw: bytes) -> None:
        take_mail(store, settings, raw, now=now)

    if wanted.mailbox == "maildir":
        return maildir.drain(settings.directory / Path(wanted.path), handle)
    if wanted.mailbox == "imap":
        if wanted.password is None:
            raise SettingsError('feedback.password: missing; write { env = "NAME" } or { file = "path" }')
        secret = wanted.password.reveal(settings.directory)
        return imap.drain(wanted.host, wanted.port, wanted.username, secret, handle, folder=wanted.folder)
    return 0


def lmtp_server(store: Store, settings: Settings, clock: Callable[[], float]) -> LmtpServer:
    """The LMTP server of ``[feedback] mailbox = "lmtp"``, bound and ready for ``serve_forever()``.

    :raises OSError: the port is taken.
    """

    def handle(raw: bytes, recipients: tuple[str, ...]) -> None:
        take_mail(store, settings, raw, now=clock(), envelope_to=recipients)

    return LmtpServer((settings.feedback.host, settings.feedback.port), handle)
