"""The few places where SQLite and PostgreSQL say the same thing differently."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Connection, Table, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Text


def insert(tx: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that has ``on_conflict_do_nothing`` and ``on_conflict_do_update`` on this database."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


def alone(tx: Connection, what: str) -> None:
    """Until this transaction ends, nobody else is in one that asked for the same ``what``.

    SQLite has one writer anyway; PostgreSQL gives an advisory lock.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(func.hashtext(what))))


def any_of(tx: Connection, column: ColumnElement[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """``column`` is one of ``ids``, however many: one bound value, not thousands."""
    if tx.dialect.name == "postgresql":
        return column == func.any(cast(list(ids), postgresql.ARRAY(BigInteger)))
    each = func.json_each(json.dumps(list(ids))).table_valued("value")
    return column.in_(select(each.c.value))


def json_text(tx: Connection, column: ColumnElement[str], name: str) -> ColumnElement[str]:
    """The value of ``name`` in a column that holds a JSON object: a string as it is, anything else as JSON."""
    found: ColumnElement[str] = (
        func.json_extract(column, f"$.{name}", type_=Text())
        if tx.dialect.name == "sqlite"
        else cast(column, JSON)[name].as_string()
    )
    return found


class mail_domain(GenericFunction[str]):
    """The part of an address after its ``@``."""

    type = Text()
    inherit_cache = True


@compiles(mail_domain, "sqlite")
def _sqlite_domain(element: mail_domain, compiler: SQLCompiler, **options: Any) -> str:
    address = compiler.process(element.clauses, **options)
    return f"substr({address}, instr({address}, '@') + 1)"


@compiles(mail_domain, "postgresql")
def _postgresql_domain(element: mail_domain, compiler: SQLCompiler, **options: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **options)}, '@', 2)"
