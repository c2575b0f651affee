"""Sends through SMTP relays: several connections at once, kept between calls, in one thread.

::

    messages ─→ waiting ─→ a connection with nothing to do ─→ session ─→ results ─→ yield
                  ↑   (limits: global, relay, domain)           │
                  └──────── returned: not the message's fault ──┘

One ``poll`` drives all connections. A message is pulled from the ledger only when a connection can take it
(one more may wait for its rate or its domain). A message that a connection lost before its content was
complete goes back to ``waiting``; lost twice, it is deferred. When no relay can be used, what was pulled is
released with the time to wait, and no row is touched.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from publisher.errors import SettingsError
from publisher.lib.backoff import BackOff
from publisher.mail.smtp.connection import Connection
from publisher.mail.smtp.pace import Pace
from publisher.mail.smtp.relays import PAUSES, Relay, Relays
from publisher.mail.smtp.session import Login, Patience, Session
from publisher.mail.transport import Cause, Outcome, Outgoing, Reserve, Result, never, unlimited
from publisher.settings import Settings
from publisher.settings.mail import DomainSettings, RelaySettings

#: Seconds between two looks at the clock, at ``stop`` and at relays whose time is over.
GLANCE, SHORT_GLANCE = 0.25, 0.02
#: Seconds a connection may rest before it is closed, below the five minutes most relays grant.
REST = 60.0
#: Seconds without a reply after which a connection is given a substitute.
STALLED = 20.0
#: Seconds given to what is in flight when told to stop.
GRACE = 8.0
#: Seconds a message may wait for a rate before it is released instead of held.
HELD = 5.0
#: Messages pulled that wait for their domain; the next ones may be for others.
PARKED = 64
#: A message is deferred when this much blame for lost connections has come together (``Session.returned``).
BLAME = 6


class Transport:
    """All relays of ``[mail]``; see :class:`publisher.mail.transport.Transport`."""

    def __init__(
        self,
        settings: Settings,
        reserve: Reserve = unlimited,
        *,
        patience: Patience | None = None,
        pauses: BackOff = PAUSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        :raises SettingsError: a secret or a certificate file cannot be read.
        """
        mail = settings.mail
        self.patience = patience or Patience()
        self.clock = clock
        self.relays = Relays(
            (
                Relay(one, _login(settings, one), Pace(f"relay:{one.address}", one.rate, reserve, clock))
                for one in mail.all_relays
            ),
            clock,
            pauses,
        )
        self.pace = Pace("mail", mail.rate, reserve, clock)
        self.domains = {
            one.name.lower(): (one, Pace(f"domain:{one.name.lower()}", one.rate, reserve, clock))
            for one in mail.domains
        }
        self._contexts = {relay.settings.address: _tls(settings, relay.settings) for relay in self.relays.all}
        self.connections: list[tuple[Connection, Relay]] = []
        self._delivering = False

    def deliver(
        self,
        messages: Iterable[Outgoing],
        *,
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool] = never,
    ) -> Iterator[tuple[Outgoing, Result]]:
        """As :meth:`publisher.mail.transport.Transport.deliver`.

        ``stop`` is asked at least every quarter of a second, also while nothing moves: a good place to renew a lease.
        """
        delivery = _Delivery(self, iter(messages), intent, stop)
        try:
            yield from delivery.run()
        finally:
            self._let_go_of_the_busy()

    def open(self, relay: Relay, before_content: Callable[[Outgoing], Outgoing | None]) -> None:
        """Start one more connection to ``relay``."""
        session = Session(relay.login, before_content)
        connection = Connection(
            relay.settings.host,
            relay.settings.port,
            session,
            self._contexts[relay.settings.address],
            self.patience,
            self.clock,
        )
        relay.open += 1
        self.connections.append((connection, relay))

    def drop(self, connection: Connection, relay: Relay) -> None:
        """Forget a connection that is over."""
        connection.close()
        relay.open -= 1
        self.connections.remove((connection, relay))

    def close(self) -> None:
        """Say QUIT on every connection and let go."""
        for connection, relay in list(self.connections):
            connection.session.quit()
            self.drop(connection, relay)

    def _let_go_of_the_busy(self) -> None:
        # Only reached with busy connections when the caller went away in the middle: what is in flight is in doubt.
        # Those that are still being opened stay: the next call may need them.
        for connection, relay in list(self.connections):
            if connection.session.current is not None or connection.session.over:
                self.drop(connection, relay)


class _NotMeant(Exception):
    """The ledger could not note its intent, so the message is not sent; the reason is kept for the end."""


class _Delivery:
    """One call of ``deliver``."""

    def __init__(
        self,
        transport: Transport,
        source: Iterator[Outgoing],
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._relays = transport.relays
        self._source: Iterator[Outgoing] | None = source
        self._intent = intent
        self._stop = stop
        self._waiting: deque[Outgoing] = deque()
        self._in_flight: Counter[str] = Counter()  # by domain, for domains with a limit
        self._blame: Counter[int] = Counter()
        self._results: deque[tuple[Outgoing, Result]] = deque()
        self._error: BaseException | None = None
        self._stopping_since: float | None = None
        self._wake = 0.0
        self._looking_up = False  # a connection waits for the address of its relay
        self._poll = select.poll()
        self._polled: dict[int, tuple[Connection, Relay, int]] = {}

    def run(self) -> Iterator[tuple[Outgoing, Result]]:
        clock = self._transport.clock
        self._greet_the_rested()
        glanced = float("-inf")
        while True:
            now = clock()
            if now - glanced >= (SHORT_GLANCE if self._looking_up else GLANCE):
                glanced = now
                self._glance(now)
            elif self._stopping_since is None and self._stop():
                self._begin_to_stop(now)
            self._give_work()
            self._register()
            while self._results:
                yield self._results.popleft()
            if not self._busy() and not self._more():
                break
            self._wait(clock)
            while self._results:
                yield self._results.popleft()
        if self._error is not None:
            raise self._error

    # -- what happens on the sockets -----------------------------------------------------------------------

    def _wait(self, clock: Callable[[], float]) -> None:
        timeout = SHORT_GLANCE if self._looking_up else GLANCE
        if self._wake:
            timeout = min(timeout, max(0.0, self._wake - clock()))
            self._wake = 0.0
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
            self._begin_to_stop(self._transport.clock())

    def _collect(self, connection: Connection, relay: Relay) -> None:
        session = connection.session
        if session.results:
            for outgoing, result in session.results:
                self._answered(connection, relay, outgoing, result)
            session.results.clear()
        if session.returned:
            for outgoing, blame in session.returned:
                self._came_back(session, outgoing, blame)
            session.returned.clear()
        if session.over:
            if session.fault is not None and (self._error is None or session.fault.code):
                self._relays.troubled(relay, session.fault, taken=connection.taken)
            self._forget(connection, relay)

    def _answered(self, connection: Connection, relay: Relay, outgoing: Outgoing, result: Result) -> None:
        if result.outcome is Outcome.SENT:
            connection.taken += 1
        if result.cause is not Cause.RELAY:
            self._relays.answered(relay)
        self._release_domain(outgoing)
        self._results.append((outgoing, relay.streak.judge(result)))

    def _came_back(self, session: Session, outgoing: Outgoing, blame: int) -> None:
        self._release_domain(outgoing)
        if self._stopping_since is not None:
            self._results.append((outgoing, _released("stopped before its content was sent")))
            return
        if blame:
            self._blame[outgoing.delivery] += blame
            if self._blame[outgoing.delivery] >= BLAME and session.fault is not None and not session.fault.pause:
                fault = session.fault
                self._results.append(
                    (
                        outgoing,
                        Result(Outcome.DEFERRED, fault.code, fault.status, fault.reply, fault.relay, Cause.RELAY),
                    )
                )
                return
        self._waiting.append(outgoing)

    def _forget(self, connection: Connection, relay: Relay) -> None:
        self._transport.drop(connection, relay)

    # -- what happens on the clock -------------------------------------------------------------------------

    def _glance(self, now: float) -> None:
        for connection, relay in list(self._transport.connections):
            self._move(connection, connection.check)
            self._collect(connection, relay)
        for relay in self._relays.all:
            relay.stalled = 0
        for connection, relay in self._transport.connections:
            relay.stalled += not connection.session.idle and now - connection.progress > STALLED
        if self._stopping_since is None:
            if self._stop():
                self._begin_to_stop(now)
        elif now - self._stopping_since > GRACE:
            for connection, relay in list(self._transport.connections):
                if not connection.session.idle:
                    reason = f"no reply within {GRACE:g} s of being told to stop"
                    self._move(connection, connection.give_up, reason)
                    self._collect(connection, relay)

    def _begin_to_stop(self, now: float) -> None:
        if self._stopping_since is None:
            self._stopping_since = now
        self._source = None
        for connection, _ in self._transport.connections:
            connection.session.holding = True
        while self._waiting:
            self._results.append((self._waiting.popleft(), _released("stopped before it was begun")))

    def _greet_the_rested(self) -> None:
        """Connections kept from the last call: those that rested too long are closed, those that died forgotten."""
        now = self._transport.clock()
        for connection, relay in list(self._transport.connections):
            connection.session.before_content = partial(self._before_content, relay)
            connection.session.holding = False
            if now - connection.progress > REST:
                connection.session.quit()
            elif connection.session.ready:
                connection.ready(select.POLLIN)  # a relay that hung up meanwhile is noticed here, at no cost
            if connection.session.over:
                self._forget(connection, relay)

    # -- who gets the next message -------------------------------------------------------------------------

    def _more(self) -> bool:
        return bool(self._waiting) or self._source is not None

    def _busy(self) -> bool:
        return any(connection.session.current is not None for connection, _ in self._transport.connections)

    def _give_work(self) -> None:
        """Hand messages to connections with nothing to do, and open connections while there is more to do."""
        if not self._more():
            return
        opening = ready = 0
        for connection, relay in list(self._transport.connections):
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
        if opening > ready or not self._more() or self._wake or self._any_idle():
            return
        if not self._waiting and not self._fetch():
            return
        relay_to_open = self._relays.to_open()
        if relay_to_open is not None:
            self._transport.open(relay_to_open, partial(self._before_content, relay_to_open))
            self._transport.connections[-1][0].check()
            self._collect(*self._transport.connections[-1])
        elif not self._transport.connections and self._relays.none_left():
            self._release_all(self._relays.apology())

    def _any_idle(self) -> bool:
        return any(connection.session.idle for connection, _ in self._transport.connections)

    def _before_content(self, relay: Relay, outgoing: Outgoing) -> Outgoing | None:
        """The session is about to send content: note it, and hand it the message to follow."""
        try:
            self._intent(outgoing)
        except Exception as error:
            self._error = self._error or error
            raise _NotMeant from None
        return self._pull(relay)

    def _pull(self, relay: Relay) -> Outgoing | None:
        """The next message that ``relay`` may be given now."""
        if self._stopping_since is not None or not self._relays.may_take(relay):
            return None
        for pace in (self._transport.pace, relay.pace):
            wait = pace.wait() if pace.per_second else 0.0
            if wait > 0:
                self._sleep(wait)
                return None
        outgoing = self._next_for_its_domain()
        if outgoing is None:
            return None
        self._transport.pace.take()
        relay.pace.take()
        self._relays.assigned(relay)
        return outgoing

    def _next_for_its_domain(self) -> Outgoing | None:
        if not self._transport.domains:
            return self._waiting.popleft() if self._waiting else self._fetch_one()
        for _ in range(len(self._waiting)):
            outgoing = self._waiting.popleft()
            if self._book_domain(outgoing):
                return outgoing
            self._waiting.append(outgoing)
        while len(self._waiting) < PARKED:
            outgoing_or_none = self._fetch_one()
            if outgoing_or_none is None or self._book_domain(outgoing_or_none):
                return outgoing_or_none
            self._waiting.append(outgoing_or_none)
        return None

    def _book_domain(self, outgoing: Outgoing) -> bool:
        limits, pace = self._limits(outgoing)
        if limits is None or pace is None:
            return True
        if limits.connections and self._in_flight[limits.name] >= limits.connections:
            return False
        wait = pace.wait()
        if wait > 0:
            self._wake = min(self._wake or float("inf"), self._transport.clock() + wait)
            return False
        pace.take()
        self._in_flight[limits.name] += 1
        return True

    def _limits(self, outgoing: Outgoing) -> tuple[DomainSettings | None, Pace | None]:
        domain = outgoing.recipient.rpartition("@")[2].lower()
        return self._transport.domains.get(domain, (None, None))

    def _release_domain(self, outgoing: Outgoing) -> None:
        if self._transport.domains:
            limits, _ = self._limits(outgoing)
            if limits is not None:
                self._in_flight[limits.name] -= 1

    def _fetch(self) -> bool:
        outgoing = self._fetch_one()
        if outgoing is not None:
            self._waiting.append(outgoing)
        return outgoing is not None

    def _fetch_one(self) -> Outgoing | None:
        if self._source is None:
            return None
        try:
            outgoing = next(self._source, None)
        except Exception as error:
            self._error = self._error or error
            self._begin_to_stop(self._transport.clock())
            return None
        if outgoing is None:
            self._source = None
        return outgoing

    def _sleep(self, seconds: float) -> None:
        """A rate is used up. A short while is waited for; for a long one the messages go back."""
        if seconds > HELD and not self._busy():
            self._release_all(_released("the rate of [mail] is used up for now", seconds))
        else:
            self._wake = min(self._wake or float("inf"), self._transport.clock() + seconds)

    def _release_all(self, result: Result) -> None:
        if not self._waiting:
            self._fetch()
        self._source = None
        while self._waiting:
            self._results.append((self._waiting.popleft(), result))

    def _register(self) -> None:
        """Tell ``poll`` what changed since last time."""
        alive: set[int] = set()
        self._looking_up = False
        for connection, relay in self._transport.connections:
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


def _login(settings: Settings, relay: RelaySettings) -> Login:
    return Login(
        relay=relay.address,
        hello=settings.mail.hello or _own_name(),
        starttls=relay.security == "starttls",
        tls_from_start=relay.security == "tls",
        username=relay.username,
        password=relay.password.reveal(settings.directory) if relay.password else "",
    )


def _own_name() -> str:
    # Not getfqdn(), which asks the network and may take its time. A name without a dot tells a relay nothing.
    name = socket.gethostname()
    return name if "." in name and name.isascii() else ""


def _tls(settings: Settings, relay: RelaySettings) -> ssl.SSLContext | None:
    if relay.security == "none":
        return None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if relay.ca_file:
        try:
            context.load_verify_locations(settings.directory / relay.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"mail: ca_file = {relay.ca_file!r} cannot be read as certificates: {error}") from None
    return context
