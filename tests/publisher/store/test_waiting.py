"""Locks of the database: nobody keeps one by standing still, nobody waits in silence, and the operator's limits win."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from publisher.errors import StoreError
from publisher.store import meta, open_store, postgresql, waiting


@contextmanager
def another(database_url):
    store = open_store(database_url)
    yield store
    store.close()


def note(store, value):
    with store.begin() as tx:
        meta.put(tx, "x", value)


def noted(store):
    with store.read() as tx:
        return meta.get(tx, "x")


def test_who_waits_for_a_lock_says_so_in_one_line_and_who_does_not_is_silent(
    either_store, database_url, monkeypatch, caplog
):
    monkeypatch.setattr(waiting, "SAY_SECONDS", 1.0)
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.1)
    note(either_store, "1")
    with another(database_url) as other:
        with either_store.begin() as tx:
            meta.put(tx, "x", "2")
            waiter = threading.Thread(target=note, args=(other, "3"))
            waiter.start()
            time.sleep(3.0)
        waiter.join(20)
        assert noted(other) == "3"
    lines = [record.getMessage() for record in caplog.records if record.name == "publisher.store.waiting"]
    assert len(lines) == 1
    assert "lock" in lines[0]
    assert (" for 1 s" in lines[0]) or (" for 2 s" in lines[0])
    if not either_store.is_sqlite:
        assert "idle in transaction" in lines[0]


def test_a_statement_that_only_takes_long_is_not_said_to_wait(either_store, monkeypatch, caplog):
    monkeypatch.setattr(waiting, "SAY_SECONDS", 0.5)
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 0.1)
    slow = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 4000000) SELECT count(*) FROM c"
    with either_store.begin() as tx:
        tx.execute(text(slow if either_store.is_sqlite else "SELECT pg_sleep(2)"))
    assert [record for record in caplog.records if record.name == "publisher.store.waiting"] == []


@pytest.mark.server
def test_a_lock_is_waited_for_so_long_and_no_longer(cluster, monkeypatch):
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 1)
    url = cluster.database()
    with another(url) as holder, another(url) as waiter:
        note(holder, "1")
        with holder.begin() as tx:
            meta.put(tx, "x", "2")
            with pytest.raises(StoreError, match="lock timeout"):
                note(waiter, "3")
        note(waiter, "4")
        assert noted(holder) == "4"


def _write_and_stand_still_until(store, other_has_written):
    with store.begin() as tx:
        meta.put(tx, "x", "2")
        began = time.monotonic()
        other_has_written()
        assert time.monotonic() - began < 10
        meta.put(tx, "x", "4")


@pytest.mark.server
def test_a_transaction_that_stands_still_loses_its_locks(cluster, monkeypatch):
    monkeypatch.setattr(postgresql, "IDLE_IN_TRANSACTION_SECONDS", 1)
    url = cluster.database()
    with another(url) as still, another(url) as waiter:
        note(waiter, "1")
        with pytest.raises(StoreError):
            _write_and_stand_still_until(still, lambda: note(waiter, "3"))
        assert noted(waiter) == "3"


@pytest.mark.server
def test_an_export_may_be_read_slowly(cluster, monkeypatch):
    monkeypatch.setattr(postgresql, "IDLE_IN_TRANSACTION_SECONDS", 1)
    with another(cluster.database()) as store, store.read() as tx:
        postgresql.take_time(tx)
        assert tx.scalar(text("SELECT 1")) == 1
        time.sleep(2)
        assert tx.scalar(text("SELECT 1")) == 1


SHOWN = "SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp_%' OR name ~ '^(lock|idle_in_trans.*)_timeout$'"


def _limits(url):
    with another(url) as store, store.begin() as tx:
        return dict(tx.execute(text(SHOWN)).all())


@pytest.mark.server
def test_both_ends_of_a_connection_are_told_and_what_the_operator_says_wins(cluster):
    url = cluster.database()
    ours = _limits(url)
    assert ours == {
        "tcp_keepalives_idle": "20",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "4",
        "tcp_user_timeout": "40000",
        "idle_in_transaction_session_timeout": "60000",
        "lock_timeout": "30000",
    }
    assert _limits(f"{url}?options=-c%20lock_timeout%3D7s") == ours | {"lock_timeout": "7000"}
    name = url.rpartition("/")[2]
    admin = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with admin.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '9s'"))
    admin.dispose()
    assert _limits(url) == ours | {"idle_in_transaction_session_timeout": "9000"}

    with another(f"{url}?keepalives_idle=99&connect_timeout=3") as store, store.read() as tx:
        said = tx.connection.dbapi_connection.info.get_parameters()
    assert (said["keepalives_idle"], said["connect_timeout"]) == ("99", "3")
    assert (said["keepalives_interval"], said["tcp_user_timeout"]) == ("5", "40000")
