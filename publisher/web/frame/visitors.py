"""Who the visitor is: one reading of the ASGI scope for every limit and for the desk.

The peer is the visitor, unless the peer is this very machine and a forwarding header is there: then a proxy of ours
asks for somebody else, and the last address of the last ``X-Forwarded-For`` is the one that the proxy itself saw.
What stands before it was written by the visitor and proves nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

#: Any of these means that a proxy stands between, so the peer's address is not the visitor's.
FORWARDING_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fly-client-ip",
)
#: Characters of an address that is no IP address (a proxy may write "unknown" or a name).
MAX_TEXT = 64


@dataclass(frozen=True, slots=True)
class Visitor:
    """``address`` is an IP address in its usual spelling, or the text that a proxy gave; empty when unknown.

    Used for limits only; nothing stores it as it is.
    """

    address: str
    #: A program on this very machine asks for itself: the peer is loopback and no proxy has a hand in it.
    here: bool

    @property
    def counted(self) -> bool:
        """Whether the address tells visitors apart: a proxy of this machine that names nobody stands for all."""
        return bool(self.address) and not _is_loopback(self.address)


def visitor_of(scope: Scope) -> Visitor:
    """Who sent this request."""
    client = scope.get("client")
    peer = _plain(client[0]) if client else ""
    if not _is_loopback(peer):
        return Visitor(peer, here=False)
    headers = Headers(scope=scope)
    forwarded = ",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    proxied = any(name in headers for name in FORWARDING_HEADERS)
    return Visitor(_plain(forwarded) or peer, here=not proxied)


def _plain(text: str) -> str:
    """An address without port, brackets and zone, IPv4 where it is mapped into IPv6; other text cut short."""
    text = text.strip().strip('"')
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return text[:MAX_TEXT]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
