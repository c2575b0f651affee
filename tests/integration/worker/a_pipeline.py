"""The use cases of a small publication for tests of the worker: real ledger, a transport that writes to a file.

``outbox.log`` gets one line a message, appended with one write, so that what a killed process had sent is seen.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from publisher.delivery import Options, recovery
from publisher.delivery import drain as drain_ledger
from publisher.delivery import sweep as sweep_ledger
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.pipeline.site import Site
from worker.tasks import UseCases

#: Seconds of a lease, and of the wait after it for a machine that is gone; tests shorten them.
LEASE_SECONDS = float(os.environ.get("LEASE_SECONDS", Options().lease_seconds))
GRACE_SECONDS = float(os.environ.get("GRACE_SECONDS", recovery.FOREIGN_GRACE_SECONDS))


class Outbox(OneByOne):
    def __init__(self, site: Path) -> None:
        self._fd = os.open(site / "outbox.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._pause = float(os.environ.get("SECONDS_A_MESSAGE", "0.002"))

    def send(self, outgoing: Outgoing) -> Result:
        time.sleep(self._pause / 2)
        os.write(self._fd, f"{outgoing.delivery} {outgoing.message_id}\n".encode())
        time.sleep(self._pause / 2)
        return SENT

    def close(self) -> None:
        os.close(self._fd)


#: The delivery over whose composition a worker stands still; ``composing-N`` in the site says that it does.
PAUSE_AT = int(os.environ.get("PAUSE_COMPOSING", "0"))


def composer(directory: Path):
    def pausing(edition, row) -> Outgoing:
        if row.id == PAUSE_AT:
            (directory / f"composing-{row.id}").touch()
            time.sleep(600)
        return compose(edition, row)

    return pausing if PAUSE_AT else compose


def compose(edition, row) -> Outgoing:
    return Outgoing(row.id, "", row.address, b"To: you\r\n\r\nHello\r\n", f"{row.id}.{edition.id}@slow.example")


def drain(site: Site, stop):
    transport = Outbox(site.settings.directory)
    try:
        return drain_ledger(
            site.store,
            transport,
            composer(site.settings.directory),
            journal_directory=site.settings.journal,
            options=Options(seconds=float(os.environ.get("DRAIN_SECONDS", "5")), lease_seconds=LEASE_SECONDS),
            stop=stop,
        )
    finally:
        transport.close()


def sweep(site: Site) -> None:
    sweep_ledger(
        site.store, site.settings.journal, site.clock, lease_seconds=LEASE_SECONDS, foreign_grace=GRACE_SECONDS
    )


def collect(site: Site) -> None:
    path = site.settings.directory / "collected.log"
    with open(path, "a", encoding="ascii") as log:
        log.write(f"{site.settings.publication.title}\n")


def nothing(site: Site) -> None:
    """A step that these tests do not watch."""


USE_CASES = UseCases(
    plan_due=nothing,
    freeze_due=nothing,
    sweep=sweep,
    drain=drain,
    collect=collect,
    post=nothing,
    websub=nothing,
    notices=nothing,
    feedback=nothing,
)
