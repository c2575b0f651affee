"""Return paths that say whom a message was for, and prove that we wrote them (VERP with a MAC).

::

    b+<subscriber>.<edition>.<mac>@domain     envelope sender of a digest: bounces come to it
    u+<subscriber>.<edition>.<mac>@domain     in List-Unsubscribe: mail to it unsubscribes

Numbers are base 36, the MAC is 104 bits of HMAC-SHA256 in base 32, all in lower case, because some systems
change the case of a local part. Nobody who has not seen the message can make one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from publisher.tokens import Keyring, Purpose

_MAC_OCTETS = 13
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LOCAL = re.compile(r"(?<![a-z0-9])([bu])\+([0-9a-z]{1,12})\.([0-9a-z]{1,12})\.([a-z2-7]{21})(?![a-z2-7])")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_PURPOSES = {"b": Purpose.BOUNCE, "u": Purpose.MAIL_UNSUBSCRIBE}


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """A genuine one: for what, whom, and which edition."""

    purpose: Purpose
    subscriber_id: int
    edition_id: int


def bounce_address(keyring: Keyring, domain: str, subscriber_id: int, edition_id: int) -> str:
    """The envelope sender (MAIL FROM) of one message."""
    return f"{_local(keyring, 'b', subscriber_id, edition_id)}@{domain}"


def unsubscribe_address(keyring: Keyring, domain: str, subscriber_id: int, edition_id: int) -> str:
    """The address of the ``mailto:`` in List-Unsubscribe (RFC 2369)."""
    return f"{_local(keyring, 'u', subscriber_id, edition_id)}@{domain}"


def find(keyring: Keyring, texts: Iterable[str]) -> ReturnPath | None:
    """The first genuine return path in any of ``texts`` (addresses, or header values that hold some)."""
    for text in texts:
        for found in _LOCAL.finditer(text[:8000].lower()):
            mark, subscriber, edition, mac = found.groups()
            purpose = _PURPOSES[mark]
            octets = base64.b32decode(mac.upper() + "===")
            if keyring.verifies(purpose, f"{subscriber}.{edition}".encode(), octets, at_least=_MAC_OCTETS):
                return ReturnPath(purpose, int(subscriber, 36), int(edition, 36))
    return None


def _local(keyring: Keyring, mark: str, subscriber_id: int, edition_id: int) -> str:
    numbers = f"{_base36(subscriber_id)}.{_base36(edition_id)}"
    mac = keyring.mac(_PURPOSES[mark], numbers.encode(), octets=_MAC_OCTETS)
    return f"{mark}+{numbers}.{_base32(mac)}"


def _base32(octets: bytes) -> str:
    """RFC 4648 base 32 in lower case without padding; ten bits at a time, because every message has two of them."""
    bits = int.from_bytes(octets, "big") << 10
    length = len(octets) * 8
    pairs = [_PAIRS[bits >> shift & 1023] for shift in range(length, -1, -10)]
    return "".join(pairs)[: -(-length // 5)]


@lru_cache(maxsize=256)
def _base36(number: int) -> str:
    if number < 0:
        raise ValueError("an id is 0 or more")
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits
