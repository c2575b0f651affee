"""Do N workers of one machine send N times as much? Real worker processes, a relay that takes 20 ms a message.

The relay is a pause, so that neither the CPU nor the disk is what is measured, but how many drains run at once:
``concurrency - 1`` in each worker. The reference is one worker in the same run.

    MASTHEAD_BENCH_SECONDS=8   seconds of one measurement
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import real_edition
from publisher import delivery
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.pipeline.site import Site
from publisher.settings import Settings, load_settings
from publisher.store import deliveries, open_store
from publisher.store.chunks import DeliveryRow, EditionRow
from worker.__main__ import run
from worker.tasks import UseCases

SECONDS = float(os.environ.get("MASTHEAD_BENCH_SECONDS", "8"))
RELAY_SECONDS = 0.02
CONCURRENCY = 3
WORKERS = (1, 2, 3)
SITE = """
[publication]
title = "The Slow Post"
base_url = "https://slow.example"
[sender]
address = "post@slow.example"
[worker]
concurrency = 3
tick_seconds = 0.5
"""


class Pause(OneByOne):
    """A relay that is slow and takes everything."""

    def send(self, outgoing: Outgoing) -> Result:
        time.sleep(RELAY_SECONDS)
        return SENT


def compose(edition: EditionRow, row: DeliveryRow) -> Outgoing:
    return Outgoing(row.id, "", row.address, b"", f"{edition.id}.{row.id}@slow.example")


def drain(site: Site, stop: Callable[[], bool]) -> delivery.Drained:
    return delivery.drain(site.store, Pause(), compose, journal_directory=site.settings.journal, stop=stop)


def nothing(site: Site) -> None:
    """A step that is not measured."""


STEPS = UseCases(nothing, nothing, drain=drain, collect=nothing, post=nothing, websub=nothing, notices=nothing)


def _rate(settings: Settings, edition: int, workers: int) -> float:
    """Messages a second of so many workers, once all of them are at work."""
    command = [sys.executable, "-m", "bench.bench_workers", str(settings.directory)]
    processes = [subprocess.Popen(command, start_new_session=True) for _ in range(workers)]
    store = open_store(settings.database_url)

    def progress() -> deliveries.Progress:
        with store.read() as tx:
            return deliveries.watch(tx, edition, now=time.time())

    try:
        deadline = time.monotonic() + 30
        while progress().held_by < workers * (CONCURRENCY - 1) and time.monotonic() < deadline:
            time.sleep(0.1)
        before, began = progress().account.sent, time.monotonic()
        time.sleep(SECONDS)
        return (progress().account.sent - before) / (time.monotonic() - began)
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        store.close()


def main() -> None:
    rates = []
    print(f"{'workers':>8} {'drains':>7} {'messages/s':>11} {'ratio':>6}")
    for workers in WORKERS:
        with real_edition.scratch() as directory:
            (directory / "publication.toml").write_text(SITE, encoding="utf-8")
            settings = load_settings(directory)
            edition = real_edition.freeze(settings.database_url, settings, 20_000)
            rates.append(_rate(settings, edition, workers))
        print(
            f"{workers:>8} {workers * (CONCURRENCY - 1):>7} {rates[-1]:>11,.0f} {rates[-1] / rates[0]:>6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(run(load_settings(Path(sys.argv[1])), use_cases=STEPS))
