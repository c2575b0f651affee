"""Many subscribers at once, by statements over whole batches.

On PostgreSQL a batch is written with COPY, on SQLite with one prepared INSERT; the statements that follow are
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, DefaultClause, Double, Integer, MetaData, Table, Text, func, select, text
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.elements import True_

from publisher.lib.addresses import Address
from publisher.store import articles, meta
from publisher.store.database import Store
from publisher.store.subscribers import hashed
from publisher.store.tables import preference_columns, subscriber, subscription


@dataclass(frozen=True, slots=True)
class Incoming:
    """One subscriber as a file has them.

    :param status: confirmed, unsubscribed or pending.
    :param suppressed: the reason never to mail them, mostly empty.
    :param created: UTC epoch seconds, where the file knows.
    :param wishes: columns that keep preferences; those that are missing have their defaults.
    :param digest: the only digest that this row is about; empty: those the import is for.
    """

    address: Address
    name: str = ""
    status: str = "confirmed"
    suppressed: str = ""
    created: float | None = None
    wishes: Mapping[str, str | int | float] = field(default_factory=dict)
    digest: str = ""


def _default(column: Column[Any]) -> str | int | float:
    """What the database puts into a column that keeps a preference when nothing is given."""
    found = column.server_default
    assert isinstance(found, DefaultClause)
    if isinstance(found.arg, str):
        value: str | int | float = column.type.python_type(found.arg)
        return value
    return isinstance(found.arg, True_)


_OF_SUBSCRIBER = preference_columns(subscriber)
_OF_SUBSCRIPTION = preference_columns(subscription)
_PREFERENCES = {column.name: _default(column) for column in (*_OF_SUBSCRIBER, *_OF_SUBSCRIPTION)}
_INCOMING = Table(
    "incoming",
    MetaData(),
    Column("line", Integer),
    *[Column(name, Text) for name in ("address", "address_key", "address_hash", "name", "status")],
    Column("suppressed", Text),
    Column("created", Double),
    Column("digest", Text),
    *[Column(column.name, column.type) for column in (*_OF_SUBSCRIBER, *_OF_SUBSCRIPTION)],
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_COLUMNS = tuple(column.name for column in _INCOMING.c)


def _listed(columns: tuple[Column[Any], ...], prefix: str = "") -> str:
    return ", ".join(prefix + column.name for column in columns)


_WITHOUT_KNOWN = """DELETE FROM incoming WHERE address_key IN
(SELECT s.address_key FROM subscriber s WHERE s.id <= :known)"""
_STOPPED = """INSERT INTO suppression (address_hash, reason, detail, created)
SELECT address_hash, suppressed, :origin, :now FROM incoming WHERE suppressed <> '' ON CONFLICT DO NOTHING"""
_NEW = f"""INSERT INTO subscriber (address, address_key, address_hash, name, status, origin, created,
  confirmed, {_listed(_OF_SUBSCRIBER)})
SELECT address, address_key, address_hash, name, status, :origin, COALESCE(created, :now),
  CASE WHEN status = 'confirmed' THEN COALESCE(created, :now) END, {_listed(_OF_SUBSCRIBER)}
FROM incoming WHERE suppressed = '' ORDER BY line ON CONFLICT DO NOTHING"""  # noqa: S608  text of our own only
_SUBSCRIBED = f"""INSERT INTO subscription (subscriber_id, digest, {_listed(_OF_SUBSCRIPTION)}, cursor, active, created)
SELECT s.id, :digest, {_listed(_OF_SUBSCRIPTION, "i.")}, :cursor, :active, :now
FROM incoming i JOIN subscriber s ON s.address_key = i.address_key
WHERE i.status = 'confirmed' AND i.suppressed = '' AND s.status = 'confirmed'
  AND (i.digest = '' OR i.digest = :digest) ON CONFLICT DO NOTHING"""  # noqa: S608  text of our own only
#: Those who were there, and about whom the file knows something that we do not.
_CHANGED = """WHERE i.address_key = subscriber.address_key AND (
  (subscriber.name = '' AND i.name <> '') OR (subscriber.language = '' AND i.language <> '')
  OR (subscriber.status = 'confirmed' AND i.status = 'unsubscribed'))"""
_FILLED = f"""UPDATE subscriber SET
  name = CASE WHEN subscriber.name = '' THEN i.name ELSE subscriber.name END,
  language = CASE WHEN subscriber.language = '' THEN i.language ELSE subscriber.language END,
  status = CASE WHEN subscriber.status = 'confirmed' AND i.status = 'unsubscribed' THEN 'unsubscribed'
    ELSE subscriber.status END
FROM incoming i {_CHANGED}"""  # noqa: S608  text of our own only
_ENDED = """UPDATE subscription SET active = :inactive, ended = :now FROM incoming i, subscriber s
WHERE s.address_key = i.address_key AND subscription.subscriber_id = s.id AND subscription.active
  AND i.status = 'unsubscribed'"""


_FRESH = """SELECT i.line, i.address, i.status, i.suppressed FROM incoming i
LEFT JOIN subscriber s ON s.address_key = i.address_key WHERE s.id IS NULL ORDER BY i.line LIMIT :limit"""
_KNOWN = f"""SELECT i.line, i.address, i.name, i.language, i.status, subscriber.name AS old_name,
  subscriber.language AS old_language, subscriber.status AS old_status
FROM incoming i, subscriber {_CHANGED} ORDER BY i.line LIMIT :limit"""  # noqa: S608  text of our own only


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a dry run's diff: what would become of the subscriber of ``line``."""

    line: int
    address: str
    what: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What batches did."""

    new: int = 0
    changed: int = 0
    suppressed: int = 0
    examples: tuple[Example, ...] = ()

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.new + other.new,
            self.changed + other.changed,
            self.suppressed + other.suppressed,
            self.examples + other.examples,
        )


class _TakenBack(Exception):
    """Ends the transaction of a dry run."""


class Importer:
    """Collects rows and writes them a batch at a time."""

    def __init__(
        self,
        store: Store,
        *,
        digests: tuple[str, ...],
        now: float,
        origin: str,
        dry_run: bool = False,
        newcomers_only: bool = False,
    ) -> None:
        self._store = store
        self._digests = digests
        self._now = now
        self._origin = origin
        self._dry_run = dry_run
        self._rows: list[tuple[Any, ...]] = []
        self._examples = 0
        with store.begin() as tx:
            self._key = meta.secret_key(tx, "suppression")
            #: Whoever has an id up to this one is left as they are.
            self._known = (tx.scalar(select(func.max(subscriber.c.id))) or 0) if newcomers_only else 0

    @property
    def waiting(self) -> int:
        return len(self._rows)

    def add(self, line: int, one: Incoming) -> None:
        """Put one subscriber into the batch."""
        wishes = one.wishes
        self._rows.append(
            (
                line,
                one.address.text,
                one.address.key,
                hashed(self._key, one.address.key),
                one.name,
                one.status,
                one.suppressed,
                one.created,
                one.digest,
                *[wishes.get(name, default) for name, default in _PREFERENCES.items()],
            )
        )

    def take(self) -> list[tuple[Any, ...]]:
        """The rows of the batch; the next one begins empty."""
        rows, self._rows = self._rows, []
        return rows

    def write(self, rows: list[tuple[Any, ...]], examples: int) -> Counts:
        """Write a batch that was taken; in a dry run, see what it would do. One at a time, on any thread.

        :param examples: at most this many lines of diff over all batches.
        """
        if not rows:
            return Counts()
        counts = Counts()
        try:
            with self._store.begin() as tx:
                self._load(tx, rows)
                shown = self._diff(tx, examples - self._examples) if self._dry_run else ()
                counts = self._apply(tx, shown)
                if self._dry_run:
                    raise _TakenBack
        except _TakenBack:
            pass
        self._examples += len(counts.examples)
        return counts

    def _load(self, tx: Connection, rows: list[tuple[Any, ...]]) -> None:
        if tx.dialect.name == "postgresql":
            tx.execute(CreateTable(_INCOMING, if_not_exists=True))
            cursor = tx.connection.cursor()
            with cursor.copy(f"COPY incoming ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            tx.execute(text("ANALYZE incoming (address_key)"))
            # Else each batch reads the whole table of subscribers, which grows with every batch.
            tx.execute(text("SET LOCAL enable_hashjoin = off"))
            tx.execute(text("SET LOCAL enable_mergejoin = off"))
        else:
            tx.execute(CreateTable(_INCOMING, if_not_exists=True))
            tx.execute(text("DELETE FROM incoming"))
            marks = ", ".join("?" * len(_COLUMNS))
            tx.connection.cursor().executemany(f"INSERT INTO incoming VALUES ({marks})", rows)  # noqa: S608

    def _apply(self, tx: Connection, shown: tuple[Example, ...]) -> Counts:
        base = {"now": self._now, "origin": self._origin}
        if self._known:
            tx.execute(text(_WITHOUT_KNOWN), {"known": self._known})
        suppressed = tx.execute(text(_STOPPED), base).rowcount
        changed = tx.execute(text(_FILLED)).rowcount
        tx.execute(text(_ENDED), {"now": self._now, "inactive": False})
        new = tx.execute(text(_NEW), base).rowcount
        cursor = articles.newest_position(tx)
        for digest in self._digests:
            values = {"digest": digest, "cursor": cursor, "active": True, "now": self._now}
            tx.execute(text(_SUBSCRIBED), values)
        return Counts(new, changed, suppressed, shown)

    def _diff(self, tx: Connection, limit: int) -> tuple[Example, ...]:
        if limit <= 0:
            return ()
        found = []
        for row in tx.execute(text(_FRESH), {"limit": limit}):
            what = f"never mailed ({row.suppressed})" if row.suppressed else f"new, {row.status}"
            found.append(Example(row.line, row.address, what))
        for row in tx.execute(text(_KNOWN), {"limit": limit}):
            parts = []
            if not row.old_name and row.name:
                parts.append(f"name: {row.name}")
            if not row.old_language and row.language:
                parts.append(f"language: {row.language}")
            if row.old_status == "confirmed" and row.status == "unsubscribed":
                parts.append("confirmed → unsubscribed")
            found.append(Example(row.line, row.address, ", ".join(parts)))
        return tuple(sorted(found, key=lambda one: one.line)[:limit])
