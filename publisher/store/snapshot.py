"""The whole database as rows of values, out of one snapshot and into an empty schema.

::

    read one snapshot ─→ TableRows, table by table ─→ (a file) ─→ schema at the same revision ─→ rows ─→ migrate

The rows are the same from SQLite and from PostgreSQL, so what was read from one can be written into the other.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, LargeBinary, MetaData, Table, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from publisher.errors import StoreError
from publisher.store import (
    channels,
    consent,
    feed_readers,
    limits,
    migrate,
    notices,
    owners,
    posts,
    private_feeds,
    rates,
    reports,
    signups,
    topics,
    tracking,
    websub,
)
from publisher.store.dialect import insert
from publisher.store.tables import metadata

#: One value of a row as JSON has it; octets are ``{"b64": …}``.
Value: TypeAlias = str | int | float | bool | dict[str, str] | None

#: Rows of one statement.
BATCH = 2_000
#: After a restore, ids begin so far above those of the backup: ids that were given later stand in mail that has
#: left, and must never mean somebody or something else.
SKIPPED_IDS = 1_000_000


#: The modules that add tables of their own; a test holds them to the tables that the migrations make.
_TOPICS = (
    channels,
    consent,
    feed_readers,
    limits,
    notices,
    owners,
    posts,
    private_feeds,
    rates,
    reports,
    signups,
    topics,
    tracking,
    websub,
)


@dataclass(frozen=True, slots=True)
class Contents:
    """A database as it stands in one snapshot: its revision, the rows of each table, the last id of each counter."""

    revision: str
    tables: dict[str, int]
    counters: dict[str, int]


def contents(tx: Connection) -> Contents:
    """What there is to copy, in an order in which no row comes before one that it refers to."""
    tables = _reflected(tx).sorted_tables
    counts = {table.name: tx.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    return Contents(migrate.current(tx) or "", counts, {table.name: _last_id(tx, table) for table in _counted(tables)})


def columns(tx: Connection, name: str) -> list[str]:
    """The columns of a table, in the order of :func:`rows`."""
    return [column.name for column in _reflected(tx, name).tables[name].c]


def rows(tx: Connection, name: str) -> Iterator[list[Value]]:
    """The rows of a table by its primary key, a few thousand in memory at a time."""
    table = _reflected(tx, name).tables[name]
    query = select(table).order_by(*table.primary_key.columns)
    for row in tx.execute(query.execution_options(yield_per=BATCH)):
        yield [_out(value) for value in row]


def is_empty(tx: Connection) -> bool:
    """Whether nobody has used this database: no article, subscriber, suppression, edition or post."""
    names = ("article", "subscriber", "suppression", "edition", "post")
    tables = _reflected(tx).tables
    return not any(tx.execute(select(tables[name]).limit(1)).first() for name in names if name in tables)


def clear(tx: Connection, revision: str) -> None:
    """Drop every table and make those of ``revision``, empty.

    :raises StoreError: this program does not know the revision.
    """
    from publisher.store import chain  # loads Alembic

    _reflected(tx, version_too=True).drop_all(tx)
    chain.run(tx, None, to=revision)
    for table in reversed(_reflected(tx).sorted_tables):
        tx.execute(table.delete())


def write(tx: Connection, name: str, names: Sequence[str], values: Iterable[Sequence[Value]]) -> Iterator[int]:
    """Write rows into a table that :func:`clear` made; yields how many are written so far.

    :raises StoreError: the table or a column is not there, or a row has another number of values.
    """
    table = _reflected(tx).tables.get(name)
    if table is None or any(column not in table.c for column in names):
        raise StoreError(f"the backup has a table or column that its revision does not have: {name[:80]!r}")
    statement = insert(tx, table)
    octets = {column.name for column in table.c if isinstance(column.type, LargeBinary)}
    batch: list[dict[str, Any]] = []
    written = 0
    for row in values:
        if not isinstance(row, list) or len(row) != len(names):
            raise StoreError(f"a row of {name} in the backup is not {len(names)} values")
        batch.append({column: _in(value, column in octets) for column, value in zip(names, row, strict=True)})
        if len(batch) == BATCH:
            _execute(tx, name, statement, batch)
            written += len(batch)
            batch.clear()
            yield written
    if batch:
        _execute(tx, name, statement, batch)
    yield written + len(batch)


def _execute(tx: Connection, name: str, statement: Any, batch: list[dict[str, Any]]) -> None:
    try:
        tx.execute(statement, batch)
    except (SQLAlchemyError, TypeError, ValueError, OverflowError):
        # What the driver says may hold the row itself.
        raise StoreError(f"the database does not take a row of {name} as the backup has it") from None


def finish(tx: Connection, counters: dict[str, int]) -> None:
    """Bring the rows to the newest revision, and let ids begin :data:`SKIPPED_IDS` above the last."""
    from publisher.store import chain  # loads Alembic

    chain.run(tx, migrate.current(tx))
    for table in _counted(_reflected(tx).sorted_tables):
        last = max(counters.get(table.name, 0), tx.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0)
        _count_from(tx, table.name, last + SKIPPED_IDS)


def _reflected(tx: Connection, *only: str, version_too: bool = False) -> MetaData:
    """Our tables as they are in the database, which may hold others."""
    ours = set(only or metadata.tables) | ({migrate.TABLE} if version_too else set())
    found = MetaData()
    found.reflect(tx, only=lambda name, _: name in ours, resolve_fks=False)
    return found


def _counted(tables: Iterable[Table]) -> list[Table]:
    """Tables whose ids the database counts."""
    return [table for table in tables if "id" in table.primary_key and table.c.id.type.python_type is int]


def _last_id(tx: Connection, table: Table) -> int:
    if tx.dialect.name == "postgresql":
        name = tx.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), {"name": table.name})
        last = tx.scalar(text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")) if name else 0  # noqa: S608
        return int(last or 0)
    last = None
    if inspect(tx).has_table("sqlite_sequence"):
        last = tx.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
    return int(last or tx.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0)


def _count_from(tx: Connection, name: str, last: int) -> None:
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"), {"name": name, "last": last})
        return
    made = tx.scalar(text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": name})
    if "AUTOINCREMENT" not in str(made).upper():
        return  # it counts from its highest row; nothing outside names such an id
    tx.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
    tx.execute(text("INSERT INTO sqlite_sequence(name, seq) VALUES (:name, :last)"), {"name": name, "last": last})


def _out(value: Any) -> Value:
    if isinstance(value, (bytes, memoryview)):
        return {"b64": base64.b64encode(bytes(value)).decode("ascii")}
    kept: Value = value
    return kept


def _in(value: Value, octets: bool) -> Any:
    if isinstance(value, dict):
        if not octets or set(value) != {"b64"}:
            raise StoreError("a row of the backup holds a value that is none")
        return base64.b64decode(value["b64"], validate=True)
    return value
