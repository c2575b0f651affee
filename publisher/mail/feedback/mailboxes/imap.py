"""A mailbox of reports on an IMAP server: what is not ``\\Seen`` was not read yet.

A message is marked seen after it was handled, never before; handling a report twice changes nothing. Only the
first octets are fetched, so a large message costs no memory.
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable

from publisher.errors import DeliveryError
from publisher.mail.feedback.messages import MAX_OCTETS

TIMEOUT = 30.0


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
    """Hand each unseen message to ``handle``; answers how many.

    :param tls: for TLS from the start; the system's own rules when ``None``.
    :param plain: no TLS at all; only for a server on this machine.
    :raises DeliveryError: the server cannot be reached or refuses us; the message holds no password.
    """
    try:
        if plain:
            server = imaplib.IMAP4(host, port, timeout=TIMEOUT)
        else:
            context = tls or ssl.create_default_context()
            server = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=TIMEOUT)
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
        _, answer = server.uid("FETCH", uid.decode("ascii"), f"(BODY.PEEK[]<0.{MAX_OCTETS}>)")
        raw = next((part[1] for part in answer if isinstance(part, tuple)), None)
        if raw is None:
            continue  # deleted in between
        handle(raw)
        server.uid("STORE", uid.decode("ascii"), "+FLAGS.SILENT", r"(\Seen)")
        handled += 1
    return handled


def _said(error: Exception, secret: str = "") -> str:
    said = " ".join(str(error).split())[:200]
    return said.replace(secret, "…") if secret else said
