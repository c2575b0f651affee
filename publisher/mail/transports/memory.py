"""Keeps every message in memory, for tests and for looking at what would be sent."""

from __future__ import annotations

from typing import ClassVar

from publisher.lib.findings import Look, warning
from publisher.mail.domains.resolver import Resolver
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

    @classmethod
    def looks(cls, options: Table, settings: Settings, resolver: Resolver) -> list[Look]:
        """That nothing is sent at all."""
        todo = 'set [mail] transport = "smtp" and a relay to send it'
        return [Look("transport", lambda: [warning("transport", "every message is thrown away", todo)])]

    def send(self, outgoing: Outgoing) -> Result:
        """Take one message."""
        self.taken.append(outgoing)
        return SENT


TRANSPORT = MemoryTransport
