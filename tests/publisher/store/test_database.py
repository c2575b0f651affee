"""Opening the store: made at once, brought up to date once, and one plain line when it cannot be."""

import multiprocessing
import sqlite3
import stat
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError

import publisher.store
from publisher.errors import StoreError
from publisher.store import chain, is_there, meta, migrate, open_store, subscribers
from publisher.store.tables import metadata, schedule_run


def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/masthead.db"


@pytest.fixture
def store(tmp_path):
    with_file = open_store(url(tmp_path))
    yield with_file
    with_file.close()


def load_every_topic() -> None:
    """A topic's tables join the metadata when its module is imported."""
    import importlib
    import pkgutil

    for module in pkgutil.iter_modules(publisher.store.__path__):
        if module.name != "migrations":
            importlib.import_module(f"publisher.store.{module.name}")


def test_there_is_one_chain_of_migrations():
    assert len(chain.scripts().get_heads()) == 1


def test_the_newest_script_by_its_name_is_the_end_of_the_chain():
    assert migrate.head() == chain.scripts().get_current_head()


def test_a_migrated_database_is_what_the_tables_say(store):
    load_every_topic()
    with store.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []


def test_the_directory_and_the_file_are_made_and_only_their_owner_can_read_them(tmp_path):
    open_store(url(tmp_path)).close()
    assert stat.S_IMODE((tmp_path / "state" / "masthead.db").stat().st_mode) == 0o600


def test_it_runs_in_wal_and_every_commit_reaches_the_disk(store):
    with store.begin() as tx:
        assert tx.scalar(text("PRAGMA journal_mode")) == "wal"
        assert tx.scalar(text("PRAGMA synchronous")) == 2
        assert tx.scalar(text("PRAGMA foreign_keys")) == 1


def _open(database: str) -> None:
    open_store(database).close()


def test_processes_that_start_at_once_find_one_database_with_all_tables(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_open, args=(url(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with open_store(url(tmp_path)).read() as tx:
        assert tx.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_a_transaction_that_fails_leaves_nothing(store):
    def put_and_fail() -> None:
        with store.begin() as tx:
            meta.put(tx, "colour", "red")
            raise KeyError

    with pytest.raises(KeyError):
        put_and_fail()
    with store.read() as tx:
        assert meta.get(tx, "colour") is None


def test_a_reader_sees_one_moment_while_others_write(store):
    with store.read() as reading:
        before = reading.scalar(select(func.count()).select_from(schedule_run))
        with store.begin() as tx:
            tx.execute(insert(schedule_run).values(schedule="a", slot=1.0, outcome="fired", fired=1.0))
        assert reading.scalar(select(func.count()).select_from(schedule_run)) == before


def test_nothing_can_be_written_while_reading(store):
    with pytest.raises(StoreError, match="readonly"), store.read() as tx:
        meta.put(tx, "colour", "red")
    with store.begin() as tx:
        meta.put(tx, "colour", "red")


def test_a_key_is_made_once_and_stays(store):
    with store.begin() as tx:
        first = meta.secret_key(tx, "links")
    with store.begin() as tx:
        assert meta.secret_key(tx, "links") == first
        assert meta.secret_key(tx, "suppression") != first
    assert len(first) == 32


def test_a_database_of_a_newer_masthead_is_one_line(tmp_path):
    open_store(url(tmp_path)).close()
    database = sqlite3.connect(tmp_path / "state" / "masthead.db")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match=r"9999.*install the newer one"):
        open_store(url(tmp_path))


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "masthead.db").write_text("a shopping list, " * 100)
    with pytest.raises(StoreError) as caught:
        open_store(url(tmp_path))
    assert "not a database" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["mysql://db/masthead", "a shopping list"])
def test_another_kind_of_database_is_one_line_that_names_those_that_work(wrong):
    with pytest.raises(StoreError, match=r"sqlite.*postgresql"):
        open_store(wrong)


def test_a_password_in_the_url_is_not_shown():
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://anna:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(caught.value)


def test_an_upgrade_that_makes_the_table_of_subscribers_anew_keeps_everything_else(tmp_path):
    """The column of tokens goes; subscriptions stay, and no id of one who left is given again."""
    load_every_topic()
    engine = create_engine(f"sqlite:///{tmp_path / 'masthead.db'}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        for number in (1, 2, 3):
            values = {"n": number, "a": f"s{number}@example.org"}
            connection.execute(
                text(
                    "INSERT INTO subscriber (id, address, address_key, address_hash, token, status, created)"
                    " VALUES (:n, :a, :a, :a, :a, 'confirmed', 1.0)"
                ),
                values,
            )
            connection.execute(
                text("INSERT INTO subscription (subscriber_id, digest, active, created) VALUES (:n, 'digest', 1, 1.0)"),
                values,
            )
        connection.execute(text("DELETE FROM subscription WHERE subscriber_id = 3"))
        connection.execute(text("DELETE FROM subscriber WHERE id = 3"))
    engine.dispose()
    opened = open_store(f"sqlite:///{tmp_path / 'masthead.db'}")
    with opened.begin() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
        assert subscribers.get(tx, 2).address == "s2@example.org"
        assert [row.digest for row in subscribers.subscriptions(tx, 2)] == ["digest"]
        assert subscribers.add(tx, "new@example.org", now=2.0) == 4
        subscribers.forget(tx, 2)
        assert subscribers.subscriptions(tx, 2) == [], "what refers to a subscriber goes with them"
        assert tx.execute(text("PRAGMA foreign_key_check")).all() == []
    opened.close()


def test_a_database_that_is_only_looked_at_is_neither_made_nor_changed(tmp_path):
    with pytest.raises(StoreError, match=r"masthead makes it at its first start"):
        open_store(url(tmp_path), upgrade=False)
    assert not (tmp_path / "state").exists()
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE something (id INTEGER)")
    database.close()
    before = path.read_bytes()
    store = open_store(f"sqlite:///{path}", upgrade=False)
    with store.read() as tx:
        assert tx.scalar(text("SELECT count(*) FROM something")) == 0
    store.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("address", "there"),
    [("sqlite:///{}/a.db", True), ("sqlite:///{}/b.db", False), ("sqlite://", True), ("postgresql://h/x", True)],
)
def test_whether_a_database_is_there_is_told_without_making_it(tmp_path, address, there):
    (tmp_path / "a.db").touch()
    assert is_there(address.format(tmp_path)) is there
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_a_rebuilt_sqlite_is_refused_as_a_whole_when_a_row_refers_to_nothing(store):
    orphan = text("INSERT INTO subscription (subscriber_id, digest, active, created) VALUES (7, 'letter', true, 1)")
    with pytest.raises(StoreError, match="a row of subscription refers to a row of subscriber"), store.rebuild() as tx:
        tx.execute(orphan)
    with store.read() as tx:
        assert tx.scalar(text("SELECT count(*) FROM subscription")) == 0
    with pytest.raises(IntegrityError), store.begin() as tx:  # references hold again
        tx.execute(orphan)
