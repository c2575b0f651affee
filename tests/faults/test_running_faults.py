"""``masthead run``, a worker and the web alone, when what they stand on is changed under them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.errors import HOPELESS
from publisher.pipeline.site import open_site
from tests.factories import publication_toml, write_site

LONG = os.environ.get("FAULTS") == "long"
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """A process on a site."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def page(self) -> str:
        """The front page as somebody from afar is shown it; a refused connection is an error."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: slow.example\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()

    def wait_for(self, what) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if what():
                    return
            time.sleep(0.05)
        raise AssertionError(f"it did not happen in time; said: {self.said()}{self.page()[:1200]}")


@contextlib.contextmanager
def running(site: Path, part: str) -> Iterator[Running]:
    port = free_port()
    words = {
        "run": ["-m", "publisher.cli", "run", "--site", str(site), "--port", str(port)],
        "worker": ["-m", "worker", "--site", str(site)],
        "web": ["-m", "publisher.web", "--site", str(site), "--port", str(port)],
    }[part]
    log = site.parent / f"{part}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *words], stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, cwd=ROOT
        )
    try:
        yield Running(process, port, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    made = write_site(tmp_path / "site", worker={"tick_seconds": 0.3})
    (made / "articles" / "one.md").write_text("---\ntitle: One\ndate: 2026-11-01\n---\nWords.\n")
    return made


def at_work(site: Path, part: str, run: Running) -> bool:
    """Whether the part has done something on the site."""
    built = (site / "state" / "feeds" / "feeds.opml").exists()
    return (built or part == "web") and (part == "worker" or "The Slow Post" in run.page())


@pytest.mark.parametrize(("part", "status"), [("run", 1), ("worker", HOPELESS), ("web", HOPELESS)])
def test_a_database_of_a_newer_version_ends_the_process_with_one_line(site: Path, part: str, status: int) -> None:
    open_site(site).close()
    with contextlib.closing(sqlite3.connect(site / "state" / "masthead.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with running(site, part) as run:
        assert run.process.wait(PATIENCE_SECONDS) == status
        assert len(" ".join(run.said().split()).split("revision 9999")) == 2
        assert len([line for line in run.said().splitlines() if line.strip()]) <= 2  # one, wrapped by nobody
        assert "Traceback" not in run.said()


@pytest.mark.parametrize("part", ["run", "worker", "web"])
@pytest.mark.parametrize("times", range(3 if LONG else 1))
def test_a_state_directory_that_is_moved_away_stops_the_process_and_none_is_made(
    site: Path, part: str, times: int
) -> None:
    with running(site, part) as run:
        run.wait_for(lambda: at_work(site, part, run))
        (site / "state").rename(site / "elsewhere")
        assert run.process.wait(PATIENCE_SECONDS) == HOPELESS
        assert "state was moved away or replaced" in " ".join(run.said().split())
        assert "Traceback" not in run.said()
        assert not list(site.glob("state/**/*.db"))
    # Put back, it goes on where it was.
    if (site / "state").exists():
        (site / "state").rename(site / "litter")
    (site / "elsewhere").rename(site / "state")
    with running(site, part) as run:
        run.wait_for(lambda: at_work(site, part, run))


def save_settings(site: Path, text: str) -> None:
    """As an editor saves: whole, under another name first. A file that is half written is another wrong file."""
    (site / ".publication.new").write_text(text)
    os.replace(site / ".publication.new", site / "publication.toml")


def test_the_pages_follow_the_settings_without_a_refused_connection(site: Path) -> None:
    with running(site, "run") as run:
        run.wait_for(lambda: at_work(site, "run", run))
        over, failures, asked = threading.Event(), [], [0]

        def visit() -> None:
            while not over.is_set():
                try:
                    assert run.page().startswith("HTTP/1.1 200")
                    asked[0] += 1
                except (OSError, AssertionError) as error:
                    failures.append(error)
                time.sleep(0.02)

        visitor = threading.Thread(target=visit)
        visitor.start()
        try:
            for number in range(20 if LONG else 3):
                text = publication_toml(publication={"title": f"The Post no. {number}"}, worker={"tick_seconds": 0.3})
                save_settings(site, text)
                run.wait_for(lambda number=number: f"The Post no. {number}" in run.page())
            for number in range(3):
                save_settings(site, text.replace("[worker]", "[wroker]") + "\n" * number)
                run.wait_for(lambda: "wroker" in run.said())
                time.sleep(1.5)
            assert f"The Post no. {19 if LONG else 2}" in run.page()
        finally:
            over.set()
            visitor.join()
        assert failures == []
        assert asked[0] > 20
        assert run.said().count("stay as they were") == 1  # for web and worker together


@pytest.mark.parametrize("when", ["at the start", "meanwhile"])
def test_a_journal_that_is_a_file_is_one_line(site: Path, when: str) -> None:
    (site / "subscribers.csv").write_text("address\nada@example.org\n")
    (site / "publication.toml").write_text(publication_toml(worker={"tick_seconds": 0.3, "journal": "journal"}))
    journal = site / "journal"
    if when == "at the start":
        journal.touch()
    with running(site, "worker") as run:
        if when == "meanwhile":
            run.wait_for(journal.is_dir)
            journal.rename(site / "old")
            journal.touch()
        run.wait_for(lambda: "no journal can be kept in" in run.said())
        time.sleep(3)
        assert run.said().count("no journal can be kept in") == 1
        assert "Traceback" not in run.said()
        journal.unlink()
        outbox = site / "state" / "outbox" / "new"
        if when == "at the start":
            run.wait_for(lambda: outbox.is_dir() and len(list(outbox.iterdir())) == 1)
