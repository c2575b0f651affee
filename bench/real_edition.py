"""A real edition, sent by real worker processes with the ledger on; shared by the benches of delivery."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from publisher.delivery import Composer, drain, sweep
from publisher.digests.composing import CompiledEdition, compose
from publisher.mail.transports import open_transport
from publisher.model import Article, Author, Edition
from publisher.pipeline import mailing
from publisher.pipeline.site import Site
from publisher.settings import Settings
from publisher.store import Store, articles, deliveries, editions, freezing, keys, open_store, subscribers
from publisher.store.rates import reserver
from publisher.store.subscribers import NewSubscriber

BASE = "https://slow.example"
VARIANT = "1"
DAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
#: The cores that we may run on; a container may not have all of the machine's.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SBIN = "/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """The path of a program of Postfix, which lies outside PATH for most people; empty where there is none."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}") or ""


def site(directory: Path, port: int = 25, connections: int = 4, **mail: object) -> Settings:
    """Settings that send to ``port`` on loopback."""
    own = {"transport": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "connections": connections}
    return Settings.model_validate(
        {
            "directory": directory,
            "publication": {"title": "The Slow Post", "base_url": BASE, "timezone": "Europe/Rome"},
            "sender": {"address": "post@slow.example", "postal_address": "1 Quiet Lane, 00100 Rome"},
            "mail": {**own, "return_domain": "bounces.slow.example", **mail},
        }
    )


def an_article(number: int) -> Article:
    """One article of an edition whose messages have about 23 KB."""
    summary = "What the fishermen know about the coast, the weather and the price of diesel, told by one of them. "
    return Article(
        id=f"a{number}",
        title=f"The harbour at dawn, part {number}",
        url=f"{BASE}/a{number}",
        published=DAY,
        updated=DAY,
        html=f"<p>{summary * 6}</p>",
        summary=summary * 2,
        section="Coast",
        authors=(Author("Ada Lovelace"),),
    )


ARTICLES = tuple(an_article(number) for number in range(1, 7))


def compiled(settings: Settings) -> CompiledEdition:
    """The edition, composed as the pipeline composes it."""
    edition = Edition(id=1, digest="digest", number=1, title="The Slow Post", created=DAY, articles=ARTICLES)
    return compose(edition, settings).compiled


def composer(settings: Settings, store: Store) -> Composer:
    """The pipeline's own: personal links and return paths with their MACs, DKIM where there is a key."""
    return mailing.composer(Site(settings, store))


def freeze(url: str, settings: Settings, size: int) -> int:
    """An edition frozen for ``size`` subscribers of an empty database; returns its id."""
    store = open_store(url)
    now = time.time()
    try:
        with store.begin() as tx:
            keys.keyring(tx)
            for article in ARTICLES:
                articles.save(tx, article, source_path=article.id, now=now)
            people = (NewSubscriber(f"reader{n}@domain{n % 50}.example", name=f"Reader {n}") for n in range(size))
            subscribers.import_list(tx, people, now=now, digests=["digest"])
        with store.begin(snapshot=True) as tx:
            made = editions.create(tx, "digest", "The Slow Post", ARTICLES, now=now)
            editions.save_variant(tx, made, VARIANT, compiled(settings).to_bytes(), now=now)
            freezing.freeze(tx, made, freezing.audience("digest", variant=VARIANT), now=now)
        return made
    finally:
        store.close()


@dataclass(frozen=True)
class Sent:
    """What one worker process says when it has finished."""

    messages: int
    began: float
    ended: float
    cpu: float
    peak: int  # bytes of resident memory
    base: int  # the same before the first message


def memory(key: str = "VmHWM") -> int:
    """This process's peak (``VmHWM``) or present (``VmRSS``) resident memory in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def work(url: str, settings: Settings, journal: Path, ready: object, go: object, answers: object) -> None:
    """One worker process: drain until nothing is due."""
    store = open_store(url)
    compose = composer(settings, store)
    transport = open_transport(settings, reserver(store))
    ready.release()  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    began, cpu, base, messages = time.time(), time.process_time(), memory("VmRSS"), 0
    for _ in range(1000):
        done = drain(store, transport, compose, journal_directory=journal)
        messages += done.sent
        if not done.more:
            break
    ended = time.time()
    answers.put(Sent(messages, began, ended, time.process_time() - cpu, memory(), base))  # type: ignore[attr-defined]
    transport.close()
    store.close()


def send(url: str, settings: Settings, journal: Path, edition: int, workers: int) -> list[Sent]:
    """Send a frozen edition with so many worker processes; nothing may be missing in the account afterwards."""
    context = multiprocessing.get_context("spawn")
    ready, go, answers = context.Semaphore(0), context.Event(), context.Queue()
    processes = [
        context.Process(target=work, args=(url, settings, journal, ready, go, answers)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        if not ready.acquire(timeout=60):
            raise RuntimeError("a worker did not start")
    go.set()
    sent = [answers.get(timeout=900) for _ in processes]
    for process in processes:
        process.join(60)
    store = open_store(url)
    sweep(store, journal, time.time)
    with store.read() as tx:
        account = deliveries.audit(tx, edition)
    store.close()
    if account.problems or account.account.sent != sum(one.messages for one in sent):
        raise RuntimeError(f"the account does not balance: {account}")
    return sent


def _place(process: int, cores: list[int]) -> None:
    if len(CORES) > 1:
        os.sched_setaffinity(process, cores)


@contextmanager
def apart_from_the_sink() -> Iterator[None]:
    """Keep this process and those it starts off the last core, which is the sink's."""
    _place(0, CORES[:-1])
    try:
        yield
    finally:
        _place(0, CORES)


@contextmanager
def sink(*options: str) -> Iterator[int]:
    """Postfix's smtp-sink on a free port, on the last core."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program("smtp-sink"), *user, *options, f"127.0.0.1:{port}", "500"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _place(process.pid, CORES[-1:])
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def source(port: int, messages: int, size: int, sessions: int) -> float:
    """Messages a second of Postfix's smtp-source, which is written in C and composes nothing."""
    counts = ["-d", "-l", str(size), "-m", str(messages), "-s", str(sessions)]
    began = time.perf_counter()
    subprocess.run([program("smtp-source"), *counts, f"127.0.0.1:{port}"], check=True, timeout=300)
    return messages / (time.perf_counter() - began)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="masthead-bench-") as name:
        yield Path(name)


@contextmanager
def database(kind: str, directory: Path) -> Iterator[str]:
    """The URL of a new, empty database: ``sqlite``, or ``postgresql`` on the server that the environment names."""
    if kind == "sqlite":
        yield f"sqlite:///{directory}/{time.monotonic_ns()}.db"
        return
    import psycopg

    server = os.environ.get("MASTHEAD_BENCH_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
    name = f"masthead_bench_{os.getpid()}_{time.monotonic_ns() % 10**9}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
