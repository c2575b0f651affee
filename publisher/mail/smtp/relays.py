"""Which relay takes the next message, and which is left in peace for a while. Decisions only; no sockets.

A relay's :class:`Health` is a value; each reply makes the next one::

    healthy ── trouble ─→ closed for 30 s ── time ─→ one connection as a trial ── taken ─→ healthy
                               ↑                              │
                               └── doubled, up to 10 min ─────┘

Trouble is: no connection, broken TLS, refused credentials, 421 or 454, a connection that ends before it took
anything. A connection that ends *after* it took messages (many relays allow fifty or a hundred each) is no
trouble: the relay only loses one of its connections for a while, and gets it back as it takes mail again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from publisher.lib.backoff import BackOff, doubling
from publisher.mail.refusals import Streak
from publisher.mail.smtp.pace import Pace
from publisher.mail.smtp.session import Login
from publisher.mail.smtp.values import Relay
from publisher.mail.transport import Cause, Outcome, Result

#: Messages taken running that win back one connection.
RECOVERY = 20
#: How long a relay in trouble is left in peace.
PAUSES = doubling(30.0, 600.0)


@dataclass(frozen=True, slots=True)
class Health:
    """How a relay is.

    :param failures: troubles since it last took a message.
    :param closed_until: no new connection before this instant of the clock.
    :param fewer: connections it has lost for a while.
    :param taken: messages taken since it lost one.
    :param fault: the last trouble.
    """

    failures: int = 0
    closed_until: float = 0.0
    fewer: int = 0
    taken: int = 0
    fault: Result | None = None

    def allows(self, most: int, now: float) -> int:
        """Connections it may have now, of ``most``."""
        if self.closed_until > now:
            return 0
        return 1 if self.failures else max(1, most - self.fewer)


HEALTHY = Health()


def after_success(health: Health) -> Health:
    """The relay took a message."""
    if health is HEALTHY:
        return health
    taken = health.taken + 1
    if taken < RECOVERY or not health.fewer:
        return replace(health, failures=0, closed_until=0.0, taken=taken) if health.fewer else HEALTHY
    fewer = health.fewer - 1
    return replace(health, failures=0, closed_until=0.0, fewer=fewer, taken=0) if fewer else HEALTHY


def after_trouble(health: Health, fault: Result, *, taken: int, most: int, now: float, pauses: BackOff) -> Health:
    """A connection ended with ``fault`` after it had ``taken`` messages."""
    # 454 is said by relays that want less, and a pause by those that want a person: no new connection cures that.
    if taken and fault.code != 454 and not fault.pause:
        return replace(health, fewer=min(health.fewer + 1, most - 1), taken=0, fault=fault)
    if health.closed_until > now:  # its other connections meet the same trouble: that counts once
        return replace(health, fault=fault)
    failures = health.failures + 1
    return replace(health, failures=failures, closed_until=now + pauses.wait(failures), fault=fault)


class ActiveRelay:
    """One relay in use: what we were told of it, its health, and how much of the mail it has taken on."""

    def __init__(self, relay: Relay, login: Login, pace: Pace) -> None:
        self.relay = relay
        self.login = login
        self.pace = pace
        self.streak = Streak()
        self.health = HEALTHY
        self.open = 0  # connections
        self.stalled = 0  # of these, how many have waited long for a reply
        self.share = 0.0  # messages assigned ÷ weight
        self.active = 0.0  # when it last replied

    def room(self, now: float) -> bool:
        """Whether it may have one more connection. A stalled one may wait ten minutes: it gets a substitute, once."""
        substitutes = min(self.stalled, self.relay.connections)
        return self.open - substitutes < self.health.allows(self.relay.connections, now)


class Relays:
    """All relays: fail-over, shares by weight.

    :param clock: monotonic seconds.
    """

    #: How far (in messages at weight 1) a relay may run ahead of its share before it waits for the others.
    AHEAD = 16.0
    #: A relay that has said nothing for so many seconds is not waited for.
    SILENT_SECONDS = 2.0

    def __init__(self, relays: Iterable[ActiveRelay], clock: Callable[[], float], pauses: BackOff) -> None:
        self.all = list(relays)
        self._clock = clock
        self._pauses = pauses

    def to_open(self) -> ActiveRelay | None:
        """The relay that should get the next connection: of those with room, the one furthest behind."""
        now = self._clock()
        able = [relay for relay in self.all if relay.room(now)]
        return min(able, key=lambda relay: ((relay.open + 1) / relay.relay.weight, relay.share), default=None)

    def may_take(self, relay: ActiveRelay) -> bool:
        """Whether ``relay`` may be given the next message, or should let the others catch up."""
        if len(self.all) == 1:
            return True
        now = self._clock()
        others = [
            other.share
            for other in self.all
            if other is not relay
            and other.open
            and now - other.active < self.SILENT_SECONDS
            and not other.health.failures
        ]
        return not others or relay.share <= min(others) + self.AHEAD / relay.relay.weight

    def assigned(self, relay: ActiveRelay) -> None:
        """``relay`` was given a message."""
        relay.share += 1 / relay.relay.weight

    def joined(self, relay: ActiveRelay) -> None:
        """A connection to ``relay`` is ready: it starts level with the others, not with a debt to make good."""
        relay.active = self._clock()
        level = [other.share for other in self.all if other is not relay and other.open and not other.health.failures]
        if level:
            relay.share = max(relay.share, min(level))

    def took(self, relay: ActiveRelay) -> None:
        """``relay`` took a message."""
        relay.health = after_success(relay.health)
        if len(self.all) > 1:
            relay.active = self._clock()

    def troubled(self, relay: ActiveRelay, fault: Result, *, taken: int) -> None:
        """A connection to ``relay`` ended with ``fault``."""
        relay.health = after_trouble(
            relay.health,
            fault,
            taken=taken,
            most=relay.relay.connections,
            now=self._clock(),
            pauses=self._pauses,
        )

    def none_left(self) -> bool:
        """No relay has a connection, and none may have one now."""
        now = self._clock()
        return not any(relay.open or relay.room(now) for relay in self.all)

    def apology(self) -> Result:
        """The result of a message that no relay can be asked to take: why, and when to try again."""
        now = self._clock()
        first = min(self.all, key=lambda relay: relay.health.closed_until)
        wait = max(0.0, first.health.closed_until - now)
        faults = [relay.health.fault for relay in self.all if relay.health.fault is not None]
        said = "; ".join(
            f"{fault.relay}: {str(fault.code) + ' ' if fault.code else ''}{fault.reply}" for fault in faults
        )
        pause = "" if any(not fault.pause for fault in faults) else next((fault.pause for fault in faults), "")
        cause = Cause.OURS if pause else Cause.RELAY
        reason = f"no relay can be used now ({said})"[:500]
        return Result(Outcome.RELEASED, reply=reason, cause=cause, pause=pause, retry_after=wait)
