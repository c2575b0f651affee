"""How often one client may download a whole feed; in memory, by a salted hash, forgotten each minute.

Readers that ask with If-None-Match are never counted, only whole downloads of one feed by one program at one
address. A proxy on this machine that does not say for whom it asks is not counted either.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading
from datetime import datetime

WINDOW = 60
#: Clients remembered within a minute; beyond it nobody is refused.
MOST_CLIENTS = 50_000


class Downloads:
    """A count per minute; ``limit`` 0 refuses nobody."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = -1
        self._counts: dict[bytes, int] = {}
        self._salt = secrets.token_bytes(16)
        self._lock = threading.Lock()

    def allows(self, path: str, client: str, user_agent: str, now: datetime) -> bool:
        """Count one download; False when it is one too many."""
        if not self._limit or _near(client):
            return True
        text = f"{path}\0{client}\0{user_agent}".encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(text, digest_size=12, key=self._salt).digest()
        minute = int(now.timestamp()) // WINDOW
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._counts.clear()
            if len(self._counts) >= MOST_CLIENTS and key not in self._counts:
                return True
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key] <= self._limit

    @staticmethod
    def seconds_left(now: datetime) -> int:
        """Whole seconds until downloads count from zero again; at least 1."""
        return WINDOW - int(now.timestamp()) % WINDOW


def _near(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return True
