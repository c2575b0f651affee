"""Says who waits for a lock: a database that stands still looks like one with nothing to do.

A statement is noted while it runs. A thread looks at those every second, as long as there are any, and asks
the database about one that has run for some time whether it waits for a lock, and whose. On SQLite the
statement that waits is the one that begins a write.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

#: Who has waited for a lock so long says so, once.
SAY_SECONDS = 5.0
LOOK_SECONDS = 1.0

_BLOCKER = text(
    """
    SELECT holder.pid, coalesce(host(holder.client_addr), 'this machine'), coalesce(holder.state, '?'),
           extract(epoch FROM clock_timestamp() - holder.state_change)
      FROM pg_stat_activity waiter, pg_stat_activity holder
     WHERE waiter.pid = :pid AND waiter.wait_event_type = 'Lock' AND holder.pid = ANY (pg_blocking_pids(waiter.pid))
     ORDER BY holder.state_change LIMIT 1
    """
)


@dataclass(slots=True)
class _Running:
    cursor: Any
    since: float
    said: bool = False


class Waiting:
    """The statements that run on one engine, by thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._running: dict[int, _Running] = {}
        self._watched_by = 0  # the process that has a thread for it
        event.listen(engine, "before_cursor_execute", self._begun)
        event.listen(engine, "after_cursor_execute", self._ended)
        event.listen(engine, "handle_error", self._failed)

    def _begun(self, _connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._sqlite and statement != "BEGIN IMMEDIATE":
            return
        if self._watched_by != os.getpid():
            if self._watched_by:
                self._running.clear()  # the parent's: we are forked
            self._watched_by = os.getpid()
            threading.Thread(target=self._watch, daemon=True, name="locks of the database").start()
        self._running[threading.get_ident()] = _Running(cursor, time.monotonic())

    def _ended(self, *_: Any) -> None:
        self._running.pop(threading.get_ident(), None)

    def _failed(self, _context: Any) -> None:
        self._running.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        idle = 0
        while idle < 2:  # a statement that is noted just now is seen at the second look
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            late = [one for one in list(self._running.values()) if not one.said and now - one.since >= SAY_SECONDS]
            for one in late:
                one.said = True
                self._say(one, now - one.since)
            idle = 0 if self._running else idle + 1
            if idle == 1:
                self._watched_by = 0

    def _say(self, one: _Running, seconds: float) -> None:
        if self._sqlite:
            log.warning("waiting for the database's write lock for %.0f s: another process keeps writing", seconds)
            return
        try:
            with self._engine.connect() as connection:
                found = connection.execute(_BLOCKER, {"pid": one.cursor.connection.info.backend_pid}).one_or_none()
        except SQLAlchemyError as error:
            log.debug("who holds the lock cannot be asked: %s", type(error).__name__)
            return
        if found is not None:
            log.warning(
                "waiting for a lock of the database for %.0f s: session %d from %s holds it, %s for %.0f s",
                seconds,
                *found,
            )
