"""Every outgoing HTTP request: a client that reaches public addresses, and others only where the operator says so.

::

    URL ─ scheme, port ─ resolve ─ every address allowed? ─ connect to that very address ─ (TLS for the name)
     ↑                                                                                  │
     └────────────── each redirect begins again from the top ───────────────────────────┘

Addresses in articles, feeds, callbacks and settings come from strangers; a server that fetches them must not
become their way into the network behind it (SSRF). A name is resolved once and the connection goes to the
address that was checked, so a name that changes its answer in between gains nothing. ``127.1``, ``0x7f.1`` and
the like are names to the resolver: what counts is the address that comes out. Networks of the operator's own are
named by ``[net] allow_private``.

Sizes, times, redirects and compression are bounded here for all of them: see :func:`client`. Bodies are not
decompressed: ``identity`` is asked for and anything else refused, so a small response stays small.
"""

from __future__ import annotations

import logging
import ssl
from typing import TypedDict

import httpx

from publisher.net.bounds import OutOfBounds
from publisher.net.guard import ANY_PORT, Guard
from publisher.net.transport import AsyncGuardedTransport, GuardedTransport

__all__ = ["ANY_PORT", "Guard", "OutOfBounds", "async_client", "client"]

STEP_SECONDS = 5.0
CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 20.0
MAX_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 5
#: What every request asks for, whoever makes its headers.
PLAIN = ("Accept-Encoding", "identity")

# httpx logs every URL at INFO and httpcore every header at DEBUG; a webhook's URL is itself a secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def client(
    guard: Guard | None = None,
    *,
    step_seconds: float = STEP_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
    max_bytes: int = MAX_BYTES,
    verify: ssl.SSLContext | bool = True,
    follow_redirects: bool = True,
    headers: dict[str, str] | None = None,
) -> httpx.Client:
    """A client whose every connection passes the guard.

    :param step_seconds: for each write and read; ``total_seconds`` for a whole response, from the connection on.
    :param max_bytes: of one response's body.
    :raises RefusedAddress: from a request, also at a redirect.
    :raises OutOfBounds: from a request, or while a body is read.
    """
    transport = GuardedTransport(guard or Guard(), _context(verify), max_bytes, total_seconds)
    return httpx.Client(transport=transport, **_options(step_seconds, follow_redirects, headers))


def async_client(
    guard: Guard | None = None,
    *,
    step_seconds: float = STEP_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
    max_bytes: int = MAX_BYTES,
    verify: ssl.SSLContext | bool = True,
    follow_redirects: bool = True,
    headers: dict[str, str] | None = None,
    connections: int = 100,
) -> httpx.AsyncClient:
    """As :func:`client`, for many requests at once; at most ``connections`` of them."""
    transport = AsyncGuardedTransport(guard or Guard(), _context(verify), max_bytes, total_seconds, connections)
    return httpx.AsyncClient(transport=transport, **_options(step_seconds, follow_redirects, headers))


class _Options(TypedDict):
    timeout: httpx.Timeout
    follow_redirects: bool
    max_redirects: int
    trust_env: bool
    headers: dict[str, str]


def _options(step_seconds: float, follow_redirects: bool, headers: dict[str, str] | None) -> _Options:
    return {
        "timeout": httpx.Timeout(step_seconds, connect=min(step_seconds, CONNECT_SECONDS)),
        "follow_redirects": follow_redirects,
        "max_redirects": MAX_REDIRECTS,
        "trust_env": False,  # a proxy of the environment would resolve the name in our stead
        "headers": {"user-agent": "Masthead", PLAIN[0]: PLAIN[1], **(headers or {})},
    }


def _context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    return verify if isinstance(verify, ssl.SSLContext) else httpx.create_ssl_context(verify=verify, trust_env=False)
