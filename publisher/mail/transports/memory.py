"""Keeps every message in memory, for tests and for looking at what would be sent."""

from __future__ import annotations

from typing import ClassVar

from publisher.mail.transport import SENT, OneByOne, Outgoing, Reserve, Result, unlimited
from publisher.settings import Settings
from publisher.settings.base import Table


class MemoryTransport(OneByOne):
    """``taken`` holds what was sent, in order; a message sent again stands there again."""

    Options: ClassVar[type[Table]] = Table

    def __init__(
        self, options: Table | None = None, settings: Settings | None = None, reserve: Reserve = unlimited
    ) -> None:
        self.taken: list[Outgoing] = []

    def send(self, outgoing: Outgoing) -> Result:
        """Take one message."""
        self.taken.append(outgoing)
        return SENT


TRANSPORT = MemoryTransport
