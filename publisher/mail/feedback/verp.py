"""Return paths that say whom a message was for, and prove that we wrote them (VERP with a MAC).

::

    b+<subscriber>.<edition>.<mac>@domain     envelope sender of a digest: bounces come to it
    u+<subscriber>.<edition>.<mac>@domain     in List-Unsubscribe: mail to it unsubscribes
    mailto:sender?subject=unsubscribe <token> … the same, without a domain for returning mail

The numbers and the MAC (104 bits of HMAC-SHA256) are in lower-case hexadecimal, because some systems change the
case of a local part. It has at most 62 octets of the 64 it may have. Nobody who has not seen the message can make
one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from publisher.lib.tokens import Keyring, Purpose, issue

_MAC_OCTETS = 13
_LOCAL = re.compile(r"(?<![a-z0-9])([bu])\+([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([0-9a-f]{26})(?![0-9a-z])")
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


def unsubscribe_mailto(keyring: Keyring, domain: str, address: str, subscriber_id: int, edition_id: int) -> str:
    """The ``mailto:`` of List-Unsubscribe: to an address of its own at ``domain``, else to ``address`` with a subject
    that says, and proves, who asks."""
    if domain:
        return f"mailto:{unsubscribe_address(keyring, domain, subscriber_id, edition_id)}"
    token = issue(keyring, Purpose.MAIL_UNSUBSCRIBE, subscriber_id, edition_id)
    return f"mailto:{quote(address, safe='@+.-_')}?subject=unsubscribe%20{token}"


def find(keyring: Keyring, texts: Iterable[str]) -> ReturnPath | None:
    """The first genuine return path in any of ``texts`` (addresses, or header values that hold some)."""
    for text in texts:
        for found in _LOCAL.finditer(text[:8000].lower()):
            mark, subscriber, edition, mac = found.groups()
            purpose = _PURPOSES[mark]
            message = f"{subscriber}.{edition}".encode()
            if keyring.verifies(purpose, message, bytes.fromhex(mac), at_least=_MAC_OCTETS):
                return ReturnPath(purpose, int(subscriber, 16), int(edition, 16))
    return None


def _local(keyring: Keyring, mark: str, subscriber_id: int, edition_id: int) -> str:
    if subscriber_id < 0 or edition_id < 0:
        raise ValueError("an id is 0 or more")
    numbers = f"{subscriber_id:x}.{edition_id:x}"
    mac = keyring.mac(_PURPOSES[mark], numbers.encode(), octets=_MAC_OCTETS)
    return f"{mark}+{numbers}.{mac.hex()}"
