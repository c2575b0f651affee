"""A worker process that sends what is due until it is killed: ``python -m tests.fakes.sending_worker '{…}'``.

Its clock runs fast (``speed``), so that the ladder's minutes pass in a test; leases are as much longer, so that
only the dead lose theirs. Its patience with a silent relay is short, yet longer than a busy machine is slow.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from publisher.delivery import Options, drain, sweep
from publisher.errors import MastheadError, StoreError
from publisher.lib.backoff import doubling
from publisher.mail.smtp.session import Patience
from publisher.mail.transport import Outgoing
from publisher.store import Store, open_store
from publisher.store.chunks import DeliveryRow, EditionRow
from tests.factories import settings
from tests.publisher.mail.smtp.sending import smtp

PATIENCE = Patience(connect=4, greeting=4, command=4, tls=4, data=4, block=4, end_of_data=4)
FILLER = b"The harbour at dawn. " * 3 + b"\r\n"


@dataclass(frozen=True)
class Orders:
    """What a worker is told."""

    url: str
    journal: str
    mail: dict[str, Any]
    base: float
    speed: float = 600.0
    lines: int = 20
    batch: int = 50
    lease: float = 30.0  # seconds on a real clock
    skew: float = 0.0  # seconds that this worker's clock is wrong

    @property
    def lease_seconds(self) -> float:
        return self.lease * self.speed

    def clock(self) -> float:
        """UTC epoch seconds of a day that passes quickly; the same in all processes."""
        return self.base + (time.time() - self.base) * self.speed + self.skew


def composer(lines: int) -> Callable[[EditionRow, DeliveryRow], Outgoing]:
    """Messages that depend on everything that must not change between two attempts."""

    def compose(edition: EditionRow, row: DeliveryRow) -> Outgoing:
        message_id = f"edition-{edition.id}.{row.subscriber_id}@slow.example"
        date = format_datetime(datetime.fromtimestamp(row.first_attempt, UTC))
        head = f"Message-ID: <{message_id}>\r\nTo: {row.address}\r\nDate: {date}\r\n\r\n".encode()
        sender = f"b+{row.subscriber_id}@slow.example"
        return Outgoing(row.id, sender, row.address, head + FILLER * lines, message_id)

    return compose


def main(orders: Orders) -> None:
    store = _open(orders.url)
    chosen = settings(Path(orders.journal), mail=orders.mail)
    transport = smtp(chosen, patience=PATIENCE, pauses=doubling(0.1, 0.5))
    compose = composer(orders.lines)
    journal = Path(orders.journal)
    told: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    threading.Thread(target=_end_with_the_test, daemon=True).start()
    print("ready", flush=True)
    options = replace(
        Options(),
        lease_seconds=orders.lease_seconds,
        batch=orders.batch,
        seconds=5,
        relay_wait_seconds=0.1 * orders.speed,
    )
    while not told:
        try:
            sweep(store, journal, orders.clock, lease_seconds=orders.lease_seconds)
            done = drain(
                store, transport, compose, orders.clock, journal_directory=journal, options=options,
                stop=lambda: bool(told),
            )  # fmt: skip
        except MastheadError as error:
            print(f"worker: {error}", file=sys.stderr, flush=True)
            time.sleep(0.1)
            continue
        if not done.tried:
            time.sleep(0.02)
    transport.close()
    store.close()


def _open(url: str) -> Store:
    """As a worker of Masthead does: a database that is away at the start is waited for."""
    while True:
        try:
            return open_store(url)
        except StoreError as error:
            print(f"worker: {error}", file=sys.stderr, flush=True)
            time.sleep(0.1)


def _end_with_the_test() -> None:
    sys.stdin.read()  # nothing comes; the end of it means that the test is gone
    os._exit(0)


if __name__ == "__main__":
    main(Orders(**json.loads(sys.argv[1])))
