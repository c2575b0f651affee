"""What one response may cost: bytes, seconds, and no compression."""

from __future__ import annotations

import time
from collections.abc import Iterable

from publisher.errors import MastheadError


class OutOfBounds(MastheadError):
    """The other side sent more than was allowed, took too long, or compressed what was asked for plain."""


class Allowance:
    """What one response may still use."""

    def __init__(self, max_bytes: int, total_seconds: float) -> None:
        self._max_bytes = self._bytes_left = max_bytes
        self._total_seconds = total_seconds
        self._end = time.monotonic() + total_seconds

    def seconds(self, wanted: float | None) -> float:
        """How long the next step may take: ``wanted`` or what is left, whichever is less.

        :raises OutOfBounds: nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutOfBounds(f"the answer took longer than {self._total_seconds:g} s")
        return left if wanted is None else min(wanted, left)

    def head(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Refuse a compressed body by the response's headers.

        :raises OutOfBounds: it is compressed.
        """
        for name, value in headers:
            if name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise OutOfBounds("the answer is compressed although it was asked for plain")

    def take(self, chunk: bytes) -> bytes:
        """``chunk``, counted.

        :raises OutOfBounds: it is too much, or too late.
        """
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            raise OutOfBounds(f"the answer is larger than {self._max_bytes} bytes")
        self.seconds(None)
        return chunk
