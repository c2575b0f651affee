"""A drain's side of the database: leases it holds, results it has yet to record.

Every method is a transaction or none. What fails with :class:`~publisher.errors.StoreError` is remembered in
``failure`` and not raised, because a message may be on its way; the results stay here and in the journal.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from publisher.delivery.journal import Journal, ResultRecord
from publisher.delivery.ladder import LADDER
from publisher.errors import StoreError
from publisher.model import EditionStatus
from publisher.store import Store, Tx, chunks, deliveries, editions, leases, subscribers
from publisher.store.chunks import Change, DeliveryRow, Lease, LeaseLost
from publisher.store.states import DOUBTS, Event, State

log = logging.getLogger(__name__)

#: Answers are recorded at least so often (seconds) while any come.
RECORD_SECONDS = 0.5
#: Tries, and seconds between them, to reach the database at the end; then the journal keeps the rest.
LAST_TRIES, LAST_WAIT_SECONDS = 6, 0.5

_STATES: dict[str, State] = {
    Event.SENT: State.SENT,
    Event.FAILED: State.FAILED,
    Event.DEFERRED: State.DEFERRED,
    Event.RESEND_LATER: State.DEFERRED,
    Event.LOST_SIGHT: State.IN_DOUBT,
}


@dataclass(slots=True)
class Drained:
    """What a drain did. ``more``: there was more to do when it ended; ``wait``: seconds the relays asked for."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    suppressed: int = 0
    in_doubt: int = 0
    released: int = 0
    recovered: int = 0
    more: bool = False
    wait: float = 0.0
    paused: list[tuple[int, str]] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.sent + self.deferred + self.failed + self.in_doubt


@dataclass(slots=True)
class Held:
    """A lease, how far its rows have been handed out, and the results that are not recorded yet."""

    lease: Lease
    cursor: int = 0
    outstanding: int = 0
    exhausted: bool = False
    handing_out: bool = False  # rows of the last batch are still to be pulled
    alone: bool = False
    results: list[tuple[DeliveryRow, ResultRecord]] = field(default_factory=list)


class Books:
    """Leases and results of one drain."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        journal: Journal,
        done: Drained,
        lease_seconds: float,
        careful_after: int,
        random: Callable[[], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._done = done
        self._lease_seconds = lease_seconds
        self._careful_after = careful_after
        self._random = random
        self._held: dict[int, Held] = {}
        self._current: Held | None = None
        self._recorded = time.monotonic()
        self._renewed = time.monotonic()
        self.failure: StoreError | None = None
        self.lost = False  # somebody else has a chunk of ours
        self.ended = False  # the edition is no longer being sent, or the lease is lost

    @property
    def unrecorded(self) -> bool:
        """Whether results are only in the journal, or chunks are still leased."""
        return bool(self._held)

    def turn(self, limit: int) -> tuple[Held | None, tuple[DeliveryRow, ...]]:
        """Record the results so far and claim the next rows; ``(None, ())`` when there are none."""
        try:
            self._record_by_row_if_lost()
            for held in self._held.values():
                held.handing_out = False
            with self._store.begin() as tx:
                self._record(tx)
                found = self._claim_rows(tx, limit)
                finished = self._finished()
                for held in finished:
                    if leases.holds(tx, held.lease):
                        close_or_release(tx, held.lease, now=self._clock(), due=None, random=self._random)
            self._forget_recorded()
            for held in finished:
                self._held.pop(held.lease.chunk, None)
        except LeaseLost:
            self._settle_one_by_one()
            return None, ()
        except StoreError as error:
            self.failure = error
            return None, ()
        return found

    def _claim_rows(self, tx: Tx, limit: int) -> tuple[Held | None, tuple[DeliveryRow, ...]]:
        now = self._clock()
        while True:
            held = self._current
            if held is None:
                lease = chunks.claim(
                    tx,
                    token=secrets.token_hex(8),
                    holder=self._journal.holder,
                    now=now,
                    lease_seconds=self._lease_seconds,
                )
                if lease is None:
                    return None, ()
                held = self._current = self._held[lease.chunk] = Held(lease)
            too_late = held.lease.edition.not_after
            if too_late is not None and now > too_late:
                held.exhausted = True  # the sweep books the rest as failed, once nobody holds the chunk
                self._current = None
                continue
            held.alone = held.lease.crashes >= self._careful_after
            batch = chunks.next_batch(
                tx,
                held.lease,
                after=held.cursor,
                limit=1 if held.alone else limit,
                now=now,
                lease_seconds=self._lease_seconds,
            )
            if batch is None:
                self.ended = True
                return None, ()
            self._done.suppressed += batch.suppressed
            if batch.last is None:
                held.exhausted = True
                self._current = None
                continue
            held.cursor = batch.last
            if batch.full is False:
                held.exhausted = True  # these are its last: no need to look again
                self._current = None
            if batch.rows:
                held.handing_out = True
                return held, batch.rows

    def book(self, held: Held, row: DeliveryRow, record: ResultRecord) -> None:
        """Take one result; it is recorded with the next turn."""
        held.outstanding -= 1
        if record.event == "released":
            self._done.released += 1  # its chunk still has it queued, and is opened again at the end
            return
        held.results.append((row, record))

    def record_if_late(self) -> None:
        """Record now if the last time is half a second ago; called between messages."""
        if time.monotonic() - self._recorded < RECORD_SECONDS or self.failure:
            return
        self.record()

    def record(self) -> None:
        """Record the results so far."""
        try:
            self._record_by_row_if_lost()
            with self._store.begin() as tx:
                self._record(tx)
            self._forget_recorded()
        except LeaseLost:
            self._settle_one_by_one()
        except StoreError as error:
            self.failure = error

    def _record(self, tx: Tx) -> None:
        now = self._clock()
        for held in self._held.values():
            if held.results:
                chunks.record(tx, held.lease, [_change(row, record) for row, record in held.results], now=now)
                _suppress_dead(tx, held.results, now)

    def _forget_recorded(self) -> None:
        for held in self._held.values():
            for _, record in held.results:
                self._count(record)
            held.results.clear()
        self._recorded = time.monotonic()
        if self._journal.fullness > 0.5:
            self._journal.compact()

    def _count(self, record: ResultRecord) -> None:
        name = {"resend_later": "in_doubt", "lost_sight": "in_doubt"}.get(record.event, record.event)
        setattr(self._done, name, getattr(self._done, name) + 1)

    def _record_by_row_if_lost(self) -> None:
        if self.lost:
            self._settle_one_by_one()

    def _settle_one_by_one(self) -> None:
        """A lease was lost: facts are recorded wherever the row is now, wishes only where the lease still holds."""
        self.lost = True
        try:
            with self._store.begin() as tx:
                for held in self._held.values():
                    ours = leases.holds(tx, held.lease)
                    for row, record in held.results:
                        settle_result(tx, row.id, record, first_attempt=row.first_attempt, wishes=ours)
                    _suppress_dead(tx, held.results, self._clock())
            self._forget_recorded()
        except StoreError as error:
            self.failure = error

    def still_wanted(self) -> bool:
        """Whether every lease is held and every edition is being sent; renews the leases in good time."""
        ours = [held.lease for held in self._held.values()]
        if not ours:
            return True
        try:
            if time.monotonic() - self._renewed > self._lease_seconds / 3:
                self._renewed = time.monotonic()
                with self._store.begin() as tx:
                    return leases.renew(tx, ours, now=self._clock(), lease_seconds=self._lease_seconds) == len(ours)
            with self._store.read() as tx:
                return leases.still_wanted(tx, ours)
        except StoreError as error:
            self.failure = error
            return False

    def _finished(self) -> list[Held]:
        """Leases whose rows all have an record, recorded in this very transaction."""
        return [
            held for held in self._held.values() if held.exhausted and not held.outstanding and not held.handing_out
        ]

    def _let_go(self, held: Held, due: float | None) -> None:
        try:
            with self._store.begin() as tx:
                if leases.holds(tx, held.lease):
                    close_or_release(tx, held.lease, now=self._clock(), due=due, random=self._random)
        except StoreError as error:
            self.failure = error
            return
        self._held.pop(held.lease.chunk, None)

    def finish(self, *, wait: float) -> None:
        """Record everything and let go of every chunk, trying again for a while when the database cannot be reached."""
        due = self._clock() + min(wait, LADDER.longest) if wait else None
        self._current = None
        for attempt in range(LAST_TRIES):
            if attempt:
                time.sleep(LAST_WAIT_SECONDS)
            self.failure = None
            if any(held.results for held in self._held.values()):
                self.record()
            if self.failure is None:
                for held in list(self._held.values()):
                    self._let_go(held, due)
                    if self.failure is not None:
                        break
            if self.failure is None:
                return
            log.warning("the database cannot be reached: %s", self.failure)

    def pause(self, edition_id: int, reason: str) -> None:
        """Pause an edition that a person should look at."""
        log.error("edition %d is paused: %s", edition_id, reason)
        try:
            with self._store.begin() as tx:
                editions.move(tx, edition_id, EditionStatus.SENDING, to=EditionStatus.PAUSED, reason=reason)
        except StoreError as error:
            self.failure = error


def _change(row: DeliveryRow, record: ResultRecord) -> Change:
    return Change(
        delivery=row.id,
        state=_STATES[record.event],
        at=record.at,
        first_attempt=row.first_attempt,
        code=record.code,
        reply=record.reply,
        doubts=1 if record.event in DOUBTS else 0,
    )


def _suppress_dead(tx: Tx, results: list[tuple[DeliveryRow, ResultRecord]], now: float) -> None:
    for row, record in results:
        if record.suppress:
            detail = f"{record.code} {record.reply}"[:200]
            subscribers.suppress_hash(tx, row.address_hash, "bounced", now=now, detail=detail)


def settle_result(tx: Tx, delivery_id: int, record: ResultRecord, *, first_attempt: float, wishes: bool) -> None:
    """Record one result outside a batch: a fact always, a wish only if ``wishes``."""
    event = Event(record.event)
    if event not in (Event.SENT, Event.FAILED) and not wishes:
        return
    deliveries.apply(
        tx,
        delivery_id,
        event,
        now=record.at,
        code=record.code,
        reply=record.reply,
        first_attempt=first_attempt,
        attempted=True,
    )


def close_or_release(tx: Tx, lease: Lease, *, now: float, due: float | None, random: Callable[[], float]) -> None:
    """Close a chunk that is finished, or open it again when rows of it still wait. The lease is held."""
    move_deferred(tx, lease.edition.id, lease.chunk, now=now, random=random)
    if leases.has_queued(tx, lease.chunk):
        leases.release(tx, lease.chunk, lease.token, due=due)
    else:
        leases.close(tx, lease.chunk)


def move_deferred(tx: Tx, edition_id: int, chunk_id: int, *, now: float, random: Callable[[], float]) -> None:
    """Give what was deferred a new chunk, due at its step of the ladder."""
    by_attempts: dict[int, list[int]] = {}
    for delivery_id, attempts in leases.deferred_rows(tx, chunk_id):
        by_attempts.setdefault(attempts, []).append(delivery_id)
    for attempts, ids in by_attempts.items():
        leases.move_rows(tx, edition_id, chunk_id, ids, due=now + LADDER.wait(attempts, random))
