"""What is held about a subscriber: all of it shown, or all of it erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from publisher.lib.addresses import parse_address
from publisher.store import Store, consent, feedback, private_feeds, subscribers, tracking
from publisher.store.tables import delivery, edition, subscriber, subscription
from publisher.subscribers.leaving import leave
from publisher.subscribers.standing import find_in


def export(store: Store, subscriber_id: int, *, now: float) -> dict[str, Any] | None:
    """Everything held about a subscriber, as plain values for JSON; ``None`` once they are erased."""
    with store.read() as tx:
        found = find_in(tx, subscriber_id, now)
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
