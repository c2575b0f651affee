"""A transport, messages and passes of sending, for the tests of the SMTP client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from publisher.lib.backoff import doubling
from publisher.mail.smtp.session import Patience
from publisher.mail.transport import Outcome, Outgoing, Result
from publisher.mail.transports import options_of
from publisher.mail.transports.smtp import SmtpOptions, SmtpTransport
from publisher.settings import Settings
from tests import factories
from tests.fakes.relay import FaultyRelay

#: Short, so that a stall is over soon; each is far above what loopback needs.
PATIENCE = Patience(connect=2, greeting=1, command=1, tls=2, data=1, block=2, end_of_data=1)


def a_message(number: int, recipient: str = "", text: bytes = b"Hello.\r\n") -> Outgoing:
    message_id = f"edition-1.{number}@example.org"
    head = f"Message-ID: <{message_id}>\r\nFrom: a@example.org\r\n\r\n".encode()
    return Outgoing(number, f"b+{number}@example.org", recipient or f"r{number}@example.net", head + text, message_id)


def for_(*words: str) -> list[Outgoing]:
    return [a_message(at, f"{word}-{at}@example.net") for at, word in enumerate(words)]


def a_site(directory: Path, *relays: FaultyRelay, **mail: Any) -> Settings:
    own = {"security": "none", "connections": 2}
    for key in ("security", "connections", "host", "username", "password", "ca_file"):
        if key in mail:
            own[key] = mail.pop(key)
    weights = mail.pop("weights", (1,) * len(relays))
    named = [
        {"host": "127.0.0.1", **own, "port": relay.port, "weight": weight}
        for relay, weight in zip(relays, weights, strict=True)
    ]
    return factories.settings(directory, mail={"transport": "smtp", "relays": named, **mail})


def smtp(settings: Settings, *arguments: Any, **options: Any) -> SmtpTransport:
    """The SMTP transport of ``settings``."""
    own = options_of(settings, "smtp")
    assert isinstance(own, SmtpOptions)
    return SmtpTransport(own, settings, *arguments, **options)


@contextmanager
def sending(settings: Settings, **options: Any) -> Iterator[SmtpTransport]:
    options.setdefault("patience", PATIENCE)
    options.setdefault("pauses", doubling(0.2, 0.4))
    with closing(smtp(settings, **options)) as transport:
        yield transport


def nothing(_: Outgoing) -> None:
    pass


def deliver(
    transport: SmtpTransport, messages: list[Outgoing], intent: Callable[[Outgoing], None] = nothing
) -> dict[int, Result]:
    """One pass; every message pulled is answered exactly once."""
    pulled: list[int] = []

    def source() -> Iterator[Outgoing]:
        for one in messages:
            pulled.append(one.delivery)
            yield one

    answered = list(transport.deliver(source(), intent=intent))
    assert sorted(one.delivery for one, _ in answered) == sorted(pulled)
    return {one.delivery: result for one, result in answered}


def deliver_all(transport: SmtpTransport, messages: list[Outgoing]) -> dict[int, Result]:
    """As the ledger does: again and again what was released, deferred or in doubt (policy ``resend``)."""
    known: dict[int, Result] = {}
    left = messages
    again = (Outcome.RELEASED, Outcome.DEFERRED, Outcome.IN_DOUBT)
    for _ in range(40):
        results = deliver(transport, left)
        known.update(results)
        left = [one for one in messages if one.delivery not in known or known[one.delivery].outcome in again]
        if not left:
            return known
        time.sleep(min(0.1, max((result.retry_after for result in results.values()), default=0)))
    raise AssertionError(f"not settled: {known}")
