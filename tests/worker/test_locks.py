"""Locks between workers: one owner at a time, and none who stands still keeps one."""

import contextlib
import multiprocessing
import os
import signal
import time

import pytest

from worker import locks
from worker.locks import Locks
from worker.runtime import Runtime


def _hold_for_ever(directory, ready):
    with Locks(directory).hold("tick") as had:
        ready.put(had)
        time.sleep(600)


@pytest.fixture
def owner(tmp_path):
    """A process that holds the lock ``tick``."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    process = context.Process(target=_hold_for_ever, args=(tmp_path, ready))
    process.start()
    assert ready.get(timeout=30)
    yield process
    process.kill()
    process.join(10)


def test_a_lock_has_one_owner_among_threads_and_is_free_afterwards(tmp_path):
    held, also = Locks(tmp_path), Locks(tmp_path)
    with held.hold("tick") as first, held.hold("tick") as second, also.hold("tick") as third, also.hold("other") as far:
        assert (first, second, third, far) == (True, False, False, True)
    with also.hold("tick") as again:
        assert again


def test_an_owner_that_moves_keeps_its_lock_and_one_that_stands_still_loses_it(tmp_path, owner, monkeypatch, caplog):
    monkeypatch.setattr(locks, "SILENT_SECONDS", 3.0)
    mine = Locks(tmp_path)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with mine.hold("tick") as had:
            assert not had
        time.sleep(0.2)
    os.kill(owner.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while True:
        with mine.hold("tick") as had, Locks(tmp_path).hold("tick") as other:
            assert not other
            if had:
                break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "has not moved" in caplog.text
    os.kill(owner.pid, signal.SIGCONT)  # it wakes, and keeps a file that is nobody's lock any more
    time.sleep(1.5)
    with mine.hold("tick") as had:
        assert had


def test_an_owner_that_is_killed_lets_go_at_once(tmp_path, owner):
    owner.kill()
    owner.join(10)
    with Locks(tmp_path).hold("tick") as had:
        assert had


def test_each_worker_has_its_own_places_for_drains_and_one_less_than_its_tasks(tmp_path):
    workers = [Runtime(tmp_path, concurrency=3) for _ in range(3)]
    with contextlib.ExitStack() as all_of_them:
        had = [[all_of_them.enter_context(worker.place()) for _ in range(3)] for worker in workers]
    assert had == [[True, True, False]] * 3
    for worker in workers:
        worker.close()
    assert list((tmp_path / "state" / "locks").glob("drain-*")) == []
    lone = Runtime(tmp_path, concurrency=1)
    with lone.place() as had_one:
        assert had_one
