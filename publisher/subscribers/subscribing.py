"""Asking for mail, and confirming it by the link that is sent.

::

    ask ──→ signup row + confirmation notice        the same outcome whether the address is known or not
     └ over budget: the notice is due later, or when a proof of work is done (publisher.subscribers.busy)
    confirm ──→ subscriber, subscriptions, welcome  only by POST; a link that is merely opened changes nothing

A stranger who types someone's address changes nothing about them: what was asked for waits in ``signup`` until
the link is confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from publisher.lib.addresses import Address, parse_address
from publisher.lib.tokens import Purpose, read
from publisher.settings import Settings
from publisher.store import Store, Tx, consent, limits, notices, signups, subscribers
from publisher.store.subscribers import SubscriberStatus
from publisher.subscribers import busy
from publisher.subscribers.personal_links import keyring_of
from publisher.subscribers.wishes import Wishes, wishes_from_json

#: Suppressions that the subscriber's own confirmation lifts; bounces and complaints only a person lifts.
LIFTED_BY_CONFIRMING = frozenset({"erased"})


class Outcome(StrEnum):
    """What became of a request to subscribe, as far as the asker may know."""

    TAKEN = "taken"
    LATER = "later"  # too many requests today from this network, or from visitors who cannot be told apart
    BUSY = "busy"  # over the budget of the domain or the day: kept; see publisher.subscribers.busy
    CLOSED = "closed"


def ask(store: Store, settings: Settings, address: Address, wishes: Wishes, *, network: str, now: float) -> Outcome:
    """Someone asks for mail to ``address``.

    :param network: where the request came from, as text (an IP address); kept only as a daily keyed hash. Empty when
        visitors cannot be told apart: then many requests do not refuse the next one, they make it a busy day,
        until ``per_day`` of them were kept.
    :param now: UTC epoch seconds.
    """
    allowed = settings.subscribing
    if not allowed.open:
        return Outcome.CLOSED
    with store.begin() as tx:
        seen = limits.daily_hash(tx, "network", limits.network_of(network), now=now)
        many = limits.spend(tx, [limits.Limit(f"network:{seen}", allowed.per_network)], now=now) is not None
        if many and (network or not busy.keep_nameless(tx, settings, now=now)):
            return Outcome.LATER
        # Before the address is looked at, so that the outcome says nothing about it.
        is_busy = not busy.spend_budget(tx, settings, address, now=now) or many
        _ask(tx, settings, address, wishes, now=now, later=is_busy)
    return Outcome.BUSY if is_busy else Outcome.TAKEN


def _ask(tx: Tx, settings: Settings, address: Address, wishes: Wishes, *, now: float, later: bool) -> None:
    allowed = settings.subscribing
    stopped = subscribers.suppressed(tx, address.text)
    if stopped is not None and stopped.reason not in LIFTED_BY_CONFIRMING:
        return
    if not limits.may_confirm(tx, address, now=now, ever=allowed.confirmations_ever):
        return
    due = busy.due_later(tx, settings, address, now=now) if later else now
    known = subscribers.by_address(tx, address.text)
    if known is not None and subscribers.status_of(tx, known.id) is SubscriberStatus.CONFIRMED:
        notices.queue(tx, "already", known.address, now=now, due=due, language=known.language, subscriber_id=known.id)
        return
    if not wishes.digests:
        wishes = replace(wishes, digests=(settings.digests[0].name,))
    request = signups.add(tx, address, wishes.as_json(), language=wishes.language, now=now)
    notices.queue(tx, "confirm", address.text, now=now, due=due, language=wishes.language, signup_id=request)


@dataclass(frozen=True, slots=True)
class PendingSubscription:
    """What a confirmation link leads to."""

    signup_id: int
    address: str
    wishes: Wishes
    confirmed: bool


def pending(store: Store, token: str, *, now: float) -> PendingSubscription | None:
    """The request behind a confirmation link; ``None`` when it is not genuine, too old or forgotten."""
    numbers = read(keyring_of(store), Purpose.CONFIRM, token, 2)
    if numbers is None or numbers[1] < now:
        return None
    with store.read() as tx:
        row = signups.get(tx, numbers[0])
    if row is None:
        return None
    return PendingSubscription(row.id, row.address, wishes_from_json(row.wishes), row.confirmed is not None)


def confirm(store: Store, settings: Settings, request: PendingSubscription, *, now: float) -> int:
    """The subscriber confirmed; returns the subscriber's id. A second time changes nothing."""
    address = parse_address(request.address)
    wishes = request.wishes
    with store.begin() as tx:
        first = signups.confirm(tx, request.signup_id, now=now)
        known = subscribers.by_address(tx, address.text)
        if not first and known is not None:
            return known.id
        stopped = subscribers.suppressed(tx, address.text)
        if stopped is not None and stopped.reason in LIFTED_BY_CONFIRMING:
            subscribers.lift_suppression(tx, address.text)
        was = subscribers.status_of(tx, known.id) if known else None
        who = subscribers.add(
            tx, address.text, now=now, language=wishes.language, status=SubscriberStatus.CONFIRMED, origin="form"
        )
        subscribers.set_status(tx, who, SubscriberStatus.CONFIRMED, now=now)
        # A default says nothing: who refused to be counted before they left is not counted when they come back.
        if own := wishes.chosen("subscriber"):
            subscribers.set_own_preferences(tx, who, own)
        names = {digest.name for digest in settings.digests}
        for digest in [name for name in wishes.digests if name in names] or [settings.digests[0].name]:
            subscribers.subscribe(tx, who, digest, now=now, **wishes.columns(now))
        consent.note(tx, who, "confirmed", now=now, detail="by the link in the confirmation mail")
        limits.forgive(tx, address)
        if settings.subscribing.welcome and was is not SubscriberStatus.CONFIRMED:
            notices.queue(tx, "welcome", address.text, now=now, language=wishes.language, subscriber_id=who)
    return who
