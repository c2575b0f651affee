"""One round of sending: all that happens in one call of :meth:`publisher.mail.smtp.client.Client.deliver`.

One ``poll`` drives all connections. A message is pulled from the ledger only when a connection can take it
(one more may wait for its rate or its domain). A message that a connection lost before its content was
complete goes back to the queue; lost twice, it is deferred. When no relay can be used, what was pulled is
released with the time to wait, and no row is touched.
"""

from __future__ import annotations

import select
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from publisher.mail.smtp.connection import Connection
from publisher.mail.smtp.pool import Pool
from publisher.mail.smtp.queue import Queue
from publisher.mail.smtp.relays import ActiveRelay
from publisher.mail.smtp.session import Session
from publisher.mail.transport import Cause, Outcome, Outgoing, Result

#: Between two looks at the clock, at ``stop`` and at relays whose time is over.
GLANCE_SECONDS, SHORT_GLANCE_SECONDS = 0.25, 0.02
#: A connection that rested longer is closed, below the five minutes most relays grant.
REST_SECONDS = 60.0
#: Without a reply for so long, a connection is given a substitute.
STALLED_SECONDS = 20.0
#: What is in flight gets this when told to stop.
GRACE_SECONDS = 8.0
#: A message may wait so long for a rate before it is released instead of held.
HELD_SECONDS = 5.0
#: A message is deferred when this much blame for lost connections has come together (``Session.returned``).
MAX_BLAME = 6


class _NotMeant(Exception):
    """The ledger could not note its intent, so the message is not sent; the reason is kept for the end."""


class Round:
    """One call of ``deliver``: a loop over the sockets of all connections until there is nothing more to do."""

    def __init__(
        self,
        pool: Pool,
        source: Iterator[Outgoing],
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool],
    ) -> None:
        self._pool = pool
        self._relays = pool.relays
        self._intent = intent
        self._stop = stop
        self._queue = Queue(source, pool.domains, pool.clock, self._source_failed)
        self._blame: Counter[int] = Counter()
        self._results: deque[tuple[Outgoing, Result]] = deque()
        self._error: BaseException | None = None
        self._stopping_since: float | None = None
        self._looking_up = False  # a connection waits for the address of its relay
        self._poll = select.poll()
        self._polled: dict[int, tuple[Connection, ActiveRelay, int]] = {}

    def run(self) -> Iterator[tuple[Outgoing, Result]]:
        clock = self._pool.clock
        self._greet_the_rested()
        glanced = float("-inf")
        while True:
            now = clock()
            if now - glanced >= (SHORT_GLANCE_SECONDS if self._looking_up else GLANCE_SECONDS):
                glanced = now
                self._glance(now)
            elif self._stopping_since is None and self._stop():
                self._begin_to_stop(now)
            self._give_work()
            self._register()
            while self._results:
                yield self._results.popleft()
            if not self._busy() and not self._queue.more:
                break
            self._wait(clock)
            while self._results:
                yield self._results.popleft()
        if self._error is not None:
            raise self._error

    def _wait(self, clock: Callable[[], float]) -> None:
        timeout = SHORT_GLANCE_SECONDS if self._looking_up else GLANCE_SECONDS
        if self._queue.wake:
            timeout = min(timeout, max(0.0, self._queue.wake - clock()))
            self._queue.wake = 0.0
        for descriptor, events in self._poll.poll(timeout * 1000 + 0.5):
            connection, relay, _ = self._polled[descriptor]
            self._move(connection, connection.ready, events)
            self._collect(connection, relay)

    def _move(self, connection: Connection, step: Callable[..., None], *arguments: object) -> None:
        """Move a connection on by one of its methods that may read; a failed ``intent`` ends the sending, but what
        is in flight is finished first."""
        try:
            step(*arguments)
        except _NotMeant:
            connection.session.lost("stopped before its content was sent", flushed=False)
            connection.session.out.clear()
            self._begin_to_stop(self._pool.clock())

    def _collect(self, connection: Connection, relay: ActiveRelay) -> None:
        session = connection.session
        if session.results:
            for outgoing, result in session.results:
                self._settled(connection, relay, outgoing, result)
            session.results.clear()
        if session.returned:
            for outgoing, blame in session.returned:
                self._came_back(session, outgoing, blame)
            session.returned.clear()
        if session.over:
            if session.fault is not None and (self._error is None or session.fault.code):
                self._relays.troubled(relay, session.fault, taken=connection.taken)
            self._forget(connection, relay)

    def _settled(self, connection: Connection, relay: ActiveRelay, outgoing: Outgoing, result: Result) -> None:
        if result.outcome is Outcome.SENT:
            connection.taken += 1
        if result.cause is not Cause.RELAY:
            self._relays.took(relay)
        self._queue.landed(outgoing)
        self._results.append((outgoing, relay.streak.judge(result, outgoing.recipient)))

    def _came_back(self, session: Session, outgoing: Outgoing, blame: int) -> None:
        self._queue.landed(outgoing)
        if self._stopping_since is not None:
            self._results.append((outgoing, _released("stopped before its content was sent")))
            return
        if blame:
            self._blame[outgoing.delivery] += blame
            if self._blame[outgoing.delivery] >= MAX_BLAME and session.fault is not None and not session.fault.pause:
                fault = session.fault
                self._results.append(
                    (
                        outgoing,
                        Result(Outcome.DEFERRED, fault.code, fault.status, fault.reply, fault.relay, Cause.RELAY),
                    )
                )
                return
        self._queue.put_back(outgoing)

    def _forget(self, connection: Connection, relay: ActiveRelay) -> None:
        self._pool.drop(connection, relay)

    def _glance(self, now: float) -> None:
        for connection, relay in list(self._pool.connections):
            self._move(connection, connection.check)
            self._collect(connection, relay)
        for relay in self._relays.all:
            relay.stalled = 0
        for connection, relay in self._pool.connections:
            relay.stalled += not connection.session.idle and now - connection.progress > STALLED_SECONDS
        if self._stopping_since is None:
            if self._stop():
                self._begin_to_stop(now)
        elif now - self._stopping_since > GRACE_SECONDS:
            for connection, relay in list(self._pool.connections):
                if not connection.session.idle:
                    reason = f"no reply within {GRACE_SECONDS:g} s of being told to stop"
                    self._move(connection, connection.give_up, reason)
                    self._collect(connection, relay)

    def _begin_to_stop(self, now: float) -> None:
        if self._stopping_since is None:
            self._stopping_since = now
        self._queue.close()
        for connection, _ in self._pool.connections:
            connection.session.holding = True
        self._results += ((outgoing, _released("stopped before it was begun")) for outgoing in self._queue.empty())

    def _source_failed(self, error: Exception) -> None:
        self._error = self._error or error
        self._begin_to_stop(self._pool.clock())

    def _greet_the_rested(self) -> None:
        """Connections kept from the last call: those that rested too long are closed, those that died forgotten."""
        now = self._pool.clock()
        for connection, relay in list(self._pool.connections):
            connection.session.before_content = partial(self._before_content, relay)
            connection.session.holding = False
            if now - connection.progress > REST_SECONDS:
                connection.session.quit()
            elif connection.session.ready:
                connection.ready(select.POLLIN)  # a relay that hung up meanwhile is noticed here, at no cost
            if connection.session.over:
                self._forget(connection, relay)

    def _busy(self) -> bool:
        return any(connection.session.current is not None for connection, _ in self._pool.connections)

    def _give_work(self) -> None:
        """Hand messages to connections with nothing to do, and open connections while there is more to do."""
        if not self._queue.more:
            return
        opening = ready = 0
        for connection, relay in list(self._pool.connections):
            session = connection.session
            if not session.ready:
                opening += 1
                continue
            ready += 1
            while session.idle:
                if not connection.welcomed:
                    connection.welcomed = True
                    self._relays.joined(relay)
                outgoing = self._pull(relay)
                if outgoing is None:
                    break
                session.begin(outgoing)
                connection.flush()
                self._collect(connection, relay)
        if opening > ready or not self._queue.more or self._queue.wake or self._any_idle():
            return
        if not self._queue.look():
            return
        relay_to_open = self._relays.to_open()
        if relay_to_open is not None:
            connection, relay = self._pool.open(relay_to_open, partial(self._before_content, relay_to_open))
            connection.check()
            self._collect(connection, relay)
        elif not self._pool.connections and self._relays.none_left():
            self._release_all(self._relays.apology())

    def _any_idle(self) -> bool:
        return any(connection.session.idle for connection, _ in self._pool.connections)

    def _before_content(self, relay: ActiveRelay, outgoing: Outgoing) -> Outgoing | None:
        """The session is about to send content: note it, and hand it the message to follow."""
        try:
            self._intent(outgoing)
        except Exception as error:
            self._error = self._error or error
            raise _NotMeant from None
        return self._pull(relay)

    def _pull(self, relay: ActiveRelay) -> Outgoing | None:
        """The next message that ``relay`` may be given now."""
        if self._stopping_since is not None or not self._relays.may_take(relay):
            return None
        for pace in (self._pool.pace, relay.pace):
            wait = pace.wait() if pace.per_second else 0.0
            if wait > 0:
                self._sleep(wait)
                return None
        outgoing = self._queue.next()
        if outgoing is None:
            return None
        self._pool.pace.take()
        relay.pace.take()
        self._relays.assigned(relay)
        return outgoing

    def _sleep(self, seconds: float) -> None:
        """A rate is used up. A short while is waited for; for a long one the messages go back."""
        if seconds > HELD_SECONDS and not self._busy():
            self._release_all(_released("the rate of [mail] is used up for now", seconds))
        else:
            self._queue.sleep(seconds)

    def _release_all(self, result: Result) -> None:
        self._queue.look()
        self._queue.close()
        self._results += ((outgoing, result) for outgoing in self._queue.empty())

    def _register(self) -> None:
        """Tell ``poll`` what changed since last time."""
        alive: set[int] = set()
        self._looking_up = False
        for connection, relay in self._pool.connections:
            descriptor = connection.descriptor
            if descriptor < 0:
                self._looking_up = True
                continue
            alive.add(descriptor)
            known = self._polled.get(descriptor)
            if known is None or known[0] is not connection or known[2] != connection.events:
                self._poll.register(descriptor, connection.events)
                self._polled[descriptor] = (connection, relay, connection.events)
        for descriptor in [one for one in self._polled if one not in alive]:
            del self._polled[descriptor]
            with suppress(KeyError):
                self._poll.unregister(descriptor)


def _released(reason: str, retry_after: float = 0.0) -> Result:
    return Result(Outcome.RELEASED, reply=reason, retry_after=retry_after)
