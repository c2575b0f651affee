"""The embedded broker: a kombu transport on one SQLite file, with leases.

::

    put ─→ row ─ get ─→ leased until … ─ ack ─→ gone
             ↑                │ worker killed
             └── lease over ──┘

kombu's own server-less transports lose messages or kill their workers when several processes share them
(kombu #1551, #524), so this one is ours. It carries doorbells, not work: what is due stands in the database,
and losing this file costs one tick. It lives in a file of its own, never in the application's.

A virtual transport only has to say how one message is put, got, acknowledged and given back; the rest is
:mod:`kombu.transport.virtual`. No fanout: remote control and events are off.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, virtual

#: Seconds after which a message that was got and not acknowledged is given to another worker.
LEASE_SECONDS = 60.0
NAME = "slease"

_TABLE = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, queue TEXT NOT NULL, tag TEXT NOT NULL, visible_at REAL NOT NULL, body TEXT NOT NULL)
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS message_queue ON message (queue, visible_at, id)",
    "CREATE INDEX IF NOT EXISTS message_tag ON message (tag)",
)


class Channel(virtual.Channel):  # type: ignore[misc]
    """One SQLite connection, made anew in every process."""

    supports_fanout = False
    do_restore = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        transport = self.connection.client.transport_options
        self._path = Path(transport["path"])
        self._lease_seconds = float(transport.get("lease_seconds", LEASE_SECONDS))
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._pid = 0

    def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._database is None or self._pid != os.getpid():
                self._database = self._open()
                self._pid = os.getpid()
            try:
                return self._database.execute(statement, values).fetchall()
            except sqlite3.OperationalError:
                # The file was wiped under us: begin anew with the next call, as with any broker that restarts.
                self._database.close()
                self._database = None
                raise

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self._path, timeout=15, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        for statement in (_TABLE, *_INDEXES):
            database.execute(statement)
        return database

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        tag = message["properties"]["delivery_tag"]
        self._run(
            "INSERT INTO message (queue, tag, visible_at, body) VALUES (?, ?, 0, ?)", queue, tag, json.dumps(message)
        )

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        now = time.time()
        # A cheap look first: taking the writer's lock ten times a second for nothing would disturb others.
        if not self._run("SELECT 1 FROM message WHERE queue = ? AND visible_at <= ? LIMIT 1", queue, now):
            raise Empty
        found = self._run(
            """UPDATE message SET visible_at = ? WHERE id = (
                   SELECT id FROM message WHERE queue = ? AND visible_at <= ? ORDER BY id LIMIT 1) RETURNING body""",
            now + self._lease_seconds,
            queue,
            now,
        )
        if not found:
            raise Empty
        message: dict[str, Any] = json.loads(found[0][0])
        return message

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        self._run("DELETE FROM message WHERE tag = ?", delivery_tag)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if requeue:
            self._run("UPDATE message SET visible_at = 0 WHERE tag = ?", delivery_tag)
        else:
            self._run("DELETE FROM message WHERE tag = ?", delivery_tag)
        super().basic_ack(delivery_tag)

    def _restore(self, message: Any) -> None:
        self._run("UPDATE message SET visible_at = 0 WHERE tag = ?", message.delivery_tag)

    _restore_at_beginning = _restore

    def _size(self, queue: str) -> int:
        return int(self._run("SELECT count(*) FROM message WHERE queue = ?", queue)[0][0])

    def _purge(self, queue: str) -> int:
        size = self._size(queue)
        self._run("DELETE FROM message WHERE queue = ?", queue)
        return size

    def _delete(self, queue: str, *_: Any, **__: Any) -> None:
        self._purge(queue)

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return True

    def close(self) -> None:
        super().close()
        with self._lock:
            if self._database is not None and self._pid == os.getpid():
                self._database.close()
            self._database = None


class Transport(virtual.Transport):  # type: ignore[misc]
    """``slease://`` with the transport option ``path``."""

    Channel = Channel
    polling_interval = 0.1
    driver_type = "sqlite"
    driver_name = "sqlite3"
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.Error, OSError)
    channel_errors = (*virtual.Transport.channel_errors, sqlite3.Error)

    def driver_version(self) -> str:
        return sqlite3.sqlite_version


def register() -> None:
    """Let kombu know ``slease://``."""
    TRANSPORT_ALIASES[NAME] = f"{__name__}:Transport"
