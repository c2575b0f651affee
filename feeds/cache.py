"""Kept entry bytes: an article's entry is rendered once per revision and reused in every feed and archive page.

A key names everything the bytes depend on: the article, the format, the settings that show in an entry, and
the versions of what renders. A changed article has another key, so nothing is ever invalidated, only forgotten.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from publisher.errors import FeedError
from publisher.model import Article, Publication

#: Raised by hand when an entry's bytes change for the same article.
RENDERER = 2

#: Entries that may be there to no use before a file cache is cleared.
MAX_UNUSED = 1_000

_VERSIONS = (RENDERER, *(version(name) for name in ("feedgen", "lxml", "nh3")))


class EntryCache(Protocol):
    """Bytes by key."""

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Those that are known."""
        ...

    def put(self, found: Mapping[str, bytes]) -> None:
        """Remember."""
        ...


class MemoryEntryCache:
    """Within one process; forgets the least used beyond ``limit_bytes``."""

    def __init__(self, limit_bytes: int = 256 * 1024 * 1024) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for key in keys:
            value = self._known.get(key)
            if value is not None:
                found[key] = value
                self._known.move_to_end(key)
        return found

    def put(self, found: Mapping[str, bytes]) -> None:
        for key, value in found.items():
            self._size += len(value) - len(self._known.pop(key, b""))
            self._known[key] = value
        while self._size > self._limit and self._known:
            self._size -= len(self._known.popitem(last=False)[1])


class FileEntryCache:
    """Across processes and restarts, in one SQLite file; every worker may use it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as database:
                database.execute("PRAGMA journal_mode = WAL")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, bytes BLOB NOT NULL, used REAL NOT NULL)"
                )
                database.commit()
        except (OSError, sqlite3.Error) as error:
            raise FeedError(f"the feed cache {path} cannot be used: {error}; delete it and publish again") from None

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        wanted = list(keys)
        found: dict[str, bytes] = {}
        with closing(self._open()) as database:
            for start in range(0, len(wanted), 500):
                some = wanted[start : start + 500]
                marks = ",".join("?" * len(some))
                found.update(database.execute(f"SELECT key, bytes FROM entry WHERE key IN ({marks})", some))  # noqa: S608
        return found

    def put(self, found: Mapping[str, bytes]) -> None:
        now = time.time()
        with closing(self._open()) as database, database:
            database.executemany(
                "INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", [(key, value, now) for key, value in found.items()]
            )

    def forget(self, *, keep: Callable[[], Iterable[str]]) -> None:
        """Drop every entry but ``keep``, once there are a few thousand more than there were after the last time.

        :param keep: asked only when it is time; all keys that a whole build uses.
        """
        with closing(self._open()) as database, database:
            count = database.execute("SELECT count(*) FROM entry").fetchone()[0]
            if count <= database.execute("PRAGMA user_version").fetchone()[0] * 2 + MAX_UNUSED:
                return
            database.execute("CREATE TEMP TABLE kept (key TEXT PRIMARY KEY)")
            database.executemany("INSERT OR IGNORE INTO kept VALUES (?)", ((key,) for key in keep()))
            database.execute("DELETE FROM entry WHERE key NOT IN (SELECT key FROM kept)")
            count = database.execute("SELECT count(*) FROM entry").fetchone()[0]
            database.execute(f"PRAGMA user_version = {int(count)}")

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=30)
        database.execute("PRAGMA synchronous = OFF")  # it can be rendered again
        return database


def context_of(publication: Publication, *, full: bool, podcast: bool, explicit: bool) -> str:
    """A digest of all that shows in an entry besides its article."""
    parts = (_VERSIONS, publication.id, publication.base_url, publication.author, publication.language)
    return _digest(repr((*parts, full, podcast, explicit)))


def fingerprint(article: Article) -> str:
    """A digest of all that an article holds; only for this cache."""
    return _digest(repr(article))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
