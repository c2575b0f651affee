"""Where a subscriber stands: who they are, what they asked for, and how they change it."""

from __future__ import annotations

from dataclasses import dataclass

from publisher.rendering.words import languages
from publisher.settings import Settings
from publisher.store import Store, Tx, consent, planning, subscribers, topics, tracking
from publisher.store.subscribers import SubscriberRow, SubscriberStatus
from publisher.subscribers.preferences.kind import Offered
from publisher.subscribers.wishes import Wishes, preferences, wishes_from_columns


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscriber as the preferences page shows them."""

    subscriber: SubscriberRow
    wishes: Wishes
    suppressed: str


def offered(tx: Tx, settings: Settings) -> Offered:
    """What subscribers may choose from, now."""
    return Offered(
        digests=tuple(digest.name for digest in settings.digests),
        sections=tuple(topic.name for topic in topics.listing(tx, "section")),
        tags=tuple(topic.name for topic in topics.listing(tx, "tag")[:60]),
        authors=tuple(topic.name for topic in topics.listing(tx, "author")[:60]),
        language=languages(settings.directory),
    )


def find(store: Store, subscriber_id: int, *, now: float) -> Standing | None:
    """What a subscriber gets, in one set of wishes; ``None`` once they are erased."""
    with store.read() as tx:
        return find_in(tx, subscriber_id, now)


def find_in(tx: Tx, subscriber_id: int, now: float) -> Standing | None:
    who = subscribers.get(tx, subscriber_id)
    if who is None:
        return None
    rows = subscribers.subscriptions(tx, subscriber_id)
    active = [row for row in rows if row.active]
    row = subscribers.own_preferences(tx, subscriber_id)
    if rows:
        row |= (active or rows)[0]._asdict()
    wishes = wishes_from_columns(row, tuple(one.digest for one in active), now=now)
    stopped = subscribers.suppressed(tx, who.address)
    return Standing(who, wishes, stopped.reason if stopped else "")


def next_due(tx: Tx, subscriber_id: int) -> float | None:
    """The slot a subscriber waits for; ``None`` where none is waited for."""
    rows = [row for row in subscribers.subscriptions(tx, subscriber_id) if row.active and row.next_due is not None]
    return min((row.next_due for row in rows), default=None)


def change(store: Store, subscriber_id: int, wishes: Wishes, *, now: float) -> Standing | None:
    """Save all preferences; in effect with the commit. A digest that is not among ``wishes.digests`` ends.

    Someone who unsubscribed comes back by choosing a digest here. ``None`` once they are erased.
    """
    with store.begin() as tx:
        before = find_in(tx, subscriber_id, now)
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
        subscribers.set_own_preferences(tx, subscriber_id, wishes.kept("subscriber"))
        if not wishes.tracking:
            tracking.forget(tx, subscriber_id)
        if wishes.digests and before.subscriber.status is not SubscriberStatus.CONFIRMED:
            subscribers.set_status(tx, subscriber_id, SubscriberStatus.CONFIRMED, now=now)
            consent.note(tx, subscriber_id, "came back", now=now, detail="on the preferences page")
        changed = [one.name for one in preferences() if getattr(wishes, one.name) != getattr(before.wishes, one.name)]
        if changed:
            consent.note(tx, subscriber_id, "changed", now=now, detail=", ".join(changed))
        return find_in(tx, subscriber_id, now)
