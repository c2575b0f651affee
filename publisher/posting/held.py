"""A channel that this process holds: what the work on its posts is done with, and what is reported of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx

from publisher.channels import BaseChannel
from publisher.posting.pictures import Fetch
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Store
from publisher.store import channels as channel_rows

log = logging.getLogger("publisher.posting")

#: Returns the present instant, aware UTC.
Clock = Callable[[], datetime]


@dataclass(slots=True)
class SendReport:
    """What one round did; ``alerts`` are lines for the operator, each said once."""

    published: int = 0
    edited: int = 0
    failed: int = 0
    unknown: int = 0
    deferred: int = 0
    alerts: list[str] = field(default_factory=list)

    def add(self, other: SendReport) -> None:
        self.published += other.published
        self.edited += other.edited
        self.failed += other.failed
        self.unknown += other.unknown
        self.deferred += other.deferred
        self.alerts += other.alerts

    def alert(self, line: str) -> None:
        self.alerts.append(line)
        log.error(line)


@dataclass(slots=True)
class HeldChannel:
    """One channel while the lease ``token`` is held on it.

    ``memory`` is what its row remembers between posts. ``only`` are ids of the posts that an operator sends by hand,
    now, whatever window and spacing say.
    """

    store: Store
    settings: Settings
    table: ChannelSettings
    channel: BaseChannel
    http: httpx.Client
    token: str
    clock: Clock
    fetch: Fetch | None
    only: frozenset[int] | None
    memory: dict[str, object] = field(default_factory=dict)
    report: SendReport = field(default_factory=SendReport)

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.publication.timezone)

    def now(self) -> float:
        return self.clock().timestamp()

    def masked(self, error: Exception) -> str:
        """What an error says, without the channel's secrets."""
        return self.channel.vault.mask(str(error))

    def pause(self, reason: str) -> None:
        """Pause the channel until a person acts, and say so once."""
        with self.store.begin() as tx:
            fresh = channel_rows.pause(tx, self.name, self.now(), reason)
        if fresh:
            self.report.alert(
                f"channel {self.name} is paused: {reason}; when it is mended, run: masthead channels test {self.name}"
            )
