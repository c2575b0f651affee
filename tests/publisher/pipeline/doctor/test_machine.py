"""What the doctor sees of the machine."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections import namedtuple

import pytest

from publisher.errors import StoreError
from publisher.lib.findings import Level
from publisher.pipeline.doctor import machine
from publisher.store import open_store
from tests import factories

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path):
    return factories.settings(tmp_path)


@pytest.mark.parametrize(
    ("free", "level"), [(50_000_000, Level.FAULT), (500_000_000, Level.WARNING), (5_000_000_000, Level.OK)]
)
def test_a_full_disk_is_said_before_it_stops_the_sending(settings, monkeypatch, free, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**10, 0, free))
    found = machine.check_disk(settings)
    assert found.level is level
    assert bool(found.todo) is (level is not Level.OK)


def test_a_file_in_the_place_of_the_journal_is_named(settings):
    settings.state.mkdir()
    settings.journal.write_text("not a directory")
    found = machine.check_writable(settings)
    assert (found.level, "is a file" in found.seen) == (Level.FAULT, True)


def test_a_secret_that_others_can_read_is_named_wherever_it_stands(tmp_path):
    secret = tmp_path / "secrets" / "dkim.pem"
    secret.parent.mkdir()
    secret.write_text("x")
    secret.chmod(0o644)
    token = tmp_path / "token"
    token.write_text("x")
    token.chmod(0o640)
    settings = factories.settings(
        tmp_path,
        mail={"dkim": {"key": {"file": "secrets/dkim.pem"}}},
        channels=[{"name": "m", "kind": "mastodon", "options": {"token": {"file": "token"}}}],
    )
    found = machine.check_permissions(settings)
    assert found.level is Level.WARNING
    assert "secrets/dkim.pem" in found.seen
    assert "token" in found.seen
    assert str(secret) in found.todo
    secret.chmod(0o600)
    token.chmod(0o600)
    assert machine.check_permissions(settings).level is Level.OK


def test_a_secret_that_is_not_there_is_named_and_none_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("HERE", "swordfish")
    monkeypatch.delenv("AWAY", raising=False)
    settings = factories.settings(
        tmp_path,
        mail={"dkim": {"key": {"file": "gone.pem"}}},
        channels=[
            {"name": "m", "kind": "mastodon", "options": {"token": {"env": "HERE"}}},
            {"name": "t", "kind": "telegram", "options": {"token": {"env": "AWAY"}}},
        ],
    )
    found = machine.check_secrets(settings)
    assert found.level is Level.FAULT
    assert "AWAY" in found.seen
    assert "gone.pem" in found.seen
    assert "HERE" not in found.seen
    assert "swordfish" not in f"{found}"


def levels(found):
    return [(one.check, one.level) for one in found]


def test_a_sound_database_is_said_to_be_sound(either_store):
    found = machine.check_schema(either_store) + machine.check_integrity(either_store)
    assert levels(found) == [("database", Level.OK), ("database integrity", Level.OK)]


def test_a_damaged_database_is_found_out(settings):
    settings.state.mkdir()
    path = settings.state / "masthead.db"
    open_store(settings.database_url).close()
    content = bytearray(path.read_bytes())
    for page in range(len(content) // 4096 - 8, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert levels(machine.look_at_integrity(settings)) == [("database integrity", Level.FAULT)]


def test_a_row_that_refers_to_nothing_is_found_out(settings):
    store = open_store(settings.database_url)
    store.close()
    with sqlite3.connect(settings.state / "masthead.db") as database:
        (child, parent) = database.execute(
            'SELECT m.name, f."table" FROM sqlite_master m, pragma_foreign_key_list(m.name) f LIMIT 1'
        ).fetchone()
        columns = {row[1]: (row[2], row[3]) for row in database.execute(f"PRAGMA table_info({child})")}
        needed = {name: 7 for name, (_, required) in columns.items() if required}
        refers = [row[3] for row in database.execute(f"PRAGMA foreign_key_list({child})") if row[2] == parent]
        needed.update(dict.fromkeys(refers, 424242))
        names, marks = ", ".join(needed), ", ".join("?" * len(needed))
        database.execute("PRAGMA ignore_check_constraints=ON")
        database.execute(f"INSERT INTO {child} ({names}) VALUES ({marks})", list(needed.values()))
    database.close()
    (found,) = machine.look_at_integrity(settings)
    assert (found.level, child in found.seen) == (Level.FAULT, True)


@pytest.mark.parametrize("ahead", [-30.0, 30.0])
def test_a_database_server_with_another_clock_is_a_fault(either_store, monkeypatch, ahead):
    monkeypatch.setattr(machine.integrity, "clock_difference", lambda store: ahead)
    found = {one.check: one for one in machine.check_schema(either_store)}
    assert found["clock"].level is Level.FAULT
    assert f"{ahead:+.1f} s" in found["clock"].seen


@pytest.mark.server
def test_the_clock_of_a_server_on_this_machine_is_ours(cluster):
    with contextlib.closing(open_store(cluster.database())) as store:
        assert abs(machine.integrity.clock_difference(store)) < 1


def test_a_database_that_is_not_there_is_said_and_not_made(settings):
    assert levels(machine.look_at_schema(settings)) == [("database", Level.UNKNOWN)]
    assert machine.look_at_integrity(settings) == []
    assert not settings.state.exists()


def test_a_database_server_that_is_away_is_a_fault(tmp_path):
    away = factories.settings(tmp_path, database={"url": "postgresql://masthead:swordfish@127.0.0.1:1/x"})
    (found,) = machine.look_at_schema(away)
    assert found.level is Level.FAULT
    assert "swordfish" not in f"{found}"
    (integrity,) = machine.look_at_integrity(away)
    assert (integrity.level, "backup" in integrity.todo) == (Level.UNKNOWN, False)


def test_a_database_that_is_busy_is_not_called_damaged(settings, monkeypatch):
    def busy(store):
        raise StoreError("the database masthead.db: database is locked")

    open_store(settings.database_url).close()
    monkeypatch.setattr(machine.integrity, "problems", busy)
    (found,) = machine.look_at_integrity(settings)
    assert (found.level, "backup" in found.todo) == (Level.UNKNOWN, False)


def test_a_file_that_is_no_database_is_found_out(settings):
    settings.state.mkdir()
    (settings.state / "masthead.db").write_bytes(b"no database at all " * 1000)
    assert levels(machine.look_at_integrity(settings)) == [("database integrity", Level.FAULT)]


def test_a_database_that_waits_for_migrations_is_left_as_it_is(settings):
    settings.state.mkdir()
    path = settings.state / "masthead.db"
    path.touch()
    (found,) = machine.look_at_schema(settings)
    assert (found.check, found.level) == ("database", Level.WARNING)
    assert "masthead upgrade" in found.todo
    assert path.read_bytes() == b""
