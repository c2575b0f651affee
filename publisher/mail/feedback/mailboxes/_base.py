"""What every mailbox of reports promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Protocol

from publisher.settings.base import Table

#: ``handle(raw, envelope's recipients)``; raises when the message must be handed over again later. The recipients
#: are empty where the mailbox does not know them.
Handle = Callable[[bytes, tuple[str, ...]], None]


class Server(Protocol):
    """What waits for messages, bound to its address."""

    @property
    def address(self) -> str:
        """``host:port``, as a person is told."""
        ...

    def serve_forever(self) -> None: ...

    def server_close(self) -> None: ...


class BaseMailbox:
    """A place that messages with reports come to; a kind extends it and writes :meth:`drain` or :meth:`server`.

    A message is let go of when it was handled, never before; handling it twice changes nothing. Only
    :data:`~publisher.mail.feedback.messages.MAX_OCTETS` of each are read.

    :cvar Options: the keys of ``[feedback]`` that this kind reads.
    :cvar listens: messages are handed to a server of ours (``masthead lmtp``) instead of being fetched.
    """

    Options: ClassVar[type[Table]] = Table
    listens: ClassVar[bool] = False

    options: Table

    def __init__(self, options: Table, site: Path) -> None:
        self.options = options
        self.site = site

    @property
    def every_seconds(self) -> float:
        """How often it is looked at; 0 where it is not."""
        return 0.0

    def drain(self, handle: Handle) -> int:
        """Hand over what was not read yet; returns how many messages there were.

        :raises DeliveryError: the mailbox cannot be read.
        :raises SettingsError: a secret is not to be had.
        """
        raise NotImplementedError

    def server(self, handle: Handle) -> Server:
        """A server that hands over each message as it comes.

        :raises SiteError: the address cannot be listened on.
        """
        raise NotImplementedError
