"""Tokens that stand in links and return paths: bound to a purpose, versioned, made of nothing but ids.

::

    token = base64url( version 1 byte | key id 1 byte | numbers as varints | MAC 16 bytes )
    MAC   = HMAC-SHA256( key, "masthead" NUL version NUL purpose NUL numbers )[:16]

The purpose is inside the MAC, so that a token for one thing opens nothing else. A token holds ids and, where
it must end, an expiry; never an address. 128 bits of MAC cannot be guessed, so nothing is stored, and a wrong
token costs no query. Secrets that must be revocable one by one (API keys) are random and stored as SHA-256.

A keyring holds one key or several, newest first: the first signs, all verify, so that links in old mail go on
working after a change of keys. The keys are made and kept by the database (:mod:`publisher.store.keys`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

VERSION = 1
MAC_OCTETS = 16
_MAX_TOKEN = 200


class Purpose(StrEnum):
    """What a token opens; the numbers it holds stand beside it."""

    CONFIRM = "confirm"  # subscriber, request, expires
    PREFERENCES = "preferences"  # subscriber
    UNSUBSCRIBE = "unsubscribe"  # subscriber, edition (0: none)
    WEB_VERSION = "web-version"  # edition, variant
    CLICK = "click"  # edition, link
    OPEN = "open"  # edition
    SUBSCRIBER = "reader"  # subscriber, edition
    BOUNCE = "bounce"  # subscriber, edition
    MAIL_UNSUBSCRIBE = "mail-unsubscribe"  # subscriber, edition


@dataclass(frozen=True, slots=True)
class Keyring:
    """The site's keys, newest first; never shown."""

    keys: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) < 16 for key in self.keys):
            raise ValueError("a keyring holds at least one key of 16 octets or more")

    def mac(self, purpose: str, message: bytes, *, octets: int = MAC_OCTETS) -> bytes:
        """MAC with the newest key."""
        return _mac(self.keys[0], purpose, message)[:octets]

    def verifies(self, purpose: str, message: bytes, mac: bytes, *, at_least: int = 10) -> bool:
        """Whether ``mac`` (``at_least`` octets of it) was made with any of our keys; in constant time per key."""
        if not at_least <= len(mac) <= 32:
            return False
        found = False
        for key in self.keys:
            found |= hmac.compare_digest(_mac(key, purpose, message)[: len(mac)], mac)
        return found


def _mac(key: bytes, purpose: str, message: bytes) -> bytes:
    return hmac.digest(key, _prefix(purpose) + message, "sha256")


@lru_cache(maxsize=64)
def _prefix(purpose: str) -> bytes:
    return b"masthead\0%d\0%s\0" % (VERSION, purpose.encode())


@lru_cache(maxsize=16)
def _head(key: bytes) -> bytes:
    """What a token begins with: the version, and an octet that tells keys apart."""
    return bytes((VERSION, hashlib.sha256(b"masthead key id\0" + key).digest()[0]))


def issue(keyring: Keyring, purpose: Purpose, *numbers: int) -> str:
    """A token of at least 24 URL-safe characters that holds ``numbers`` (each 0 or more)."""
    body = _varints(numbers)
    key = keyring.keys[0]
    return _text(_head(key) + body + _mac(key, purpose, body)[:MAC_OCTETS])


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def read(keyring: Keyring, purpose: Purpose, token: str, count: int) -> tuple[int, ...] | None:
    """The ``count`` numbers of a genuine token for this purpose; ``None`` for anything else, for whatever reason."""
    if not 0 < len(token) <= _MAX_TOKEN or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) < 2 + MAC_OCTETS or raw[0] != VERSION or _text(raw) != token:
        # The last character may hold bits that decoding drops: one token has one spelling (RFC 4648 section 3.5).
        return None
    body, mac = raw[2:-MAC_OCTETS], raw[-MAC_OCTETS:]
    # The octet that names the key is no part of what is signed: only the named key counts, or it could be any octet.
    named = tuple(key for key in keyring.keys if _head(key) == raw[:2])
    if not named or not Keyring(named).verifies(purpose, body, mac, at_least=MAC_OCTETS):
        return None
    numbers = _read_varints(body)
    return numbers if numbers is not None and len(numbers) == count else None


def _varints(numbers: Sequence[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        if number < 0:
            raise ValueError("a token holds numbers from 0")
        while number > 0x7F:
            out.append(0x80 | number & 0x7F)
            number >>= 7
        out.append(number)
    return bytes(out)


def _read_varints(body: bytes) -> tuple[int, ...] | None:
    numbers, value, shift = [], 0, 0
    for octet in body:
        value |= (octet & 0x7F) << shift
        shift += 7
        if shift > 70:
            return None
        if octet < 0x80:
            numbers.append(value)
            value, shift = 0, 0
    return tuple(numbers) if shift == 0 else None


def new_secret() -> str:
    """256 random bits as text, for an API key or a session; show it once and store :func:`hash_secret` of it."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256, hex. Enough for secrets of full entropy; never for passwords."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
