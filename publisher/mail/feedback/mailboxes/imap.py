"""A mailbox of reports on an IMAP server: what is not ``\\Seen`` was not read yet.

A message is marked seen after it was handled, never before; handling a report twice changes nothing. Only the
first octets are fetched, so a large message costs no memory.
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable
from typing import ClassVar

from pydantic import Field

from publisher.errors import DeliveryError, SettingsError
from publisher.mail.feedback.mailboxes._base import BaseMailbox, Handle
from publisher.mail.feedback.messages import MAX_OCTETS
from publisher.settings.base import Secret, Table

TIMEOUT_SECONDS = 30.0


class ImapOptions(Table):
    host: str = Field(default="127.0.0.1", description="The server.")
    port: int = Field(default=993, ge=1, le=65535, description="The port (TLS).")
    username: str = Field(default="", description="The user.")
    password: Secret | None = Field(default=None, description="The password.")
    folder: str = Field(default="INBOX", description="The folder.")
    every_seconds: float = Field(default=60.0, ge=1, description="How often it is looked at.")


class ImapMailbox(BaseMailbox):
    """One folder on a server, over TLS."""

    Options: ClassVar[type[Table]] = ImapOptions
    options: ImapOptions

    @property
    def every_seconds(self) -> float:
        return self.options.every_seconds

    def drain(self, handle: Handle) -> int:
        wanted = self.options
        if wanted.password is None:
            raise SettingsError('feedback.password: missing; write { env = "NAME" } or { file = "path" }')
        secret = wanted.password.reveal(self.site)
        return drain(
            wanted.host, wanted.port, wanted.username, secret, lambda raw: handle(raw, ()), folder=wanted.folder
        )


MAILBOX = ImapMailbox


def drain(
    host: str,
    port: int,
    username: str,
    password: str,
    handle: Callable[[bytes], None],
    *,
    folder: str = "INBOX",
    limit: int = 500,
    tls: ssl.SSLContext | None = None,
    plain: bool = False,
) -> int:
    """Hand each unseen message to ``handle``; returns how many.

    :param tls: for TLS from the start; the system's own rules when ``None``.
    :param plain: no TLS at all; only for a server on this machine.
    :raises DeliveryError: the server cannot be reached or refuses us; the message holds no password.
    """
    try:
        if plain:
            server = imaplib.IMAP4(host, port, timeout=TIMEOUT_SECONDS)
        else:
            context = tls or ssl.create_default_context()
            server = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=TIMEOUT_SECONDS)
    except (OSError, imaplib.IMAP4.error) as error:
        raise DeliveryError(f"the IMAP server {host}:{port} cannot be reached: {_said(error)}") from None
    try:
        return _drain(server, username, password, handle, folder, limit)
    except (OSError, imaplib.IMAP4.error) as error:
        raise DeliveryError(f"the IMAP server {host}:{port} refused: {_said(error, password)}") from None
    finally:
        try:
            server.logout()
        except (OSError, imaplib.IMAP4.error):
            server.shutdown()


def _drain(
    server: imaplib.IMAP4, username: str, password: str, handle: Callable[[bytes], None], folder: str, limit: int
) -> int:
    server.login(username, password)
    status, _ = server.select('"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"')
    if status != "OK":
        raise imaplib.IMAP4.error(f"there is no folder {folder}")
    _, found = server.uid("SEARCH", "UNSEEN")
    uids = (found[0] or b"").split()[:limit]
    handled = 0
    for uid in uids:
        _, fetched = server.uid("FETCH", uid.decode("ascii"), f"(BODY.PEEK[]<0.{MAX_OCTETS}>)")
        raw = next((part[1] for part in fetched if isinstance(part, tuple)), None)
        if raw is None:
            continue  # deleted in between
        handle(raw)
        server.uid("STORE", uid.decode("ascii"), "+FLAGS.SILENT", r"(\Seen)")
        handled += 1
    return handled


def _said(error: Exception, secret: str = "") -> str:
    said = " ".join(str(error).split())[:200]
    return said.replace(secret, "…") if secret else said
