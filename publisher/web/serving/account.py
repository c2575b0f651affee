"""The account of open connections: which are let in, and which must go for a new one. Pure.

::

    admit ─→ waiting (no whole request yet) ⇄ busy (a request is being served) ─→ left

When there are too many, the one that has waited longest goes: a visitor sends a request at once, whoever holds
connections open does not. One that is busy never goes for another.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

from publisher.lib.networks import Network, is_among, is_loopback

K = TypeVar("K", bound=Hashable)

#: Connections of one address (of IPv6: of one /64) at a time; a browser opens six.
MAX_PER_ADDRESS = 64


class Account(Generic[K]):
    """:param most: connections in all.

    :param shared: addresses that stand for many visitors (trusted proxies); loopback is one of them.
    """

    def __init__(self, most: int, *, per_address: int = MAX_PER_ADDRESS, shared: tuple[Network, ...] = ()) -> None:
        self._most = most
        self._per_address = per_address
        self._shared = shared
        self._places: dict[K, str] = {}
        self._waiting: dict[K, None] = {}  # the longest first
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def admit(self, key: K, address: str) -> tuple[bool, K | None]:
        """Whether a new connection may stay, and which one must go for it."""
        place = self._place(address)
        if place and self._counts[place] >= self._per_address:
            return False, None
        goes = None
        if len(self._places) >= self._most:
            goes = next(iter(self._waiting), None)
            if goes is None:
                return False, None
            self.leave(goes)
        self._places[key] = place
        self._counts[place] += 1
        self._waiting[key] = None
        return True, goes

    def waits(self, key: K) -> None:
        """It is waited for a request on this connection."""
        if key in self._places:
            self._waiting.setdefault(key)

    def is_busy(self, key: K) -> None:
        """A whole request came."""
        self._waiting.pop(key, None)

    def leave(self, key: K) -> None:
        """It was closed; a second time changes nothing."""
        place = self._places.pop(key, None)
        self._waiting.pop(key, None)
        if place is None:
            return
        self._counts[place] -= 1
        if not self._counts[place]:
            del self._counts[place]

    def _place(self, address: str) -> str:
        """What is counted as one; empty for an address that stands for many visitors."""
        if is_loopback(address) or is_among(address, self._shared):
            return ""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return address
        return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
