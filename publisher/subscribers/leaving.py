"""Leaving: everything, one digest, or some topics; and taking it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from publisher.store import Store, consent, editions, subscribers
from publisher.store.subscribers import SubscriberStatus
from publisher.subscribers.standing import change, find
from publisher.subscribers.wishes import topic_names


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


def leave_list(
    store: Store,
    subscriber_id: int,
    edition_id: int,
    *,
    now: float,
    how: str,
    wait: Callable[[Store, int], object] | None = None,
) -> bool:
    """End the digest that an edition is of, which is the list that its List-Unsubscribe names (RFC 8058); where no
    edition is named, all."""
    with store.read() as tx:
        digest = editions.digest_of(tx, edition_id)
    return leave(store, subscriber_id, now=now, how=how, digest=digest, wait=wait)


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
    found = find(store, subscriber_id, now=now)
    if found is None:
        return False
    folded = {name.casefold() for name in names}
    kept: dict[str, Any] = {
        kind: tuple(name for name in getattr(found.wishes, kind) if name.casefold() not in folded)
        for kind in topic_names()
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
