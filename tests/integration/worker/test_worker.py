"""Real workers over each broker: an edition goes out whole, whatever is stopped or killed on the way."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from publisher.store import deliveries, open_store

HERE = Path(__file__).parent


def wait_for(condition, seconds=60.0, what="it"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def test_a_worker_that_is_stopped_and_one_that_is_killed_lose_nothing(new_site, any_broker):
    site = new_site(**any_broker)
    edition = site.edition(900)
    first = site.start()
    wait_for(lambda: len(site.sent()) > 150, what="150 messages")
    began = time.monotonic()
    first.terminate()
    assert first.wait(15) == 0, site.log()
    assert time.monotonic() - began < 12
    at_stop = site.sent()
    assert len(at_stop) == len(set(at_stop)) == site.audit(edition).sent

    second = site.start()
    wait_for(lambda: len(site.sent()) > len(at_stop) + 150, what="150 more")
    site.kill(second)
    site.audit(edition)

    site.start()
    wait_for(lambda: site.done(edition), what="the end of the edition")
    sent = site.sent()
    assert len(set(sent)) == 900
    assert len(sent) - 900 <= 2  # one connection in each of the two drains
    assert site.audit(edition).sent == 900


def test_the_settings_are_read_again_when_they_change_and_a_mistake_keeps_the_last_good_ones(new_site):
    site = new_site()
    site.start()
    log = site.directory / "collected.log"
    wait_for(lambda: log.exists() and "The Slow Post" in log.read_text())
    path = site.directory / "publication.toml"
    path.write_text(path.read_text().replace("The Slow Post", "The Slower Post"))
    wait_for(lambda: "The Slower Post" in log.read_text())
    path.write_text(path.read_text().replace("[worker]", "[wroker]"))
    wait_for(lambda: "unknown key" in site.log())
    size = log.stat().st_size
    wait_for(lambda: log.stat().st_size > size)
    assert site.log().count("unknown key") <= 3


def test_a_worker_ends_when_whoever_started_it_is_gone(new_site):
    site = new_site()
    by_pipe = site.start("--watch-stdin")
    by_death = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); p.wait()",
            sys.executable,
            str(HERE / "run_worker.py"),
            str(site.directory),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        orphan = int(by_death.stdout.readline())
        wait_for(lambda: _children(by_pipe.pid) and _children(orphan), what="the start of both")
    finally:
        by_death.kill()
        by_death.wait()
        by_death.stdout.close()
    by_pipe.stdin.close()
    assert by_pipe.wait(30) == 0
    wait_for(lambda: not _running(orphan), 30, "the orphan's end")


def _children(pid: int) -> list[str]:
    """A worker that has forked its pool has made its arrangements for the end."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_wrong_settings_are_one_line_and_a_status(tmp_path):
    (tmp_path / "publication.toml").write_text("[publication]\n")
    ended = subprocess.run(
        [sys.executable, "-m", "worker", "--site", str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "title" in ended.stderr


@pytest.mark.server
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_broker_that_is_killed_and_wiped_costs_nothing(new_site, request, kind):
    broker = request.getfixturevalue(f"{kind}_server")
    site = new_site(broker=broker.url)
    edition = site.edition(2500)
    site.start()
    for turn in range(1, 3):
        wait_for(lambda turn=turn: len(site.sent()) > turn * 300, what="more messages")
        broker.kill(wipe=True)
        time.sleep(0.5)
        broker.start()
    wait_for(lambda: site.done(edition), 60, "the end of the edition")
    assert len(site.sent()) == len(set(site.sent())) == 2500
    # The workers are still there, and take orders through the new, empty broker.
    second = site.edition(2500)
    wait_for(lambda: site.done(second), 60, "the end of the next edition")
    assert len(site.sent()) == len(set(site.sent())) == 5000
    assert "celery/beat.py" not in site.log()  # no traceback for each tick that found no broker
    assert all(process.poll() is None for process in site.workers)


def test_the_embedded_broker_may_be_deleted_under_its_workers(new_site):
    site = new_site()
    edition = site.edition(900)
    site.start()
    wait_for(lambda: len(site.sent()) > 100)
    for path in (site.directory / "state").glob("broker.db*"):
        path.unlink()
    wait_for(lambda: site.done(edition), 60, "the end of the edition")
    assert len(site.sent()) == len(set(site.sent())) == 900


def test_two_workers_with_two_ticks_share_an_edition_and_double_nothing(new_site):
    site = new_site()
    edition = site.edition(800, chunk_size=50)
    site.start()
    site.start()
    wait_for(lambda: site.done(edition), what="the end of the edition")
    assert len(site.sent()) == len(set(site.sent())) == 800
    for process in site.workers:
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(15) == 0


def _stop_outside_a_transaction(site, process):
    """SIGSTOP; SQLite has one lock for writers, and one who is stopped holding it holds up all."""
    while True:
        os.killpg(process.pid, signal.SIGSTOP)
        database = sqlite3.connect(site.settings.state / "masthead.db", timeout=1, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            os.killpg(process.pid, signal.SIGCONT)
            time.sleep(0.1)
        finally:
            database.close()


@pytest.mark.timeout(240)
def test_a_worker_that_is_stopped_with_sigstop_does_not_hold_up_the_other(new_site):
    site = new_site()
    edition = site.edition(1500, chunk_size=100)
    stopped = site.start(LEASE_SECONDS="6")
    wait_for(lambda: len(site.sent()) > 50, what="50 messages")
    _stop_outside_a_transaction(site, stopped)
    standing = len(site.sent())
    site.start(LEASE_SECONDS="6")
    wait_for(lambda: len(site.sent()) > standing + 200, 60, "messages of the other")
    wait_for(lambda: site.done(edition), 120, "the end of the edition")
    os.killpg(stopped.pid, signal.SIGCONT)
    time.sleep(2)
    assert len(set(site.sent())) == 1500
    # Two drains of the stopped one had a message each on its way, and may have it sent now that they wake.
    assert len(site.sent()) <= 1500 + 4
    account = site.audit(edition)
    assert (account.sent, account.pending) == (1500, 0)
    assert all(process.poll() is None for process in site.workers)


@pytest.mark.timeout(240)
def test_each_worker_runs_drains_of_its_own(new_site):
    site = new_site()
    edition = site.edition(3000, chunk_size=50)
    for _ in range(3):
        site.start(SECONDS_A_MESSAGE="0.1", DRAIN_SECONDS="30")
    store = open_store(site.settings.database_url)

    def drains() -> int:
        with store.read() as tx:
            return deliveries.watch(tx, edition, now=time.time()).held_by

    try:
        wait_for(lambda: drains() >= 6, 60, "six drains of three workers with three places each")
        time.sleep(3)
        assert drains() == 6
    finally:
        store.close()
