"""A site with an edition to send, brokers to send it by, and workers as processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from publisher.settings import load_settings
from publisher.store import articles, deliveries, editions, freezing, open_store, subscribers
from publisher.store.subscribers import NewSubscriber
from tests.factories import article, write_site

HERE = Path(__file__).parent


def absent(program: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{program} is needed by this test and is not installed; see .ci/packages")
    pytest.skip(f"{program} is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition, seconds: float = 30.0, what: str = "it", *, every: float = 0.05):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Site:
    """A site directory with workers that a test starts, stops and kills."""

    def __init__(self, directory: Path, *, database: str = "", **worker: str) -> None:
        self.directory = directory
        write_site(directory, worker={"tick_seconds": 0.3, **worker}, database={"url": database})
        self.settings = load_settings(directory)
        self.workers: list[subprocess.Popen[bytes]] = []

    def edition(self, size: int, *, chunk_size: int = 100) -> int:
        store = open_store(self.settings.database_url)
        with store.begin(snapshot=True) as tx:
            made_up = article(id=f"a{time.time_ns()}")
            articles.save(tx, made_up, source_path="a.md", now=0)
            people = [NewSubscriber(f"reader{n}@example.org") for n in range(size)]
            subscribers.import_list(tx, people, now=0, digests=["digest"])
            made = editions.create(tx, "digest", "A title", [made_up], now=0)
            freezing.freeze(tx, made, freezing.audience("digest"), now=0, chunk_size=chunk_size)
        store.close()
        return made

    def start(self, *options: str, inside: Sequence[str] = (), **environment: str) -> subprocess.Popen[bytes]:
        """A worker as a process; ``inside``: the command that runs it somewhere, such as ``ip netns exec NAME``."""
        with open(self.directory / "worker.log", "ab") as log:
            process = subprocess.Popen(
                [*inside, sys.executable, str(HERE / "run_worker.py"), str(self.directory), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        self.workers.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9 of a worker and everything it started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    def close(self) -> None:
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
            process.stdin.close()

    def sent(self) -> list[str]:
        """Every message that left, as its Message-ID, in order."""
        try:
            lines = (self.directory / "outbox.log").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [line.split()[1] for line in lines]

    def audit(self, edition: int) -> deliveries.Account:
        store = open_store(self.settings.database_url)
        with store.read() as tx:
            audit = deliveries.audit(tx, edition)
        store.close()
        assert audit.problems == ()
        assert audit.account.balanced
        return audit.account

    def done(self, edition: int) -> bool:
        account = self.audit(edition)
        return account.pending == 0

    def log(self) -> str:
        return (self.directory / "worker.log").read_text(errors="replace")


class Server:
    """A server program of one's own, in a directory of its own, that may be killed and wiped."""

    def __init__(self, directory: Path, port: int, command: list[str], environment: dict[str, str]) -> None:
        self.directory = directory
        self.port = port
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, **self._environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=self.directory,
        )
        wait_for(lambda: listening(self.port), 60, f"{self._command[0]} listening")

    def kill(self, *, wipe: bool = False) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        if wipe:
            shutil.rmtree(self.directory)
            self.directory.mkdir()

    def remove(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def redis() -> Iterator[Server]:
    """A Redis of one's own."""
    program = shutil.which("redis-server") or absent("redis-server")
    directory = Path(tempfile.mkdtemp(prefix="masthead-redis-"))
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--appendonly", "yes"]
    server = Server(directory, port, command, {})
    server.url = f"redis://127.0.0.1:{port}/0"
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def rabbitmq(address: str = "127.0.0.1") -> Iterator[Server]:
    """A RabbitMQ of one's own; guests may come from other machines too."""
    program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not program.exists():
        absent("rabbitmq-server")
    directory = Path(tempfile.mkdtemp(prefix="masthead-rabbitmq-"))
    port, distribution, names = free_port(), free_port(), free_port()
    environment = {
        "HOME": str(directory),
        "RABBITMQ_NODENAME": f"masthead{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": address,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(directory / "none"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-rabbit loopback_users []",
        "RABBITMQ_CONF_ENV_FILE": str(directory / "environment"),
    }
    server = Server(directory, port, [str(program)], environment)
    server.url = f"amqp://guest:guest@127.0.0.1:{port}//"
    try:
        server.start()
        yield server
    finally:
        server.remove()
        epmd = shutil.which("epmd")
        if epmd:
            subprocess.run([epmd, "-port", str(names), "-kill"], check=False, capture_output=True)
