"""The whole way from a frozen edition to a relay that goes wrong, with workers that are killed meanwhile.

Each ends with lost = 0, copies only of what was in flight at a kill (or whose reply was lost) and under the same
Message-ID with the same bytes, and the account balanced. ``make faults`` runs the long set.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from publisher.delivery import sweep
from publisher.store import Store, articles, deliveries, editions, freezing, open_store, subscribers
from publisher.store.deliveries import Account
from publisher.store.subscribers import NewSubscriber
from tests.factories import article
from tests.fakes.relay import FaultyRelay, Habits, Memory
from tests.fakes.sending_worker import Orders

LONG = os.environ.get("FAULTS") == "long"
ROOT = Path(__file__).parents[2]
CONNECTIONS = 3


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    if request.param == "sqlite":
        shutil.copy(migrated, tmp_path / "masthead.db")
        return f"sqlite:///{tmp_path}/masthead.db"
    database: str = request.getfixturevalue("cluster").database()
    return database


@dataclass
class Sending:
    """An edition on its way, its workers and what became of it."""

    store: Store
    edition: int
    orders: Orders
    expected: dict[str, str]  # recipient: word
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: int = 0

    def hire(self) -> None:
        command = [sys.executable, "-m", "tests.fakes.sending_worker", json.dumps(asdict(self.orders))]
        self.workers.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    def kill_one(self, chooser: random.Random) -> None:
        """kill -9 one worker, and hire another in its place."""
        worker = self.workers.pop(chooser.randrange(len(self.workers)))
        worker.send_signal(signal.SIGKILL)
        _bury(worker)
        self.kills += 1
        self.hire()

    def account(self) -> Account:
        """The account as it stands; it must hold at every moment."""
        with self.store.read() as tx:
            audit = deliveries.audit(tx, self.edition)
        assert audit.problems == ()
        assert audit.account.balanced
        return audit.account

    def settled(self, within: float) -> Account:
        """Wait until nothing is pending any more."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            sweep(self.store, Path(self.orders.journal), self.orders.clock, lease_seconds=self.orders.lease_seconds)
            account = self.account()
            if not account.pending:
                return account
            time.sleep(0.05)
        raise AssertionError(f"not settled within {within} s: {self.account()}")

    def until(self, sent: int, within: float = 30) -> None:
        deadline = time.monotonic() + within
        while self.account().sent < sent:
            assert time.monotonic() < deadline, f"stands still at {self.account()}"
            time.sleep(0.02)


def _bury(worker: subprocess.Popen[bytes]) -> None:
    worker.wait(10)
    for pipe in (worker.stdin, worker.stdout):
        assert pipe is not None
        pipe.close()


@contextmanager
def sending(
    url: str,
    directory: Path,
    words: Counter[str],
    relays: list[FaultyRelay],
    *,
    workers: int = 2,
    policy: str = "resend",
) -> Iterator[Sending]:
    """An edition for so many recipients of each word, frozen, and workers that send it."""
    recipients = [f"{word}-{n}@d{n % 7}.example" for word, count in sorted(words.items()) for n in range(count)]
    random.Random(7).shuffle(recipients)
    base = time.time()
    mail = {
        "transport": "smtp",
        "relays": [
            {"host": "127.0.0.1", "port": relay.port, "security": "none", "connections": CONNECTIONS}
            for relay in relays
        ],
    }
    orders = Orders(url, str(directory / "journal"), mail, base)
    store = open_store(url)
    with store.begin(snapshot=True) as tx:
        articles.save(tx, article(), source_path="a.md", now=base)
        people = [NewSubscriber(address) for address in recipients]
        subscribers.import_list(tx, people, now=base, digests=["weekly"])
        made = editions.create(tx, "weekly", "A title", [article()], now=base, policy=policy)
        freezing.freeze(tx, made, freezing.audience("weekly"), now=base, chunk_size=60)
    expected = {recipient: recipient.partition("-")[0].partition("x")[0] for recipient in recipients}
    run = Sending(store, made, orders, expected)
    try:
        for _ in range(workers):
            run.hire()
        yield run
    finally:
        for worker in run.workers:
            worker.kill()
            _bury(worker)
        store.close()


PERMANENT = {"550", "552", "554", "571", "chatty"}
#: Words after which a message has been taken although no proper reply came.
TAKEN_UNSEEN = {"mute", "garbageend"}


def check(run: Sending, account: Account, *memories: Memory, kills: int = 0) -> None:
    """Lost nothing; copies only where they may be; each copy is the same message; refused for good is asked once."""
    taken: Counter[str] = Counter()
    for memory in memories:
        taken.update(memory.recipients)
        for message_id, contents in memory.contents.items():
            assert len(contents) == 1, f"{message_id} was sent with different bytes"
    for message_id in {one for memory in memories for one in memory.contents}:
        assert len({c for memory in memories for c in memory.contents.get(message_id, ())}) == 1
    wanted = {recipient for recipient, word in run.expected.items() if word not in PERMANENT}
    assert wanted - set(taken) == set(), "lost"
    assert set(taken) <= wanted
    unseen = sum(word in TAKEN_UNSEEN for word in run.expected.values())
    copies = sum(taken.values()) - len(taken)
    assert copies <= kills * CONNECTIONS * len(memories) + unseen
    assert (account.sent, account.pending, account.in_doubt) == (len(wanted), 0, 0)
    assert account.failed + account.suppressed == len(run.expected) - len(wanted)
    for memory in memories:
        assert memory.overlapping_data == 0
    if not kills:
        asked: Counter[str] = Counter()
        for memory in memories:
            asked.update(memory.refused)
        assert all(asked[one] == 1 for one, word in run.expected.items() if word in PERMANENT)


MIX = Counter(
    {
        "ok": 120, "450": 8, "450x2": 4, "451": 8, "452": 3, "454": 2, "421": 3, "421end": 2, "550": 8, "552": 4,
        "554": 6, "571": 3, "chatty": 2, "garbage": 3, "hangup": 3, "drop": 4, "stall": 1, "stallrcpt": 1,
    }
)  # fmt: skip


def test_every_fault_of_a_relay_at_once_loses_nothing_and_doubles_nothing(url: str, tmp_path: Path) -> None:
    with FaultyRelay() as relay, sending(url, tmp_path, MIX, [relay]) as run:
        check(run, run.settled(80), relay.memory)
        assert relay.memory.copies == 0


def test_a_reply_that_is_lost_makes_one_copy_under_the_same_id_and_no_more(url: str, tmp_path: Path) -> None:
    words = Counter({"ok": 80, "mute": 6, "garbageend": 2})
    with FaultyRelay() as relay, sending(url, tmp_path, words, [relay]) as run:
        check(run, run.settled(80), relay.memory)
        assert relay.memory.copies == 8


def test_with_the_policy_report_a_lost_reply_makes_no_copy_and_is_listed(url: str, tmp_path: Path) -> None:
    words = Counter({"ok": 80, "mute": 6, "450": 5})
    with FaultyRelay() as relay, sending(url, tmp_path, words, [relay], policy="report") as run:
        account = run.settled(80)
        assert (account.sent, account.in_doubt, relay.memory.copies) == (85, 6, 0)
        assert len(relay.memory.taken) == 91


def test_workers_killed_at_random_lose_nothing_and_double_at_most_what_was_in_flight(url: str, tmp_path: Path) -> None:
    kills = 30 if LONG else 5
    chooser = random.Random(11)
    words = Counter({"ok": 4000 if LONG else 700, "450": 10, "550": 10, "drop": 5})
    with FaultyRelay(Habits(delay=0.004)) as relay, sending(url, tmp_path, words, [relay]) as run:
        run.until(1)
        for number in range(kills):
            run.until(min(run.account().sent + 60, 50 + number * (100 if LONG else 90)), 60)
            run.kill_one(chooser)
        check(run, run.settled(120 if LONG else 60), relay.memory, kills=run.kills)


def test_a_relay_that_dies_and_comes_back_is_waited_for_and_its_edition_finishes(url: str, tmp_path: Path) -> None:
    words = Counter({"ok": 400})
    with FaultyRelay(Habits(delay=0.003)) as relay, sending(url, tmp_path, words, [relay]) as run:
        for part in (60, 160):
            run.until(part)
            relay.stop()
            time.sleep(0.3)
            relay.start()
        account = run.settled(80)
        # What was in flight when the relay died had been taken or not: both end as sent, the first as one copy.
        assert (account.sent, account.pending, account.in_doubt) == (400, 0, 0)
        assert len(relay.memory.taken) == 400
        assert relay.memory.copies <= 2 * 2 * CONNECTIONS
        assert all(len(contents) == 1 for contents in relay.memory.contents.values())


def test_two_relays_one_of_which_dies_for_good_share_the_edition_and_lose_nothing(url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        one = stack.enter_context(FaultyRelay(Habits(delay=0.003)))
        other = stack.enter_context(FaultyRelay(Habits(delay=0.003)))
        run = stack.enter_context(sending(url, tmp_path, Counter({"ok": 300, "450": 6}), [one, other]))
        run.until(80)
        one.stop()
        account = run.settled(80)
        assert account.sent == 306
        assert set(one.memory.recipients) | set(other.memory.recipients) == set(run.expected)
        assert one.memory.messages
        assert other.memory.messages


def test_a_relay_that_closes_after_fifty_and_answers_garbage_at_times_still_gets_everything(
    url: str, tmp_path: Path
) -> None:
    words = Counter({"ok": 300, "garbage": 5, "drop": 5, "421": 3})
    habits = Habits(close_after=50, say_goodbye=True)
    with FaultyRelay(habits) as relay, sending(url, tmp_path, words, [relay]) as run:
        check(run, run.settled(80), relay.memory)
        assert relay.memory.copies == 0


def test_a_stopped_worker_drains_and_doubles_nothing(url: str, tmp_path: Path) -> None:
    with FaultyRelay(Habits(delay=0.004)) as relay, sending(url, tmp_path, Counter({"ok": 500}), [relay]) as run:
        for _ in range(20 if LONG else 4):
            run.until(min(run.account().sent + 20, 450))
            worker = run.workers.pop(0)
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
            worker.terminate()
            assert worker.wait(10) == 0
            _bury(worker)
            run.hire()
        check(run, run.settled(80), relay.memory)
        assert relay.memory.copies == 0
