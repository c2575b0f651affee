"""What is held about a subscriber: all of it shown, or all of it erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypedDict

from publisher.lib.addresses import parse_address
from publisher.store import (
    Store,
    consent,
    deliveries,
    notices,
    private_feeds,
    reports,
    signups,
    subscribers,
    tracking,
)
from publisher.subscribers.leaving import leave
from publisher.subscribers.preferences.kind import Json
from publisher.subscribers.standing import find_in


class Subscribed(TypedDict):
    digest: str
    active: bool
    since: str | None
    ended: str | None


class OpenedOrClicked(TypedDict):
    kind: str
    link: str | None
    first: str | None
    times: int


class Recorded(TypedDict):
    at: str | None
    what: str
    detail: str


class OpenedFeed(TypedDict):
    opened: str
    closed: str | None


class SentDigest(TypedDict):
    digest: str
    number: int
    title: str
    sent: str | None


class PersonalData(TypedDict):
    """Everything held about a subscriber; instants as ISO 8601."""

    address: str
    name: str
    status: str
    origin: str
    since: str | None
    confirmed: str | None
    tracking_allowed: bool
    suppressed: str | None
    preferences: dict[str, Json]
    subscriptions: list[Subscribed]
    opened_and_clicked: list[OpenedOrClicked]
    record: list[Recorded]
    private_feeds: list[OpenedFeed]
    editions_sent: list[SentDigest]


def export(store: Store, subscriber_id: int, *, now: float) -> PersonalData | None:
    """Everything held about a subscriber, as plain values for JSON; ``None`` once they are erased."""
    with store.read() as tx:
        found = find_in(tx, subscriber_id, now)
        if found is None:
            return None
        row = found.subscriber
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
                {"kind": one.kind, "link": one.url, "first": _iso(one.first), "times": one.times}
                for one in tracking.of_subscriber(tx, subscriber_id)
            ],
            "record": [
                {"at": _iso(one.at), "what": one.what, "detail": one.detail}
                for one in consent.of_subscriber(tx, subscriber_id)
            ],
            "private_feeds": [
                {"opened": one.created.isoformat(), "closed": one.revoked.isoformat() if one.revoked else None}
                for one in private_feeds.listing(tx, subscriber_id)
            ],
            "editions_sent": [
                {"digest": one.digest, "number": one.number, "title": one.title, "sent": _iso(one.sent)}
                for one in deliveries.sent_to(tx, subscriber_id)
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
        consent.forget(tx, subscriber_id)
        notices.forget(tx, subscriber_id, who.address)
        reports.forget(tx, subscriber_id)
        tracking.forget(tx, subscriber_id)
        signups.forget(tx, parse_address(who.address).key)
        deliveries.forget_address(tx, subscriber_id)
        subscribers.forget(tx, subscriber_id)
    return True


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
