"""A rate that several workers share: bookings follow each other without gap or overlap."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from publisher.store import Store, open_store, rates

NOW = 1_700_000_000.0
#: A key for each example, so that one database does for all of them.
KEYS = (f"example-{number}" for number in count())


@lru_cache(maxsize=1)
def shared_store() -> Store:
    return open_store("sqlite:///:memory:")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/masthead.db")
    yield store
    store.close()


def test_the_first_booking_waits_for_nothing_and_the_next_for_the_first(store: Store) -> None:
    with store.begin() as tx:
        waits = [rates.reserve(tx, "mail", 5, 10, now=NOW) for _ in range(3)]
    assert waits == pytest.approx([0, 0.5, 1.0], abs=1e-6)


def test_keys_do_not_wait_for_each_other(store: Store) -> None:
    with store.begin() as tx:
        rates.reserve(tx, "mail", 100, 10, now=NOW)
        assert rates.reserve(tx, "relay:a", 1, 10, now=NOW) == 0


def test_time_that_nobody_used_is_not_saved_up(store: Store) -> None:
    with store.begin() as tx:
        rates.reserve(tx, "mail", 1, 10, now=NOW)
        assert rates.reserve(tx, "mail", 1, 10, now=NOW + 3600) == 0
        assert rates.reserve(tx, "mail", 1, 10, now=NOW + 3600) == pytest.approx(0.1, abs=1e-6)


def test_a_clock_that_was_ahead_once_stops_nobody_for_as_long(store: Store) -> None:
    with store.begin() as tx:
        rates.reserve(tx, "mail", 1, 10, now=NOW + 86400)
        assert rates.reserve(tx, "mail", 1, 10, now=NOW) <= rates.MAX_AHEAD_SECONDS
        for second in range(1, 70):
            wait = rates.reserve(tx, "mail", 1, 10, now=NOW + second)
        assert wait < 1


def test_a_slow_rate_may_be_booked_far_ahead(store: Store) -> None:
    with store.begin() as tx:
        waits = [rates.reserve(tx, "mail", 1, 0.01, now=NOW) for _ in range(20)]
    assert waits == pytest.approx([100.0 * place for place in range(20)], abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 3)), min_size=2, max_size=30), st.floats(0.5, 5000))
def test_never_more_is_booked_than_the_rate_allows(bookings: list[tuple[int, float]], per_second: float) -> None:
    ahead = max(rates.MAX_AHEAD_SECONDS * per_second, rates.MAX_AHEAD_SENDS)
    assume(sum(count for count, _ in bookings) <= ahead)  # beyond it a clock was ahead, not the bookings
    now, booked, first, key = NOW, 0, None, next(KEYS)
    with shared_store().begin() as tx:
        for count, passed in bookings:
            now += passed
            start = now + rates.reserve(tx, key, count, per_second, now=now)
            first = start if first is None else first
            assert booked <= (start - first) * per_second + 1e-3 * per_second
            booked += count


def booked_by_many(store: Store, workers: int, each: int) -> list[float]:
    """The instants at which ``workers`` threads, at the same time, may start each of their bookings of 10."""
    book = rates.reserver(store, lambda: NOW)
    starts: list[float] = []

    def work() -> None:
        for _ in range(each):
            starts.append(book("mail", 10, 1000))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(starts)


def test_workers_at_the_same_time_book_one_after_the_other(store: Store) -> None:
    assert booked_by_many(store, 4, 10) == pytest.approx([at / 100 for at in range(40)], abs=1e-5)


@pytest.mark.server
def test_on_postgresql_workers_at_the_same_time_book_one_after_the_other() -> None:
    psycopg = pytest.importorskip("psycopg")
    name = f"masthead_rates_{os.getpid()}"
    try:
        admin = psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", autocommit=True)
    except psycopg.OperationalError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL on 127.0.0.1: {error}")
    admin.execute(f"CREATE DATABASE {name}")
    store = open_store(f"postgresql://postgres@127.0.0.1:5432/{name}")
    try:
        waits = booked_by_many(store, 4, 10)
        # The server's clock goes on meanwhile, so each wait is a little shorter than its place in the row.
        assert all(at / 100 - 5 <= wait <= at / 100 + 1e-3 for at, wait in enumerate(waits))
        with store.read() as tx:
            free_at = tx.execute(rates.rate.select()).one().free_at
            (clock,) = tx.exec_driver_sql("select extract(epoch from clock_timestamp())::float8").one()
        assert free_at == pytest.approx(clock + 0.4, abs=5)
    finally:
        store.close()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.close()
