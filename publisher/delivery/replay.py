"""What journals know, put on record in a database that is older than they are: facts only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from publisher.delivery.books import settle_result
from publisher.delivery.journal import Intent, ResultRecord
from publisher.store import Tx, deliveries, leases, restored, subscribers
from publisher.store.states import Event, State


class Replayed(NamedTuple):
    """How many messages were sent, and how many addresses refused for good."""

    sent: int
    failed: int


def replay(tx: Tx, results: Iterable[ResultRecord], intents: Iterable[Intent], *, now: float) -> Replayed:
    """Record results that the database does not have, and when messages were begun.

    A row that stands where the journal's sender found it is the row that the journal speaks of.
    """
    done = dict.fromkeys((Event.SENT, Event.FAILED), 0)
    for record in results:
        if record.event not in done or not _as_left(tx, record.delivery, record.attempt):
            continue
        settle_result(tx, record.delivery, record, first_attempt=record.at, wishes=False)
        done[Event(record.event)] += 1
        if record.suppress:
            row = deliveries.get(tx, record.delivery)
            assert row is not None
            subscribers.suppress_hash(tx, row.address_hash, "bounced", now=now, detail=record.reply[:200])
    for intent in intents:
        if _as_left(tx, intent.delivery, intent.attempt):
            restored.note_first_attempt(tx, intent.delivery, intent.at)
    return Replayed(done[Event.SENT], done[Event.FAILED])


def _as_left(tx: Tx, delivery_id: int, attempt: int) -> bool:
    row = leases.of_row(tx, delivery_id)
    return row is not None and row.state == State.QUEUED and row.attempts == attempt - 1
