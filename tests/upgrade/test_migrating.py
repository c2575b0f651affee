"""The database of every version that is kept is brought up to date, with every row in its place."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from publisher.cli import app
from publisher.pipeline.upgrading import pending, upgrade_database
from publisher.store import migrate
from tests.upgrade.restoring import VERSIONS, Kept, move_to_postgresql, restore

#: Tables of the program's own bookkeeping.
OURS = {"alembic_version"}
#: Columns that a migration takes away, so that nothing else goes with it: nothing read the token any more.
DROPPED = {("subscriber", "token")}


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest, tmp_path: Any) -> Kept:
    return restore(request.param, tmp_path / "site")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request: pytest.FixtureRequest, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the kept database lies, on each kind that is supported."""
    if request.param == "sqlite":
        return f"sqlite:///{kept.site}/state/masthead.db"
    found: str = request.getfixturevalue("cluster").database()
    move_to_postgresql(kept, found)
    monkeypatch.setenv("MASTHEAD_DATABASE__URL", found)
    return found


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as tx:
            if engine.dialect.name == "sqlite":
                names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            else:
                names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            tables = set(tx.scalars(text(names))) - OURS
            return {
                name: [dict(row) for row in tx.execute(text(f"SELECT * FROM {name}")).mappings()] for name in tables
            }
    finally:
        engine.dispose()


def in_order(rows: list[dict[str, Any]], columns: set[str]) -> list[str]:
    return sorted(repr([(name, row[name]) for name in sorted(columns)]) for row in rows)


def test_every_row_is_kept_as_it_was(url: str) -> None:
    before = rows_of(url)
    assert sum(map(len, before.values())) > 50
    steps = upgrade_database(url)
    assert steps
    after = rows_of(url)
    assert set(before) <= set(after)
    for table, rows in before.items():
        assert len(after[table]) == len(rows), table
        columns = {name for name in (rows[0] if rows else ()) if (table, name) not in DROPPED}
        assert in_order(after[table], columns) == in_order(rows, columns), table


def test_a_check_says_what_would_be_done_and_changes_nothing(url: str, kept: Kept) -> None:
    before = rows_of(url)
    done = CliRunner().invoke(app, ["upgrade", "--check", "--json", "--site", str(kept.site)])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["exists"]
    assert not said["done"]
    assert said["pending"][-1]["revision"] == migrate.head()
    assert all(step["title"] for step in said["pending"])
    assert rows_of(url) == before
    assert pending(url)


def test_an_upgrade_says_what_it_did_and_a_second_one_has_nothing_to_do(url: str, kept: Kept) -> None:
    waiting = pending(url)
    assert waiting
    done = CliRunner().invoke(app, ["upgrade", "--site", str(kept.site)])
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [step.revision for step in waiting]
    again = CliRunner().invoke(app, ["upgrade", "--check", "--site", str(kept.site)])
    assert "up to date" in again.stdout


KILLED = """
import sys, time
from publisher.pipeline.upgrading import upgrade_database
from publisher.store import chain
run = chain.run
def and_wait(*arguments):
    run(*arguments)
    print("migrated, not committed", flush=True)
    time.sleep(60)
chain.run = and_wait
upgrade_database(sys.argv[1])
"""


def test_an_upgrade_that_is_killed_has_done_nothing_and_the_next_does_it_all(url: str) -> None:
    before, waiting = rows_of(url), pending(url)
    command = [sys.executable, "-c", KILLED, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "migrated, not committed\n"
        process.kill()
    assert rows_of(url) == before
    assert pending(url) == waiting
    assert upgrade_database(url) == waiting
    assert pending(url) == []


def test_a_newer_database_is_refused_and_left_as_it_is(kept: Kept) -> None:
    url = f"sqlite:///{kept.site}/state/masthead.db"
    engine = create_engine(url)
    with engine.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    before = rows_of(url)
    for words in (["upgrade"], ["upgrade", "--check"]):
        done = CliRunner().invoke(app, [*words, "--site", str(kept.site)])
        assert done.exit_code == 1
        assert "install the newer one" in str(done.exception)
    assert rows_of(url) == before


def test_a_database_that_is_not_there_is_said_and_not_made(kept: Kept) -> None:
    path = kept.site / "state" / "masthead.db"
    path.unlink()
    for words in (["upgrade"], ["upgrade", "--check"]):
        done = CliRunner().invoke(app, [*words, "--site", str(kept.site)])
        assert done.exit_code == 0
        assert "no database yet" in done.stdout
    assert not path.exists()
