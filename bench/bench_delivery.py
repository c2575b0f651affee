"""Messages a second of a real personalised edition with the ledger on, against C programs in the same run.

The reference is Postfix's ``smtp-source``: the same number of messages of the same size over the same number of
sessions to the same ``smtp-sink``, one run beside each of ours; it composes nothing and keeps no books. Ratios
are medians of the pairs, because other programs disturb both alike.

The sink, which stands for a relay on another machine, has a core of its own; the others are for the sender, theirs
or ours, with a worker for each. Left to the scheduler, a sender wakes the sink on its own core or beside it as it
happens, and ratios of the same program were 0.6 and 1.0 by turns.

    MASTHEAD_BENCH_MESSAGES=40000   messages of a run; with 8,000, a third of a second of warming up is a quarter of it
    MASTHEAD_BENCH_PAIRS=3          pairs of runs
    MASTHEAD_BENCH_MILLION=1        the memory and the cost of a million deliveries too (some minutes)
"""

from __future__ import annotations

import os
import re
import smtplib
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench import real_edition
from publisher.digests.composing import compose
from publisher.mail.transport import Outgoing
from publisher.mail.transports import open_transport
from publisher.model import Edition
from publisher.settings import Settings
from publisher.store import open_store
from publisher.store.chunks import DeliveryRow, EditionRow

MESSAGES = int(os.environ.get("MASTHEAD_BENCH_MESSAGES", "40000"))
PAIRS = int(os.environ.get("MASTHEAD_BENCH_PAIRS", "3"))
SESSIONS = 8
WORKERS = max(1, len(real_edition.CORES) - 1)


def main() -> None:
    if not real_edition.program("smtp-sink") or not real_edition.program("smtp-source"):
        print("Postfix's smtp-sink and smtp-source are not installed (Debian: postfix); nothing is measured")
        return
    with real_edition.scratch() as directory, real_edition.apart_from_the_sink(), real_edition.sink() as port:
        size = len(_some(directory, port, 1)[0].message)
        print(f"messages of {size} bytes, {SESSIONS} sessions, {WORKERS} workers, {MESSAGES} messages, {PAIRS} pairs")
        _wire(directory, port, size)
        for kind in ("sqlite", "postgresql"):
            _ledger(kind, directory, port, size)
        _signed(directory, port, size)
        _naive(directory, port)
        _rate(directory, port)
        _sizes(directory, port)


def _row(number: int) -> DeliveryRow:
    address = f"reader{number}@domain{number % 50}.example"
    return DeliveryRow(number, 1, number, address, real_edition.VARIANT, 0, 0, 1.8e9, f"Subscriber {number}")


EDITION = EditionRow(1, "digest", 1, "The Slow Post", 1.8e9, 1.8e9, "resend", None)


def _some(directory: Path, port: int, count: int) -> list[Outgoing]:
    """Messages as the ledger would compose them."""
    settings = real_edition.site(directory, port)
    with real_edition.database("sqlite", directory) as url:
        real_edition.freeze(url, settings, 1)
        store = open_store(url)
        try:
            compose = real_edition.composer(settings, store)
            return [compose(EDITION, _row(number)) for number in range(count)]
        finally:
            store.close()


def _ratio(name: str, ours: list[float], reference: list[float], note: str = "") -> None:
    ratio = statistics.median(one / other for one, other in zip(ours, reference, strict=True))
    print(
        f"{name:<44} {statistics.median(ours):>9,.0f}/s   reference {statistics.median(reference):>9,.0f}/s"
        f"   ratio {ratio:.2f}  {note}"
    )


def _wire(directory: Path, port: int, size: int) -> None:
    """The transport alone: no ledger, one process, the same bytes again and again."""
    message = _some(directory, port, 1)[0]
    ours, theirs = [], []
    transport = open_transport(real_edition.site(directory, port, SESSIONS))
    for _ in range(PAIRS):
        theirs.append(real_edition.source(port, MESSAGES, size, SESSIONS))
        began = time.perf_counter()
        messages = (message._replace(delivery=number) for number in range(MESSAGES))
        count = sum(result.outcome == "sent" for _, result in transport.deliver(messages, intent=lambda _: None))
        ours.append(count / (time.perf_counter() - began))
    transport.close()
    _ratio("the wire alone, one process", ours, theirs, "against smtp-source")


def _run(
    kind: str, directory: Path, settings: Settings, workers: int, messages: int
) -> tuple[float, list[real_edition.Sent]]:
    with real_edition.database(kind, directory) as url, tempfile.TemporaryDirectory(dir=directory) as journal:
        edition = real_edition.freeze(url, settings, messages)
        sent = real_edition.send(url, settings, Path(journal), edition, workers)
    count = sum(one.messages for one in sent)
    assert count == messages, f"{count} of {messages} were sent"
    return count / (max(one.ended for one in sent) - min(one.began for one in sent)), sent


def _ledger(kind: str, directory: Path, port: int, size: int) -> None:
    settings = real_edition.site(directory, port, SESSIONS // WORKERS)
    ours, theirs = [], []
    try:
        for _ in range(PAIRS):
            theirs.append(real_edition.source(port, MESSAGES, size, SESSIONS))
            ours.append(_run(kind, directory, settings, WORKERS, MESSAGES)[0])
    except OSError as error:
        print(f"{kind}: cannot be reached: {error}")
        return
    except Exception as error:
        if type(error).__name__ != "OperationalError":
            raise
        print(f"{kind}: cannot be reached: {error}")
        return
    _ratio(f"personalised, ledger on, {kind}", ours, theirs, "against smtp-source; promised 0.80")


def _signed(directory: Path, port: int, size: int) -> None:
    """RSA-2048 is the ceiling: how near do we come to what OpenSSL itself signs on as many processes?"""
    key = rsa.generate_private_key(65537, 2048)
    path = directory / "dkim.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    settings = real_edition.site(
        directory, port, SESSIONS // WORKERS, dkim={"selector": "s", "key": {"file": "dkim.pem"}}
    )
    ours, theirs = [], []
    for _ in range(PAIRS):
        theirs.append(_openssl())
        ours.append(_run("sqlite", directory, settings, WORKERS, max(1000, MESSAGES // 4))[0])
    _ratio("personalised, ledger on, DKIM signed", ours, theirs, "against openssl speed rsa2048")


def _openssl() -> float:
    said = subprocess.run(
        ["openssl", "speed", "-seconds", "2", "-multi", str(WORKERS), "rsa2048"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    found = re.search(r"^rsa 2048 bits\s+\S+s\s+\S+s\s+([\d.]+)", said, re.MULTILINE)
    assert found is not None, said
    return float(found[1])


def _naive(directory: Path, port: int) -> None:
    """What a script does: render and inline for every subscriber, a new connection for every message."""
    settings = real_edition.site(directory, port, SESSIONS // WORKERS)
    edition = Edition(1, "digest", 1, "The Slow Post", real_edition.DAY, real_edition.ARTICLES)
    messages = _some(directory, port, 20)
    ours, theirs = [], []
    for _ in range(PAIRS):
        began = time.perf_counter()
        for message in messages:
            compose(edition, settings)
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.sendmail(message.sender, [message.recipient], message.message)
        theirs.append(len(messages) / (time.perf_counter() - began))
        ours.append(_run("sqlite", directory, settings, WORKERS, MESSAGES)[0])
    _ratio("personalised, ledger on, sqlite", ours, theirs, "against inlining and connecting each time")


def _rate(directory: Path, port: int) -> None:
    """A rate that all workers share through the database: how near is what leaves to what was asked for?"""
    for wanted in (100, 1000):
        settings = real_edition.site(directory, port, SESSIONS // 2, rate=wanted)
        rate, _ = _run("sqlite", directory, settings, 2, wanted * 4)
        print(f"{f'[mail] rate = {wanted}, 2 workers':<44} {rate:>9,.1f}/s   ratio {rate / wanted:.3f}")


def _sizes(directory: Path, port: int) -> None:
    """Does a message of a big edition cost more, in time or in memory, than one of a small edition?"""
    sizes = [10_000, 100_000] + ([1_000_000] if os.environ.get("MASTHEAD_BENCH_MILLION") else [])
    settings = real_edition.site(directory, port, SESSIONS // WORKERS)
    print(f"{'deliveries':>12} {'messages/s':>12} {'CPU µs a message':>18} {'peak MB a worker':>18} {'growth MB':>10}")
    for size in sizes:
        rate, sent = _run("sqlite", directory, settings, WORKERS, size)
        cpu = sum(one.cpu for one in sent) / size * 1e6
        peak = max(one.peak for one in sent) / 1e6
        growth = max(one.peak - one.base for one in sent) / 1e6
        print(f"{size:>12,} {rate:>12,.0f} {cpu:>18.0f} {peak:>18.0f} {growth:>10.1f}")


if __name__ == "__main__":
    main()
