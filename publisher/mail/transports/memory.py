"""Keeps every message in memory, for tests and for looking at what would be sent."""

from __future__ import annotations

from publisher.mail.transport import SENT, OneByOne, Outgoing, Reserve, Result, unlimited
from publisher.settings import Settings


class Transport(OneByOne):
    """``taken`` holds what was sent, in order; a message sent again stands there again."""

    def __init__(self, settings: Settings | None = None, reserve: Reserve = unlimited) -> None:
        self.taken: list[Outgoing] = []

    def send(self, outgoing: Outgoing) -> Result:
        """Take one message."""
        self.taken.append(outgoing)
        return SENT
