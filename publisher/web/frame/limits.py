"""What the process remembers for a while: downloads of feeds by visitor, and what was written lately.

A feed reader that asks with If-None-Match and gets 304 is not counted, only whole downloads of one feed by one program
at one address; by a salted hash, forgotten each minute. A proxy on this machine that does not say for whom it asks is
not counted either.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from publisher.web.frame.visitors import Visitor

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

WINDOW_SECONDS = 60
#: Visitors remembered within a minute; beyond it nobody is refused.
MAX_VISITORS = 50_000


class Downloads:
    """A count per minute; ``limit`` 0 refuses nobody."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = -1
        self._counts: dict[bytes, int] = {}
        self._salt = secrets.token_bytes(16)
        self._lock = threading.Lock()

    def allows(self, path: str, visitor: Visitor, user_agent: str, now: float) -> bool:
        """Count one download; False when it is one too many."""
        if not self._limit or not visitor.counted:
            return True
        text = f"{path}\0{visitor.address}\0{user_agent}".encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(text, digest_size=12, key=self._salt).digest()
        minute = int(now) // WINDOW_SECONDS
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._counts.clear()
            if len(self._counts) >= MAX_VISITORS and key not in self._counts:
                return True
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key] <= self._limit

    @staticmethod
    def seconds_left(now: float) -> int:
        """Whole seconds until downloads count from zero again; at least 1."""
        return WINDOW_SECONDS - int(now) % WINDOW_SECONDS


class Lately(Generic[K, V]):
    """Values that were written lately, so that the same value is not written again and again."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._kept: dict[K, tuple[V, float]] = {}

    def is_due(self, key: K, value: V, now: float, seconds: float) -> bool:
        """Whether ``value`` is new, or was written ``seconds`` ago or longer; then it counts as written now."""
        before = self._kept.get(key)
        if before is not None and before[0] == value and now - before[1] < seconds:
            return False
        if len(self._kept) > self._limit:
            self._kept.clear()
        self._kept[key] = (value, now)
        return True
