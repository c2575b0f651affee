"""Opening the database, and its transactions.

SQLite runs in WAL with ``synchronous=FULL``: a commit survives the loss of power, readers never wait for a
writer, and a writer takes its lock at the start (``BEGIN IMMEDIATE``), so that two of them queue up instead
of failing at the first write. On PostgreSQL a read is one ``REPEATABLE READ`` snapshot; both databases thus
give ``read()`` the same meaning, and an account that is read is balanced.

Several processes may open the same database at once: each takes the migration lock (SQLite's own writer
lock, or an advisory lock of PostgreSQL), and whoever comes second finds the work done.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from publisher.errors import SiteMoved, StoreConflict, StoreError
from publisher.store import migrate, postgresql
from publisher.store.waiting import Waiting

#: An open transaction, as :meth:`Store.begin` and :meth:`Store.read` give it.
Tx: TypeAlias = Connection

#: Seconds a writer waits for another before it gives up.
BUSY_SECONDS = 15.0
#: The advisory lock of PostgreSQL under which migrations run; any constant of our own.
MIGRATION_LOCK = 0x6D617374
#: States of PostgreSQL (SQLSTATE) in which the same transaction may be tried again: serialisation failure, deadlock.
_CONFLICTS = ("40001", "40P01")
#: The oldest SQLite with ``UPDATE … RETURNING``.
OLDEST_SQLITE = (3, 35)


class Store:
    """One database, shared by the threads of a process; safe to keep over a fork."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pid = os.getpid()
        Waiting(engine)

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self, *, snapshot: bool = False) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back by any exception. Keep it short.

        :param snapshot: all statements see the same data, on PostgreSQL too (``REPEATABLE READ``).
        :raises StoreConflict: another transaction came first (PostgreSQL); nothing was written.
        :raises StoreError: the database is busy, full or gone; nothing was written.
        """
        with self._connection() as connection:
            if snapshot and not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def rebuild(self) -> Iterator[Connection]:
        """As :meth:`begin` with a snapshot, for tables that are dropped, made, filled and migrated.

        SQLite looks at what refers to what once, before the commit.

        :raises StoreError: as :meth:`begin`; or a row refers to one that is not there. Nothing was written.
        """
        with self._connection() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with _references_let_be(connection), connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first() if self.is_sqlite else None
                if broken is not None:
                    raise StoreError(f"a row of {broken[0]} refers to a row of {broken[2]} that is not there")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot to read from.

        :raises StoreError: the database cannot be reached.
        """
        with self._connection() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(masthead_read=True)
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self._pid != os.getpid():
            # A connection must not be used from two processes: a forked child leaves the parent's alone.
            self._engine.dispose(close=False)
            self._pid = os.getpid()
        try:
            with self._engine.connect() as connection:
                yield connection
        except (IntegrityError, DataError, ProgrammingError):
            raise  # about what was asked for, not about the database
        except DBAPIError as error:
            kind = StoreConflict if getattr(error.orig, "sqlstate", "") in _CONFLICTS else StoreError
            raise kind(_one_line(self._engine.url, error.orig)) from error

    def reachable(self) -> bool:
        """Whether the database can be read now."""
        try:
            with self.read() as tx:
                tx.execute(text("SELECT 1"))
        except (StoreError, SQLAlchemyError):
            return False
        return True

    def close(self) -> None:
        """Let go of every connection; may be called twice."""
        if self._pid == os.getpid():
            self._engine.dispose()


def open_store(url: str, *, upgrade: bool = True) -> Store:
    """Open the database at ``url``, making it and bringing it up to date where needed.

    :param url: an SQLAlchemy URL of SQLite or PostgreSQL (``postgresql://`` means psycopg 3).
    :param upgrade: without, the database is taken as it is, for looking at it: nothing is made or migrated, and what
        is wrong with it is raised at the first transaction.
    :raises StoreError: it cannot be opened, or a newer Masthead made it.
    """
    parsed = _parse(url)
    if parsed.drivername == "sqlite":
        engine = _sqlite(parsed, make=upgrade)
    elif parsed.drivername == "postgresql+psycopg":
        engine = postgresql.engine(parsed)
    else:
        raise StoreError(f"the database {parsed.drivername} is not supported; use sqlite or postgresql")
    if not upgrade:
        return Store(engine)
    try:
        if engine.dialect.name == "sqlite":
            _use_wal(engine)
        with _migrating(engine) as connection:
            _bring_up_to_date(connection)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise StoreError(_one_line(parsed, error.orig if isinstance(error, DBAPIError) else error)) from error
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def is_there(url: str) -> bool:
    """Whether there is a database to open at ``url``; of a server's database only opening it can tell.

    :raises StoreError: the URL cannot be read.
    """
    file = file_of(url)
    return file is None or file.exists()


def file_of(url: str) -> Path | None:
    """The file that the database at ``url`` is; ``None`` where it is no file.

    :raises StoreError: the URL cannot be read.
    """
    parsed = _parse(url)
    in_a_file = parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:"
    return Path(str(parsed.database)) if in_a_file else None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("the database URL cannot be read; expected sqlite:///file or postgresql://…") from None
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername in ("postgresql", "postgres") else parsed


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction that one process at a time may be in."""
    with engine.connect() as connection, _references_let_be(connection), connection.begin():
        if engine.dialect.name == "postgresql":
            postgresql.take_time(connection)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        yield connection


@contextmanager
def _references_let_be(connection: Connection) -> Iterator[None]:
    """Around a transaction in which SQLite leaves alone what refers to a row or table that is deleted.

    A table that is made anew is dropped first, and nothing that refers to it may go with it (SQLite, "Making Other
    Kinds Of Table Schema Changes"). Within the transaction the pragma would change nothing.
    """
    raw = connection.connection.dbapi_connection
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _bring_up_to_date(connection: Connection) -> None:
    """Run the migrations that are missing, inside the connection's transaction: wholly or not at all."""
    at = migrate.current(connection)
    if at != migrate.head():
        from publisher.store import chain  # late: Alembic

        chain.run(connection, at)


def _sqlite(url: URL, *, make: bool) -> Engine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
    options: dict[str, object] = {"connect_args": {"check_same_thread": False, "timeout": BUSY_SECONDS}}
    if url.database and url.database != ":memory:":
        if make:
            _make_private_file(Path(url.database))
        elif not Path(url.database).exists():
            raise StoreError(f"there is no database {url.database} yet; masthead makes it at its first start")
    else:
        options["poolclass"] = StaticPool  # every connection to :memory: would be a database of its own
    engine = create_engine(url, hide_parameters=True, **options)
    if url.database and url.database != ":memory:":
        _open_no_other_file(engine, Path(url.database))

    @event.listens_for(engine, "connect")
    def _settle(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # the driver would begin transactions by itself, and too late
        dbapi_connection.execute("PRAGMA foreign_keys=ON")
        dbapi_connection.execute("PRAGMA synchronous=FULL")
        dbapi_connection.execute("PRAGMA cache_size=-8192")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("masthead_read", False)
        connection.exec_driver_sql("PRAGMA query_only=ON" if reading else "PRAGMA query_only=OFF")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _open_no_other_file(engine: Engine, path: Path) -> None:
    """Further connections go to the file of the first: SQLite would make an empty one where it was moved away."""
    opened: list[os.stat_result] = []

    @event.listens_for(engine, "do_connect")
    def _look(*_: object) -> None:
        try:
            there = path.stat()
        except FileNotFoundError:
            there = None
        if not opened and there is not None:
            opened.append(there)
        elif opened and (there is None or not os.path.samestat(opened[0], there)):
            raise SiteMoved(f"the database {path} was moved away or replaced while it is in use")


def _make_private_file(path: Path) -> None:
    """The database holds addresses: only its owner may read it (SQLite gives its other files the same mode)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"the database {path} cannot be opened: {error.strerror}") from None


def _use_wal(engine: Engine) -> None:
    """Switch to WAL; the switch does not wait for other processes by itself, so it is tried again."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        raw = engine.raw_connection()
        try:
            with suppress(sqlite3.OperationalError):
                cursor = raw.cursor()
                mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
                if mode in ("wal", "memory") or cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                    return
        finally:
            raw.close()
        if time.monotonic() > deadline:
            raise StoreError(f"the database {engine.url.database} is held by another program")
        time.sleep(0.05)


def _one_line(url: URL, error: BaseException | None) -> str:
    """What the driver said, without statement or values: they may hold addresses."""
    said = " ".join(str(error).split())
    return f"the database {url.render_as_string(hide_password=True)}: {said}"
