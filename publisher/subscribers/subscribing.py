"""Subscribing, preferences and leaving: what a reader can do, each in one short transaction.

::

    ask ──→ signup row + confirmation notice        the same answer whether the address is known or not
    confirm ──→ subscriber, subscriptions, welcome  only by POST; a link that is merely opened changes nothing
    change / pause / topics                         in effect with the commit
    leave ──→ subscriptions ended                   the ledger's claim looks at them, so no message starts after
    undo / export / erase

A stranger who types someone's address changes nothing about them: what was asked for waits in ``signup`` until
the link is confirmed. Links are :mod:`publisher.lib.tokens`; they hold ids, never an address, and the one for
unsubscribing never expires.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, update

from publisher.lib.addresses import Address, parse_address
from publisher.lib.tokens import Keyring, Purpose, issue, read
from publisher.model import Cadence, Subscriber
from publisher.settings import Settings
from publisher.store import Store, consent, feedback, keys, planning, private_feeds, subscribers, topics, tracking
from publisher.store.subscribers import SubscriberStatus
from publisher.store.tables import delivery, edition, subscriber, subscription
from publisher.subscribers.wishes import Offered, Wishes, wishes_from_json

#: Suppressions that the reader's own confirmation lifts; bounces and complaints only a person lifts.
LIFTED_BY_CONFIRMING = frozenset({"erased"})
CONFIRM_SECONDS = consent.SIGNUP_DAYS * consent.DAY


#: The present instant, UTC epoch seconds.
Clock = Callable[[], float]


class Answer(StrEnum):
    """What became of a request to subscribe, as far as the asker may know."""

    TAKEN = "taken"
    LATER = "later"  # too many requests from this network today
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Preferences:
    """A subscriber as the preferences page shows them."""

    subscriber: Subscriber
    status: SubscriberStatus
    wishes: Wishes
    suppressed: str
    tracking: bool


_keyrings: WeakKeyDictionary[Store, Keyring] = WeakKeyDictionary()


def keyring_of(store: Store) -> Keyring:
    """The site's keys; read from the database once a process."""
    if store not in _keyrings:
        with store.begin() as tx:
            _keyrings[store] = keys.keyring(tx)
    return _keyrings[store]


def confirm_url(settings: Settings, keyring: Keyring, signup_id: int, created: float) -> str:
    expires = int(created + CONFIRM_SECONDS)
    return f"{settings.publication.base_url}/confirm/{issue(keyring, Purpose.CONFIRM, signup_id, expires)}"


# -- asking


def offered(tx: Connection, settings: Settings) -> Offered:
    """What readers may choose from, now."""
    return Offered(
        digests=tuple(digest.name for digest in settings.digests),
        sections=tuple(topic.name for topic in topics.listing(tx, "section")),
        tags=tuple(topic.name for topic in topics.listing(tx, "tag")[:60]),
        authors=tuple(topic.name for topic in topics.listing(tx, "author")[:60]),
    )


def ask(store: Store, settings: Settings, address: Address, wishes: Wishes, *, network: str, now: float) -> Answer:
    """Someone asks for mail to ``address``.

    :param network: where the request came from, as text (an IP address); kept only as a daily keyed hash.
    :param now: UTC epoch seconds.
    """
    limits = settings.subscribing
    if not limits.open:
        return Answer.CLOSED
    with store.begin() as tx:
        seen = consent.daily_hash(tx, "network", consent.network_of(network), now=now)
        if consent.spend(tx, [consent.Limit(f"network:{seen}", limits.per_network)], now=now):
            return Answer.LATER
        _ask(tx, settings, address, wishes, now=now)
    return Answer.TAKEN


def _ask(tx: Connection, settings: Settings, address: Address, wishes: Wishes, *, now: float) -> None:
    limits = settings.subscribing
    stopped = subscribers.suppressed(tx, address.text)
    if stopped is not None and stopped.reason not in LIFTED_BY_CONFIRMING:
        return
    if not consent.may_confirm(tx, address, now=now, ever=limits.confirmations_ever):
        return
    domain = consent.daily_hash(tx, "domain", address.domain, now=now)
    if consent.spend(
        tx,
        [consent.Limit(f"domain:{domain}", limits.per_domain), consent.Limit("confirmations", limits.per_day)],
        now=now,
    ):
        return
    known = subscribers.by_address(tx, address.text)
    if known is not None and subscribers.status_of(tx, known.id) is SubscriberStatus.CONFIRMED:
        consent.queue_notice(tx, "already", known.address, now=now, language=known.language, subscriber_id=known.id)
        return
    if not wishes.digests:
        wishes = replace(wishes, digests=(settings.digests[0].name,))
    request = consent.add_signup(tx, address, wishes.as_json(), language=wishes.language, now=now)
    consent.queue_notice(tx, "confirm", address.text, now=now, language=wishes.language, signup_id=request)


# -- confirming


@dataclass(frozen=True, slots=True)
class Request:
    """What a confirmation link leads to."""

    signup_id: int
    address: str
    wishes: Wishes
    confirmed: bool


def pending(store: Store, token: str, *, now: float) -> Request | None:
    """The request behind a confirmation link; ``None`` when it is not genuine, too old or forgotten."""
    numbers = read(keyring_of(store), Purpose.CONFIRM, token, 2)
    if numbers is None or numbers[1] < now:
        return None
    with store.read() as tx:
        row = consent.get_signup(tx, numbers[0])
    if row is None:
        return None
    return Request(row.id, row.address, wishes_from_json(json.loads(row.wishes)), row.confirmed is not None)


def confirm(store: Store, settings: Settings, request: Request, *, now: float) -> int:
    """The reader confirmed; answers the subscriber's id. A second time changes nothing."""
    address = parse_address(request.address)
    wishes = request.wishes
    with store.begin() as tx:
        first = consent.confirm_signup(tx, request.signup_id, now=now)
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
        tx.execute(update(subscriber).where(subscriber.c.id == who).values(language=wishes.language))
        names = {digest.name for digest in settings.digests}
        for digest in [name for name in wishes.digests if name in names] or [settings.digests[0].name]:
            subscribers.subscribe(tx, who, digest, now=now, **wishes.columns(now))
        consent.note(tx, who, "confirmed", now=now, detail="by the link in the confirmation mail")
        consent.forgive(tx, address)
        if settings.subscribing.welcome and was is not SubscriberStatus.CONFIRMED:
            consent.queue_notice(tx, "welcome", address.text, now=now, language=wishes.language, subscriber_id=who)
    return who


# -- preferences


def subscriber_behind(store: Store, purpose: Purpose, token: str) -> int | None:
    """The subscriber's id in a preferences or unsubscribe link; ``None`` when it is not genuine."""
    numbers = read(keyring_of(store), purpose, token, 2 if purpose is Purpose.UNSUBSCRIBE else 1)
    return None if numbers is None else numbers[0]


def preferences(store: Store, subscriber_id: int, *, now: float) -> Preferences | None:
    """What a subscriber gets, in one set of wishes; ``None`` once they are erased."""
    with store.read() as tx:
        return _preferences(tx, subscriber_id, now)


def _preferences(tx: Connection, subscriber_id: int, now: float) -> Preferences | None:
    who = subscribers.get(tx, subscriber_id)
    if who is None:
        return None
    rows = subscribers.subscriptions(tx, subscriber_id)
    active = [row for row in rows if row.active]
    shown = (active or rows)[0] if rows else None
    wishes = Wishes(language=who.language)
    if shown is not None:
        zone = ZoneInfo(shown.timezone)
        paused = datetime.fromtimestamp(shown.paused_until, zone).date() if shown.paused_until > now else None
        wishes = Wishes(
            digests=tuple(row.digest for row in active),
            sections=tuple(json.loads(shown.sections)),
            tags=tuple(json.loads(shown.tags)),
            authors=tuple(json.loads(shown.authors)),
            cadence=Cadence(shown.cadence),
            weekday=shown.weekday,
            monthday=shown.monthday,
            hour=shown.hour,
            minute=shown.minute,
            timezone=shown.timezone,
            language=who.language,
            format=shown.format,
            paused_until=paused,
        )
    stopped = subscribers.suppressed(tx, who.address)
    tracking = bool(tx.scalar(select(subscriber.c.tracking).where(subscriber.c.id == subscriber_id)))
    status = subscribers.status_of(tx, subscriber_id) or SubscriberStatus.PENDING
    return Preferences(who, status, wishes, stopped.reason if stopped else "", tracking)


def next_due(tx: Connection, subscriber_id: int) -> float | None:
    """The slot a subscriber waits for; ``None`` where none is waited for."""
    rows = [row for row in subscribers.subscriptions(tx, subscriber_id) if row.active and row.next_due is not None]
    return min((row.next_due for row in rows), default=None)


def change(
    store: Store, subscriber_id: int, wishes: Wishes, *, now: float, allow_tracking: bool | None = None
) -> Preferences | None:
    """Save all preferences; in effect with the commit. A digest that is not among ``wishes.digests`` ends.

    Someone who unsubscribed comes back by choosing a digest here. ``None`` once they are erased.
    """
    with store.begin() as tx:
        before = _preferences(tx, subscriber_id, now)
        if before is None:
            return None
        paused = {row.digest: row.paused_until for row in subscribers.subscriptions(tx, subscriber_id)}
        for digest in sorted({*before.wishes.digests, *wishes.digests}):
            planning.enter(tx, digest)  # a plan that is being made must not write over the new slot
            if digest in wishes.digests:
                columns = wishes.columns(now)
                if wishes.paused_until is None:
                    # Back before the planned day, or after it: what appeared during a pause stays passed over.
                    columns["paused_until"] = min(now, paused.get(digest, 0.0))
                subscribers.subscribe(tx, subscriber_id, digest, now=now, **columns)
            else:
                subscribers.unsubscribe(tx, subscriber_id, digest, now=now)
        values: dict[str, Any] = {"language": wishes.language}
        if allow_tracking is not None:
            values["tracking"] = allow_tracking
            if not allow_tracking:
                tracking.forget(tx, subscriber_id)
        tx.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))
        if wishes.digests and before.status is not SubscriberStatus.CONFIRMED:
            subscribers.set_status(tx, subscriber_id, SubscriberStatus.CONFIRMED, now=now)
            consent.note(tx, subscriber_id, "came back", now=now, detail="on the preferences page")
        changed = [
            name for name in Wishes.__dataclass_fields__ if getattr(wishes, name) != getattr(before.wishes, name)
        ]
        if changed:
            consent.note(tx, subscriber_id, "changed", now=now, detail=", ".join(changed))
        return _preferences(tx, subscriber_id, now)


# -- leaving


def leave(
    store: Store,
    subscriber_id: int,
    *,
    now: float,
    how: str,
    digest: str | None = None,
    wait: Callable[[Store, int], object] | None = None,
) -> bool:
    """End one digest, or all; ``False`` when nothing was active. When it returns, no message starts any more.

    :param how: for the record: one-click, page, mail, provider.
    :param wait: called after the commit; returns once no message to them is being sent.
    """
    with store.begin() as tx:
        ended = subscribers.unsubscribe(tx, subscriber_id, digest, now=now)
        if ended:
            consent.note(tx, subscriber_id, "unsubscribed", now=now, detail=f"{digest or 'everything'}, by {how}")
    if wait is not None:
        wait(store, subscriber_id)
    return ended > 0


def leave_topics(
    store: Store,
    subscriber_id: int,
    names: frozenset[str],
    *,
    now: float,
    wait: Callable[[Store, int], object] | None = None,
) -> bool:
    """Stop following these sections, tags and authors; ``False`` when none of them was followed.

    Someone who followed nothing else leaves altogether: no topics would mean everything.
    """
    found = preferences(store, subscriber_id, now=now)
    if found is None:
        return False
    folded = {name.casefold() for name in names}
    kept: dict[str, Any] = {
        kind: tuple(name for name in getattr(found.wishes, kind) if name.casefold() not in folded)
        for kind in ("sections", "tags", "authors")
    }
    if all(kept[kind] == getattr(found.wishes, kind) for kind in kept):
        return False
    if not any(kept.values()):
        return leave(store, subscriber_id, now=now, how="page", wait=wait)
    change(store, subscriber_id, replace(found.wishes, **kept), now=now)
    return True


def undo_leave(store: Store, subscriber_id: int, *, now: float) -> bool:
    """Take the last unsubscription back: what ended last becomes active as it was."""
    with store.begin() as tx:
        rows = [row for row in subscribers.subscriptions(tx, subscriber_id) if not row.active and row.ended]
        if not rows or subscribers.get(tx, subscriber_id) is None:
            return False
        last = max(row.ended for row in rows)
        for row in rows:
            if row.ended == last:
                subscribers.subscribe(tx, subscriber_id, row.digest, now=now)
        subscribers.set_status(tx, subscriber_id, SubscriberStatus.CONFIRMED, now=now)
        consent.note(tx, subscriber_id, "came back", now=now, detail="undid the unsubscription")
    return True


# -- what is held


def export(store: Store, subscriber_id: int, *, now: float) -> dict[str, Any] | None:
    """Everything held about a subscriber, as plain values for JSON; ``None`` once they are erased."""
    with store.read() as tx:
        found = _preferences(tx, subscriber_id, now)
        if found is None:
            return None
        row = tx.execute(select(subscriber).where(subscriber.c.id == subscriber_id)).one()
        sent = tx.execute(
            select(edition.c.digest, edition.c.number, edition.c.title, delivery.c.sent)
            .join(edition, edition.c.id == delivery.c.edition_id)
            .where(delivery.c.subscriber_id == subscriber_id, delivery.c.sent.is_not(None))
            .order_by(delivery.c.sent)
        ).all()
        return {
            "address": row.address,
            "name": row.name,
            "status": row.status,
            "origin": row.origin,
            "since": _iso(row.created),
            "confirmed": _iso(row.confirmed),
            "tracking_allowed": row.tracking,
            "suppressed": found.suppressed or None,
            "preferences": found.wishes.as_json(),
            "subscriptions": [
                {"digest": one.digest, "active": one.active, "since": _iso(one.created), "ended": _iso(one.ended)}
                for one in subscribers.subscriptions(tx, subscriber_id)
            ],
            "opened_and_clicked": [
                {"kind": one.kind, "link": one.url, "first": _iso(one.first), "times": one.count}
                for one in tracking.of_reader(tx, subscriber_id)
            ],
            "record": [
                {"at": _iso(one.at), "what": one.what, "detail": one.detail}
                for one in consent.record_of(tx, subscriber_id)
            ],
            "private_feeds": [
                {"opened": one.created.isoformat(), "closed": one.revoked.isoformat() if one.revoked else None}
                for one in private_feeds.listing(tx, subscriber_id)
            ],
            "editions_sent": [
                {"digest": one.digest, "number": one.number, "title": one.title, "sent": _iso(one.sent)} for one in sent
            ],
        }


def erase(store: Store, subscriber_id: int, *, now: float, wait: Callable[[Store, int], object] | None = None) -> bool:
    """Delete a subscriber and everything that names them; ``False`` when there is none.

    The address leaves the ledger too. What stays is a keyed hash that keeps a later import from mailing them
    again; their own confirmation lifts it.
    """
    leave(store, subscriber_id, now=now, how="erasure", wait=wait)
    with store.begin() as tx:
        who = subscribers.get(tx, subscriber_id)
        if who is None:
            return False
        subscribers.suppress(tx, who.address, "erased", now=now)
        consent.forget_record(tx, subscriber_id)
        feedback.forget(tx, subscriber_id)
        tracking.forget(tx, subscriber_id)
        consent.forget_signups(tx, parse_address(who.address).key)
        tx.execute(update(delivery).where(delivery.c.subscriber_id == subscriber_id).values(address=""))
        tx.execute(subscription.delete().where(subscription.c.subscriber_id == subscriber_id))
        subscribers.forget(tx, subscriber_id)
    return True


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
