"""What the client is told: relays, and receiving domains with limits. Plain values; the secrets are already read."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Relay:
    """One SMTP relay.

    :param security: ``tls`` is TLS from the start (RFC 8314); with ``none`` there is no password.
    :param tls: which certificates are accepted; needed unless ``security`` is ``none``.
    :param weight: its share of the mail, against the others' weights.
    :param connections: at a time, of this client.
    :param rate: messages a second through it, over all clients that share the bookings; 0 is no limit.
    """

    host: str
    port: int = 587
    security: Security = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    weight: int = 1
    connections: int = 4
    rate: float = 0.0

    @property
    def address(self) -> str:
        """``host:port``, as logs and pages name it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Domain:
    """A receiving domain with limits: messages to it in flight at a time, and a second; 0 is no limit."""

    name: str
    connections: int = 0
    rate: float = 0.0
