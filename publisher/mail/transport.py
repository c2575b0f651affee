"""What the ledger and the wire say to each other.

A transport takes messages and gives a result for each. It is handed an *iterator*, from which it pulls a message
whenever it has room for one, and it *yields* a result for every message it pulled, in whatever order they
come::

    ledger                                   transport
    ──────                                   ─────────
    messages: Iterator[Outgoing]  ── pull ─→ while a connection is free
    intent(outgoing)              ←─ call ── just before the message's content could be taken by the relay
    (outgoing, result)            ←─ yield ─ its fate, exactly once for every message pulled

So one thread keeps many connections busy, nothing is queued in between, and after ``kill -9`` the only
messages in doubt are those with an intent and no result: at most one a connection. The ledger stops a
transport by ending the iterator (what is in flight is finished first) or, sooner, by ``stop()`` returning
``True``: what was pulled but not begun comes back as ``RELEASED``.

A transport never raises for what a relay does: that is a :class:`Result`. What it raises,
:class:`~publisher.errors.DeliveryError`, is about this machine (the outbox cannot be written); what is
in flight then is in doubt.

A kind of transport is one file in :mod:`publisher.mail.transports`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol


class Outgoing(NamedTuple):
    """One message on its way to one recipient. (A tuple, as is what else is made for every message: a frozen data
    class costs three times as much to make, and an edition makes millions.)

    :param delivery: the row it is of; a transport only hands it back.
    :param sender: the envelope's sender (RFC 5321 §4.5.1: MAIL FROM), empty for the null sender.
    :param recipient: one address, already validated.
    :param message: the finished message, CRLF line ends, not dot-stuffed.
    :param message_id: its Message-ID without ``<>``; the same at every attempt.
    """

    delivery: int
    sender: str
    recipient: str
    message: bytes
    message_id: str


class Outcome(StrEnum):
    """What became of one message at one attempt.

    ======== ============================================================ =====================
    sent     the relay (or the outbox) has taken responsibility           a fact
    deferred this recipient is refused for now (4xx)                      try later
    failed   this recipient or message is refused for good (5xx)          a fact
    in_doubt the content was sent, no reply came                           resend or report
    released not tried, or it was the relay's fault                       as if it had not been pulled
    ======== ============================================================ =====================
    """

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    RELEASED = "released"


class Cause(StrEnum):
    """Whose matter a reply is; decided in :mod:`publisher.mail.smtp.replies`."""

    NONE = ""
    DEAD = "dead"  # the address does not exist
    SOFT = "soft"  # the mailbox is full or the receiver is not ready
    OURS = "ours"  # our credentials, reputation, message or settings
    RELAY = "relay"  # the relay itself is in trouble


class Result(NamedTuple):
    """What became of one message.

    :param code: SMTP reply code, 0 where there was none.
    :param status: enhanced status code (RFC 3463) such as ``5.1.1``, empty where there was none.
    :param reply: the reply's text (or our own reason) as one printable line.
    :param relay: which relay replied, ``host:port``; empty for other transports.
    :param suppress: the address is dead beyond doubt and is not to be mailed again.
    :param pause: the reason a person should look before the edition goes on; empty means go on.
    :param retry_after: seconds before it is worth trying again, 0 for the ledger's own ladder.
    """

    outcome: Outcome
    code: int = 0
    status: str = ""
    reply: str = ""
    relay: str = ""
    cause: Cause = Cause.NONE
    suppress: bool = False
    pause: str = ""
    retry_after: float = 0.0


SENT = Result(Outcome.SENT)

#: ``reserve(key, count, per_second)`` books ``count`` sends and returns how many seconds to wait before the first.
Reserve = Callable[[str, int, float], float]


def never() -> bool:
    """The ``stop`` of someone who does not want to stop."""
    return False


def unlimited(key: str, count: int, per_second: float) -> float:
    """The ``reserve`` of a process that shares its rates with nobody and holds to none."""
    return 0.0


class Transport(Protocol):
    """A way for mail to leave. Not shared between threads: each opens its own."""

    def deliver(
        self,
        messages: Iterable[Outgoing],
        *,
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool] = never,
    ) -> Iterator[tuple[Outgoing, Result]]:
        """Send what ``messages`` yields; yield each one's result as it is known.

        ``intent`` is called before any byte of the content leaves; what it raises ends the sending, with
        that message not sent. A ``None``-free iterator: pulling may block only as long as preparing takes.

        :raises publisher.errors.DeliveryError: this machine cannot go on (no room, no rights).
        """
        ...

    def close(self) -> None:
        """Say goodbye and let go of connections; may be called twice, and opens again when used again."""
        ...


class OneByOne:
    """``deliver`` for a transport that handles one message at a time: only :meth:`send` is left to write."""

    def send(self, outgoing: Outgoing) -> Result:
        raise NotImplementedError

    def deliver(
        self,
        messages: Iterable[Outgoing],
        *,
        intent: Callable[[Outgoing], None],
        stop: Callable[[], bool] = never,
    ) -> Iterator[tuple[Outgoing, Result]]:
        """As :meth:`Transport.deliver`."""
        for outgoing in messages:
            if stop():
                yield outgoing, Result(Outcome.RELEASED, reply="stopped before it was begun")
                return
            intent(outgoing)
            yield outgoing, self.send(outgoing)

    def close(self) -> None:
        """Nothing is held open."""
