"""Who the visitor is: one reading of the ASGI scope for every limit and for the desk.

The peer is the visitor, unless the peer is a proxy that ``[web] trusted_proxies`` names. Then ``X-Forwarded-For`` is
read from its end: each proxy adds the address that it saw itself, so the first from the right that is no trusted
proxy is the visitor, and whatever stands before it was written by the visitor and proves nothing.

Loopback is not trusted unless it is named. A proxy with nothing but ``proxy_pass`` hands on whatever
``X-Forwarded-For`` its visitor wrote, and only the operator knows whether the proxy before us replaces it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from publisher.lib.networks import is_among, is_loopback, is_public, parse_network, plain_address

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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """``address`` is an IP address in its usual spelling, or the text that a proxy gave; empty when unknown.

    Used for limits only; nothing stores it as it is.
    """

    address: str
    #: The peer is loopback and no proxy says that it has a hand in it: a program on this very machine asks for
    #: itself, or a proxy that adds no header asks for anybody.
    here: bool

    @property
    def counted(self) -> bool:
        """Whether the address tells visitors apart: a proxy of this machine that names nobody stands for all."""
        return bool(self.address) and not is_loopback(self.address)


class Visitors:
    """Reads who the visitor of a request is.

    :param trusted: addresses and networks of the proxies whose forwarding headers are believed.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = tuple(map(parse_network, trusted))
        self._warned: set[bool] = set()

    def of(self, scope: Scope) -> Visitor:
        """Who sent this request."""
        peer, headers = _peer(scope), Headers(scope=scope)
        proxied = any(name in headers for name in FORWARDING_HEADERS)
        here = is_loopback(peer) and not proxied
        if not is_among(peer, self._trusted):
            if proxied:
                self._warn(peer)
            return Visitor(peer, here=here)
        named = [plain_address(one) for one in ",".join(headers.getlist("x-forwarded-for")).split(",") if one.strip()]
        for address in reversed(named):
            if not is_among(address, self._trusted):
                return Visitor(address, here=False)
        return Visitor(named[0] if named else peer, here=here)

    def is_https(self, scope: Scope) -> bool:
        """Whether the visitor asked by https, as far as the connection or a trusted proxy says."""
        if scope.get("scheme") == "https":
            return True
        if not is_among(_peer(scope), self._trusted):
            return False
        said = ",".join(Headers(scope=scope).getlist("x-forwarded-proto"))
        return said.rpartition(",")[2].strip().lower() == "https"

    def _warn(self, peer: str) -> None:
        """Once for peers of our own networks, and once without an address for strangers, who may write anything."""
        stranger = is_public(peer)
        if stranger in self._warned:
            return
        self._warned.add(stranger)
        shown = "a peer at a public address" if stranger else peer or "an unknown peer"
        log.warning(
            "forwarding headers from %s are ignored: no such address is in [web] trusted_proxies (said once)", shown
        )


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return plain_address(client[0]) if client else ""
