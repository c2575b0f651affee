"""The outbox: each message becomes a file of a Maildir, until (and unless) SMTP is configured.

The format is D. J. Bernstein's (https://cr.yp.to/proto/maildir.html): written whole in ``tmp/``, synced,
then moved to ``new/``, so that a mail program never sees half a message and a power cut loses none that was
reported as sent.

One liberty: the name is derived from the Message-ID instead of time and process. A message that is sent
again after a crash therefore lands on the same file instead of beside it. Maildir asks only that names be
unique; equal names are exactly the equal messages. A mail program that moved the first copy to ``cur/`` (with
flags after ``:2,``) has seen it, so it is not put in ``new/`` again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import ClassVar

from publisher.errors import DeliveryError
from publisher.lib.findings import Look, warning
from publisher.lib.text import one_line
from publisher.mail.domains.resolver import Resolver
from publisher.mail.transport import SENT, OneByOne, Outgoing, Reserve, Result, unlimited
from publisher.settings import Settings
from publisher.settings.base import Table

_SUBDIRECTORIES = ("tmp", "new", "cur")


class MaildirTransport(OneByOne):
    """Writes to ``state/outbox``; the file holds LF line ends, as local mail does, and the envelope on top."""

    Options: ClassVar[type[Table]] = Table

    def __init__(self, options: Table, settings: Settings, reserve: Reserve = unlimited) -> None:
        self.directory = settings.state / "outbox"
        self._read: frozenset[str] = frozenset()
        self._read_at = -1

    @classmethod
    def looks(cls, options: Table, settings: Settings, resolver: Resolver) -> list[Look]:
        """That nothing leaves this machine."""
        todo = 'set [mail] transport = "smtp" and a relay to send it'
        return [Look("transport", lambda: [warning("transport", "mail is kept in state/outbox, none leaves", todo)])]

    def send(self, outgoing: Outgoing) -> Result:
        """Write one message; when it returns, the message survives a power cut.

        :raises DeliveryError: the outbox cannot be written; nothing of this message is visible then.
        """
        name = file_name(outgoing.message_id)
        try:
            self._make()
            if self._already_read(name):
                return SENT
            content = _envelope(outgoing) + outgoing.message.replace(b"\r\n", b"\n")
            self._write(name, content)
        except OSError as error:
            raise DeliveryError(f"the outbox {self.directory} cannot be written: {error.strerror}") from None
        return SENT

    def _make(self) -> None:
        if not (self.directory / "cur").is_dir():
            for name in _SUBDIRECTORIES:
                (self.directory / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def _already_read(self, name: str) -> bool:
        # Listed again only when a mail program has moved something, not for each of a million messages.
        changed = (self.directory / "cur").stat().st_mtime_ns
        if changed != self._read_at:
            self._read = frozenset(entry.partition(":")[0] for entry in os.listdir(self.directory / "cur"))
            self._read_at = changed
        return name in self._read

    def _write(self, name: str, content: bytes) -> None:
        # The process id keeps two workers that send the same message (one of them a zombie) apart in tmp/.
        temporary = self.directory / "tmp" / f"{name}.{os.getpid()}"
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.directory / "new" / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(self.directory / "new")


TRANSPORT = MaildirTransport


def file_name(message_id: str) -> str:
    """The Maildir name of a message: 32 hexadecimal digits of its Message-ID's SHA-256, and ``.masthead``."""
    return f"{hashlib.sha256(message_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.masthead"


def _envelope(outgoing: Outgoing) -> bytes:
    # What a local delivery agent writes (RFC 5321 §4.4 for Return-Path), so that the outbox can be sent later.
    lines = f"Return-Path: <{one_line(outgoing.sender)}>\nDelivered-To: {one_line(outgoing.recipient)}\n"
    return lines.encode("utf-8", "replace")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
