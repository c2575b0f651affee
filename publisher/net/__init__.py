"""The one way out: an HTTP client that reaches public addresses only.

::

    URL ─ scheme, port ─ resolve ─ every address allowed? ─ connect to that very address ─ (TLS for the name)
     ↑                                                                                  │
     └────────────── each redirect begins again from the top ───────────────────────────┘

Addresses in articles, feeds, callbacks and settings come from strangers; a server that fetches them must not
become their way into the network behind it (SSRF). A name is resolved once and the connection goes to the
address that was checked, so a name that changes its answer in between gains nothing. ``127.1``, ``0x7f.1`` and
the like are names to the resolver: what counts is the address that comes out.

Bodies are not decompressed: we ask for ``identity`` and refuse anything else, so a small answer stays small.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from publisher.net.guard import Guard
from publisher.net.transport import AnswerTooLarge, AsyncGuardedTransport, GuardedTransport

__all__ = ["AnswerTooLarge", "Guard", "async_client", "client"]

TIMEOUT = 5.0
TOTAL = 20.0
MAX_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 5


def client(
    guard: Guard | None = None,
    *,
    timeout: float = TIMEOUT,
    total: float = TOTAL,
    max_bytes: int = MAX_BYTES,
    verify: ssl.SSLContext | bool = True,
    follow_redirects: bool = True,
    headers: dict[str, str] | None = None,
) -> httpx.Client:
    """A client whose every connection passes the guard.

    :param timeout: seconds for each step (connect, write, read); ``total`` for a whole answer.
    :param max_bytes: of one answer's body.
    :raises RefusedAddress: from a request, also at a redirect.
    :raises AnswerTooLarge: while a body is read.
    """
    return httpx.Client(
        transport=GuardedTransport(guard or Guard(), _context(verify), max_bytes, total),
        **_options(timeout, follow_redirects, headers),
    )


def async_client(
    guard: Guard | None = None,
    *,
    timeout: float = TIMEOUT,
    total: float = TOTAL,
    max_bytes: int = MAX_BYTES,
    verify: ssl.SSLContext | bool = True,
    follow_redirects: bool = True,
    headers: dict[str, str] | None = None,
    connections: int = 100,
) -> httpx.AsyncClient:
    """As :func:`client`, for many requests at once; at most ``connections`` of them."""
    return httpx.AsyncClient(
        transport=AsyncGuardedTransport(guard or Guard(), _context(verify), max_bytes, total, connections),
        **_options(timeout, follow_redirects, headers),
    )


def _options(timeout: float, follow_redirects: bool, headers: dict[str, str] | None) -> dict[str, Any]:
    return {
        "timeout": timeout,
        "follow_redirects": follow_redirects,
        "max_redirects": MAX_REDIRECTS,
        "trust_env": False,  # a proxy of the environment would resolve the name in our stead
        "headers": {"user-agent": "Masthead", "accept-encoding": "identity", **(headers or {})},
    }


def _context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    return verify if isinstance(verify, ssl.SSLContext) else httpx.create_ssl_context(verify=verify, trust_env=False)
