"""Sending what is due: one call keeps a transport busy for a few seconds and leaves everything on record.

::

    turn (one transaction):  record the results so far → claim the next rows, write the batch's intent
    per message:             compose → journal the intent → the transport sends → journal the result
    at the end:              record → close what is finished, release what is not

The transport pulls messages from :meth:`_Drain._messages`, so nothing is queued between the ledger and the
wire. Nothing raised by the database may end the transport in the middle of a message: a turn that fails ends
the iterator instead, what is in flight gets its result, and the result is in the journal, from which
:mod:`publisher.delivery.recovery` records it when the database is back.
"""

from __future__ import annotations

import logging
import random as _random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from publisher.delivery import journal as journals
from publisher.delivery import recovery
from publisher.delivery.books import Books, Drained, Held
from publisher.delivery.journal import Fenced, Intent, Journal, JournalFull, ResultRecord
from publisher.delivery.ladder import LADDER
from publisher.errors import DeliveryError, MastheadError, StoreError
from publisher.mail.refusals import Streak
from publisher.mail.transport import Outcome, Outgoing, Result, Transport, never
from publisher.store import Store
from publisher.store.chunks import DeliveryRow, EditionRow
from publisher.store.states import Event

log = logging.getLogger(__name__)

#: Makes one message. The same rows give the same bytes, at every attempt and in every process.
Composer = Callable[[EditionRow, DeliveryRow], Outgoing]


@dataclass(frozen=True, slots=True)
class Options:
    """How a drain goes about it; the defaults are measured (``bench/bench_ledger.py``).

    :param seconds: after so long it ends, so that a task stays short.
    :param batch: most rows of one batch; a batch lasts about ``batch_seconds``.
    :param lease_seconds: how long a chunk is ours without a sign of life.
    :param poll_seconds: how often pause, cancel and a lost lease are looked for while messages are on their way.
    :param same_refusal: so many recipients running refused with the same reply pause the edition, where it is about us
        (:mod:`publisher.mail.refusals`).
    :param careful_after: a chunk whose owner died so often is sent one message at a time.
    :param relay_wait_seconds: seconds until a chunk that the relays gave back is tried again, where they ask for less.
    """

    seconds: float = 20.0
    batch: int = 1000
    batch_seconds: float = 0.3
    lease_seconds: float = 120.0
    poll_seconds: float = 0.4
    same_refusal: int = 20
    careful_after: int = 2
    relay_wait_seconds: float = 5.0


def drain(
    store: Store,
    transport: Transport,
    composer: Composer,
    clock: Callable[[], float] = time.time,
    *,
    journal_directory: Path,
    options: Options = Options(),
    stop: Callable[[], bool] = never,
    random: Callable[[], float] = _random.random,
) -> Drained:
    """Send what is due until nothing is, ``options.seconds`` are over, or ``stop()`` says so.

    Any number of them may run at once, in threads, processes and machines. Each needs a transport of its own.

    :param clock: UTC epoch seconds.
    :param journal_directory: local to this machine, shared by its processes; kept over a restart.
    :raises StoreError: the database is gone; nothing is lost, the next drain records what the journal knows.
    :raises DeliveryError: the transport cannot work on this machine.
    """
    recovered = recovery.recover(store, journal_directory, clock, lease_seconds=options.lease_seconds, random=random)
    try:
        own = Journal(journal_directory)
    except OSError as error:
        raise DeliveryError(f"no journal can be written in {journal_directory}: {error.strerror}") from None
    run = _Drain(store, transport, composer, clock, own, options, stop, random)
    run.done.recovered = recovered
    try:
        run.run()
    finally:
        own.close(keep=run.books.unrecorded)
    return run.done


class _Drain:
    def __init__(
        self,
        store: Store,
        transport: Transport,
        composer: Composer,
        clock: Callable[[], float],
        journal: Journal,
        options: Options,
        stop: Callable[[], bool],
        random: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._composer = composer
        self._clock = clock
        self._journal = journal
        self._options = options
        self._asked_to_stop = stop
        self.done = Drained()
        self.books = Books(store, clock, journal, self.done, options.lease_seconds, options.careful_after, random)
        self._flight: dict[int, tuple[Held, DeliveryRow]] = {}
        self._until = time.monotonic() + options.seconds
        self._polled = time.monotonic()
        self._halt = ""  # why no more is pulled; what is in flight is finished
        self._abort = False  # what was pulled and not begun is given back too
        self._refusals = Streak(options.same_refusal)
        self._pace = 20.0  # rows of a batch, follows the speed of the wire

    def run(self) -> None:
        failure: MastheadError | None = None
        try:
            while not self._halt:
                careful = self._deliver()
                if not careful:
                    break
        except (Fenced, JournalFull) as error:
            self._halt = self._halt or type(error).__name__
            self.done.more = True
        except DeliveryError as error:
            failure = error
        except OSError as error:
            failure = DeliveryError(f"sending cannot go on: {error.strerror or error}")
        except StoreError as error:
            failure = error
        finally:
            self._finish()
        failure = failure or self.books.failure
        if failure is not None:
            raise failure

    def _deliver(self) -> bool:
        """One stretch of the transport; ``True`` when a chunk that has to be handled with care ended it."""
        careful: list[Outgoing] = []
        for outgoing, result in self._transport.deliver(
            self._messages(careful), intent=self._intend, stop=self._should_stop
        ):
            self._take(outgoing, result)
        if not careful:
            return False
        for outgoing, result in self._transport.deliver(careful, intent=self._intend, stop=self._should_stop):
            self._take(outgoing, result)
        return True

    def _messages(self, careful: list[Outgoing]) -> Iterator[Outgoing]:
        """Composed messages, batch by batch; never raises for the database.

        A chunk that killed its senders gives one message at a time, through ``careful``, with nothing beside it.
        """
        while not self._ending():
            began = time.monotonic()
            held, rows = self.books.turn(self._batch_size())
            if held is None:
                self._halt = self._halt or "nothing due"
                self.done.more = self.done.more or bool(self.books.failure or self.books.lost)
                return
            for index, row in enumerate(rows):
                if self._ending():
                    self.done.released += len(rows) - index
                    return
                self._journal.composing(row.id)
                outgoing = self._compose(held, row)
                self._journal.composing(None)
                if outgoing is None:
                    continue
                self._flight[row.id] = (held, row)
                held.outstanding += 1
                if held.alone:
                    careful.append(outgoing)
                    return
                yield outgoing
            self._follow_speed(len(rows), time.monotonic() - began)

    def _batch_size(self) -> int:
        return max(1, min(self._options.batch, int(self._pace)))

    def _follow_speed(self, rows: int, seconds: float) -> None:
        if rows:
            wanted = rows * self._options.batch_seconds / max(seconds, 1e-3)
            self._pace = min(float(self._options.batch), max(1.0, wanted, self._pace / 2), self._pace * 2)

    def _compose(self, held: Held, row: DeliveryRow) -> Outgoing | None:
        try:
            return self._composer(held.lease.edition, row)
        except Exception as error:  # one row's trouble is not another's
            reason = str(error) if isinstance(error, MastheadError) else f"{type(error).__name__}: {error}"
            log.warning("delivery %d of edition %d cannot be composed: %s", row.id, row.edition_id, reason)
            result = Result(Outcome.FAILED, reply=f"not composed: {reason}"[: journals.REPLY_LIMIT])
            held.outstanding += 1
            self._book(held, row, result)
            self._pause_if_asked(held, self._refusals.judge(result, row.address))
            return None

    def _ending(self) -> bool:
        if not self._halt:
            if self._asked_to_stop():
                self._halt, self._abort = "asked to stop", True
            elif self.books.failure or self.books.lost or self.books.ended:
                self._halt, self._abort = "the lease is lost, or the edition paused", True
            elif time.monotonic() > self._until:
                self._halt = "time is up"
            self.done.more = bool(self._halt)
        return bool(self._halt)

    def _intend(self, outgoing: Outgoing) -> None:
        _, row = self._flight[outgoing.delivery]
        self._journal.intend(Intent(row.id, row.attempts + 1, row.first_attempt))

    def _should_stop(self) -> bool:
        if self._abort:
            return True
        now = time.monotonic()
        if now - self._polled >= self._options.poll_seconds:
            self._polled = now
            self._journal.beat()
            if self._asked_to_stop() or not self.books.still_wanted():
                self._halt, self._abort = self._halt or "stopped", True
                self.done.more = True
        return self._abort

    def _take(self, outgoing: Outgoing, result: Result) -> None:
        held, row = self._flight.pop(outgoing.delivery)
        self._book(held, row, result)
        if result.outcome is Outcome.RELEASED and not self._abort:
            # The relays are in trouble: pulling more would only give more back.
            self._halt = self._halt or "released"
            self.done.wait = max(self.done.wait, result.retry_after, self._options.relay_wait_seconds)
            self.done.more = True
        self._pause_if_asked(held, self._refusals.judge(result, outgoing.recipient))
        self.books.record_if_late()

    def _book(self, held: Held, row: DeliveryRow, result: Result) -> None:
        event: str = result.outcome
        if result.outcome is Outcome.DEFERRED and LADDER.gives_up(row.attempts + 1, self._clock() - row.first_attempt):
            event, result = Event.FAILED, result._replace(reply=f"given up after 72 hours: {result.reply}")
        elif result.outcome is Outcome.IN_DOUBT:
            event = Event.LOST_SIGHT if held.lease.edition.policy == "report" else Event.RESEND_LATER
        record = ResultRecord(
            row.id,
            row.attempts + 1,
            event,
            self._clock(),
            result.code,
            result.reply,
            result.suppress,
            result.retry_after,
        )
        self._journal.result(record)
        self.books.book(held, row, record)

    def _pause_if_asked(self, held: Held, result: Result) -> None:
        if not result.pause:
            return
        self._halt, self._abort = "paused", True
        self.done.paused.append((held.lease.edition.id, result.pause[:500]))

    def _finish(self) -> None:
        """Whatever happened: put on record what is known, and let go of the chunks."""
        self._journal.composing(None)  # we live: no row has killed us
        for held, row in list(self._flight.values()):
            # The transport ended with this one's fate untold. Its content may have left if its intent is written.
            if self._journal.intended(row.id):
                self._book(held, row, Result(Outcome.IN_DOUBT, reply="the transport broke off without an answer"))
            else:
                self._book(held, row, Result(Outcome.RELEASED, reply="not begun"))
        self._flight.clear()
        self.books.finish(wait=self.done.wait)
        for edition_id, reason in self.done.paused:
            self.books.pause(edition_id, reason)
