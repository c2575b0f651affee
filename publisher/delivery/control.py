"""What an operator does with an edition that is being sent, and what a subscriber's wish to leave needs.

Each is one short transaction. Senders look at the edition's status twice a second and before every batch,
so all of them act within a second or two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

from publisher.errors import DeliveryError
from publisher.model import EditionStatus
from publisher.store import Store, Tx, deliveries, editions, leases
from publisher.store.deliveries import Audit
from publisher.store.states import Event, State

Settlement = Literal["sent", "failed", "resend"]
#: Editions of which a delivery may be tried again.
SENDABLE = (EditionStatus.SENDING, EditionStatus.PAUSED, EditionStatus.DONE)
_EVENTS = {"sent": Event.SETTLED_SENT, "failed": Event.SETTLED_FAILED, "resend": Event.SETTLED_RESEND}


def pause(store: Store, edition_id: int, reason: str = "paused by the operator") -> bool:
    """Stop sending for now; ``False`` when the edition is not being sent."""
    with store.begin() as tx:
        return editions.move(tx, edition_id, EditionStatus.SENDING, to=EditionStatus.PAUSED, reason=reason)


def resume(store: Store, edition_id: int) -> bool:
    """Go on; ``False`` when the edition is not paused."""
    with store.begin() as tx:
        return editions.move(tx, edition_id, EditionStatus.PAUSED, to=EditionStatus.SENDING)


def cancel(store: Store, edition_id: int, reason: str = "cancelled by the operator") -> bool:
    """Send no more of it, ever; the next sweep books what is left as failed. ``False`` when it is over already."""
    came_from = (
        EditionStatus.SENDING,
        EditionStatus.PAUSED,
        EditionStatus.DRAFT,
        EditionStatus.SCHEDULED,
    )
    with store.begin() as tx:
        return editions.move(tx, edition_id, *came_from, to=EditionStatus.CANCELLED, reason=reason)


def settle(store: Store, delivery_id: int, how: Settlement, *, now: float) -> None:
    """Decide by hand what became of a message in doubt.

    :param how: ``sent`` (it arrived), ``failed`` (let it be), ``resend`` (same Message-ID, same bytes).
    :raises DeliveryError: there is no such delivery in doubt.
    """
    with store.begin() as tx:
        row = deliveries.get(tx, delivery_id)
        if row is None or row.state != State.IN_DOUBT:
            raise DeliveryError(f"delivery {delivery_id} is not in doubt; masthead doubts lists those that are")
        if how == "resend":
            _refuse_unless_sent(tx, row.edition_id)
        reply = f"settled by hand: {how}; was: {row.reply or ''}"[:500]
        deliveries.apply(tx, delivery_id, _EVENTS[how], now=now, reply=reply)
        if how == "resend":
            _queue_again(tx, row.edition_id, [(row.chunk_id, delivery_id)], now=now)


def retry_failed(store: Store, edition_id: int, *, now: float) -> int:
    """Try all failed deliveries of an edition once more; returns how many.

    :raises DeliveryError: it is not being sent, or was cancelled.
    """
    with store.begin() as tx:
        _refuse_unless_sent(tx, edition_id)
        failed = deliveries.failed(tx, edition_id)
        for _, one in failed:
            deliveries.apply(tx, one, Event.RETRY_FAILED, now=now)
        _queue_again(tx, edition_id, failed, now=now)
        return len(failed)


def _refuse_unless_sent(tx: Tx, edition_id: int) -> None:
    """Nothing leaves of an edition before it is frozen, nor ever again once it is cancelled."""
    found = editions.get(tx, edition_id)
    if found is None or found.status not in SENDABLE:
        state = "not there" if found is None else found.status.value
        raise DeliveryError(f"the edition is {state}; nothing of it is sent", permanent=True)


def _queue_again(tx: Tx, edition_id: int, placed: Sequence[tuple[int, int]], *, now: float) -> None:
    by_chunk: dict[int, list[int]] = {}
    for chunk_id, delivery_id in placed:
        by_chunk.setdefault(chunk_id, []).append(delivery_id)
    for chunk_id, ids in by_chunk.items():
        leases.move_rows(tx, edition_id, chunk_id, ids, due=now)
    editions.reopen(tx, edition_id)


def wait_until_clear(
    store: Store,
    subscriber_id: int,
    *,
    seconds: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until no message to this subscriber can be on its way any more.

    Call it after the commit that ended a subscription or suppressed an address, before saying so to anybody:
    then no message starts after that. Batches last about half a second.

    :returns: ``False`` when the time was over first (a relay that says nothing holds one message up).
    """
    deadline = monotonic() + seconds
    while True:
        with store.begin() as tx:
            if not deliveries.in_flight(tx, subscriber_id):
                return True
        if monotonic() > deadline:
            return False
        sleep(0.02)


def audit_all(store: Store) -> list[Audit]:
    """The account of every edition that was ever frozen, counted row by row; oldest first."""
    with store.read() as tx:
        frozen = editions.frozen(tx)
    audits = []
    for edition_id in frozen:
        with store.read() as tx:
            audits.append(deliveries.audit(tx, edition_id))
    return audits
