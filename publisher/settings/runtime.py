"""``[database]``, ``[worker]`` and ``[web]``: what runs where."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from publisher.lib.networks import parse_network
from publisher.settings.base import Secret, Table


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?", value):
        raise ValueError("expected a host name such as images.example.org, in lower case and without https://")
    return value


def _network(value: str) -> str:
    try:
        parse_network(value)
    except ValueError:
        raise ValueError(f"expected an address or a network such as 172.18.0.0/16 or ::1, not {value!r}") from None
    return value


Network = Annotated[str, AfterValidator(_network)]
HostName = Annotated[str, AfterValidator(_host_name)]


class DatabaseSettings(Table):
    url: str = Field(
        default="", description="SQLAlchemy URL. Default: SQLite in state/. PostgreSQL: postgresql+psycopg://…"
    )


class WorkerSettings(Table):
    broker: str = Field(
        default="", description="Celery broker URL: amqp://… or redis://…. Default: embedded, in state/."
    )
    pool: Literal["auto", "threads", "prefork"] = Field(
        default="auto", description="How tasks run beside each other. auto: threads when embedded, else prefork."
    )
    concurrency: int = Field(
        default=3, ge=2, le=64, description="Tasks at a time; one place is always left for the tick."
    )
    journal: str = Field(
        default="state/journal", description="Directory of the senders' journals: on this machine's own disk."
    )
    tick_seconds: float = Field(default=1.0, ge=0.1, le=60, description="How often due work is looked for.")

    @property
    def pool_name(self) -> str:
        """The pool as Celery names it."""
        if self.pool == "auto":
            return "prefork" if self.broker else "threads"
        return self.pool


class WebSettings(Table):
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    desk: Literal["local", "off"] = Field(
        default="local",
        description="Who sees the operator's desk: this very machine where base_url is loopback too, or nobody.",
    )
    metrics_token: Secret | None = Field(
        default=None,
        description="Bearer token that reads /metrics from anywhere; at least 16 characters.",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="Addresses or networks of your proxies: their X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    page_size: int = Field(default=24, ge=5, le=100, description="Articles on one page of a list.")
    image_hosts: tuple[HostName, ...] = Field(
        default=(),
        description="Hosts that pictures on pages may be loaded from; a picture from any other becomes a link.",
    )
    indexed: bool = Field(default=True, description="Whether search engines may list the public pages.")
