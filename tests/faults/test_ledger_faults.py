"""What happens to us, not to the relay: databases killed, disks full, clocks wrong, workers that stand still.

Each ends with lost = 0, copies at most incidents × connections and the same bytes, and the account balanced.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from publisher.delivery import Options, drain, pause, resume, wait_until_clear
from publisher.errors import DeliveryError, StoreError
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.store import deliveries, subscribers
from tests.fakes.relay import FaultyRelay, Habits
from tests.fakes.sending_worker import composer
from tests.faults.test_relay_faults import LONG, check, sending
from tests.faults.test_relay_faults import url as url  # the fixture

HOUR = 3600.0


@pytest.mark.server
def test_postgresql_killed_again_and_again_costs_no_message_and_no_worker(own_cluster, tmp_path: Path) -> None:
    words = Counter({"ok": 3000 if LONG else 700, "450": 8, "550": 5})
    with FaultyRelay(Habits(delay=0.003)) as relay, sending(own_cluster.database(), tmp_path, words, [relay]) as run:
        for number in range(5 if LONG else 2):
            run.until(80 + number * 150, 60)
            own_cluster.kill()
            time.sleep(0.5)
            own_cluster.start()
        account = run.settled(90)
        assert all(worker.poll() is None for worker in run.workers)
        check(run, account, relay.memory, kills=1)
        assert relay.memory.copies == 0


@pytest.mark.timeout(240)
def test_workers_that_stand_still_past_their_lease_and_wake_up_send_no_more_than_they_had_begun(
    url: str, tmp_path: Path
) -> None:
    words = Counter({"ok": 1500 if LONG else 500})
    with FaultyRelay(Habits(delay=0.004)) as relay, sending(url, tmp_path, words, [relay], workers=0) as run:
        run.orders = replace(run.orders, speed=1.0, lease=2.0)
        run.hire()
        run.hire()
        stops = 4 if LONG else 1
        for number in range(stops):
            run.until(60 + number * 200, 60)
            still = run.workers[number % 2]
            still.send_signal(signal.SIGSTOP)
            time.sleep(4.0)
            still.send_signal(signal.SIGCONT)
        # On this clock the ladder's first minute is a minute, should a message be left in doubt.
        check(run, run.settled(90), relay.memory, kills=stops)


def test_pausing_and_resuming_again_and_again_doubles_nothing(url: str, tmp_path: Path) -> None:
    words = Counter({"ok": 1200 if LONG else 400, "450": 5})
    with FaultyRelay(Habits(delay=0.004)) as relay, sending(url, tmp_path, words, [relay]) as run:
        run.until(1)
        for _ in range(20 if LONG else 5):
            run.until(min(run.account().sent + 30, 300), 60)
            if not pause(run.store, run.edition):
                break
            _wait(lambda: _held(run) == 0)
            standing = len(relay.memory.taken)
            time.sleep(0.2)
            assert len(relay.memory.taken) == standing
            assert run.account().sent <= standing
            assert resume(run.store, run.edition)
        check(run, run.settled(80), relay.memory)
        assert relay.memory.copies == 0


@pytest.mark.parametrize("skew", [HOUR, -HOUR, 48 * HOUR, -48 * HOUR] if LONG else [HOUR, -48 * HOUR])
def test_a_worker_whose_clock_is_wrong_among_others_skips_and_doubles_nothing(
    url: str, tmp_path: Path, skew: float
) -> None:
    words = Counter({"ok": 250, "450": 8, "450x2": 4})
    with FaultyRelay(Habits(delay=0.003)) as relay, sending(url, tmp_path, words, [relay], workers=1) as run:
        right = run.orders
        run.orders = replace(right, skew=skew)
        run.hire()
        run.until(100)
        run.orders = right
        wrong = run.workers.pop()
        wrong.terminate()
        wrong.wait(10)
        wrong.stdin.close()
        wrong.stdout.close()
        run.hire()
        check(run, run.settled(80), relay.memory)
        assert relay.memory.copies == 0


def test_no_message_starts_after_a_subscriber_was_told_that_they_are_off(url: str, tmp_path: Path) -> None:
    started: dict[str, float] = {}
    told: dict[str, float] = {}

    def sees(recipient: str) -> None:
        started.setdefault(recipient, time.monotonic())

    words = Counter({"ok": 400})
    with FaultyRelay(Habits(delay=0.003), sees=sees) as relay, sending(url, tmp_path, words, [relay]) as run:
        run.until(30)
        now = run.orders.clock()
        for number, address in enumerate(sorted(run.expected)[::3]):
            with run.store.begin() as tx:
                person = subscribers.by_address(tx, address)
                if number % 2:
                    subscribers.suppress(tx, address, "complained", now=now)
                else:
                    subscribers.unsubscribe(tx, person.id, now=now)
            assert wait_until_clear(run.store, person.id, seconds=20)
            told[address] = time.monotonic()
        account = run.settled(80)
        late = [address for address, moment in told.items() if started.get(address, 0.0) > moment]
        assert late == []
        assert account.suppressed > 0
        assert account.sent + account.suppressed == 400
        assert relay.memory.copies == 0


class Counting(OneByOne):
    """Takes every message and counts it."""

    def __init__(self, at: int, then) -> None:  # type: ignore[no-untyped-def]
        self.taken: list[int] = []
        self._at, self._then = at, then

    def send(self, outgoing: Outgoing) -> Result:
        self.taken.append(outgoing.delivery)
        if len(self.taken) == self._at:
            self._then()
        return SENT


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of a few megabytes."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


@pytest.mark.server
def test_a_full_disk_stops_the_sending_and_makes_no_copy_when_there_is_room_again(
    small_disk: Path, tmp_path: Path
) -> None:
    filler = small_disk / "filler"

    def fill() -> None:
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    address = f"sqlite:///{small_disk}/masthead.db"
    with sending(address, small_disk, Counter({"ok": 3000}), [], workers=0) as run:
        transport = Counting(700, fill)
        journal = Path(run.orders.journal)

        def send(options: Options) -> None:
            drain(run.store, transport, composer(2), time.time, journal_directory=journal, options=options)

        with pytest.raises((StoreError, DeliveryError)):
            send(Options(batch=100))
        stopped_at = len(transport.taken)
        assert stopped_at <= 700 + 200  # the batch that could not be recorded, and no other
        with pytest.raises((StoreError, DeliveryError)):
            send(Options())
        assert len(transport.taken) == stopped_at
        filler.unlink()
        for _ in range(3):
            send(Options())
        assert len(transport.taken) == len(set(transport.taken)) == 3000
        assert run.account().sent == 3000


def _wait(condition, seconds: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _held(run) -> int:  # type: ignore[no-untyped-def]
    with run.store.read() as tx:
        return deliveries.watch(tx, run.edition, now=run.orders.clock()).held_by
