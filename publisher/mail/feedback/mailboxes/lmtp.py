"""A small LMTP server (RFC 2033): a mail server hands us reports one by one, with their envelope.

It listens on this machine, behind a real mail server, and understands the commands that one sends: LHLO, MAIL,
RCPT, DATA, RSET, NOOP, VRFY, QUIT. After the final dot each recipient gets a reply of its own: 250 when the
report was handled, 451 when our store could not take it, so that the mail server keeps it and tries again.

Not aiosmtpd: its LMTP class gives one reply to the content however many recipients there are, where RFC 2033 §4.2
wants one for each (issue 517, open since 2024; the newest release, 1.4.6, is of May 2024), it keeps all of a message
where we keep the first octets, and has no limit of recipients.
"""

from __future__ import annotations

import re
import socket
import socketserver
from typing import Any, ClassVar

from pydantic import Field

from publisher.errors import SiteError
from publisher.mail.feedback.mailboxes._base import BaseMailbox, Handle
from publisher.mail.feedback.messages import MAX_OCTETS
from publisher.settings.base import Table

#: RFC 5321 §4.5.3.1: a command line, and what a session may keep open.
MAX_LINE = 4096
MAX_RECIPIENTS = 100
MAX_MESSAGE = 40 * 1024 * 1024
TIMEOUT_SECONDS = 120.0
_PATH = re.compile(r"(?:FROM|TO):\s*<([^<>\s]{0,320})>", re.IGNORECASE)


class LmtpOptions(Table):
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=2424, ge=0, le=65535, description="The port to listen on.")


class LmtpMailbox(BaseMailbox):
    """A server on this machine, run by ``masthead lmtp``."""

    Options: ClassVar[type[Table]] = LmtpOptions
    listens: ClassVar[bool] = True
    options: LmtpOptions

    def server(self, handle: Handle) -> LmtpServer:
        host, port = self.options.host, self.options.port
        try:
            return LmtpServer((host, port), handle)
        except OSError as error:
            raise SiteError(f"{host}:{port} cannot be listened on: {error.strerror}") from None


MAILBOX = LmtpMailbox


class LmtpServer(socketserver.ThreadingTCPServer):
    """``LmtpServer((host, port), handle)``; run ``serve_forever`` on a thread, end it with ``shutdown``."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handle: Handle, name: str = "masthead") -> None:
        self.handle_report = handle
        self.name = name
        super().__init__(address, _Session)

    @property
    def address(self) -> str:
        """``host:port`` that it is bound to."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that hangs up is no event; everything else got its reply inside the session."""


class _Session(socketserver.StreamRequestHandler):
    server: LmtpServer
    timeout = TIMEOUT_SECONDS

    def handle(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        try:
            self._say(f"220 {self.server.name} LMTP")
            for _ in range(10_000):
                line = self.rfile.readline(MAX_LINE + 1)
                if not line or len(line) > MAX_LINE:
                    return
                if not self._command(line.decode("utf-8", "replace").strip()):
                    return
        except (OSError, ValueError):
            return

    def _command(self, line: str) -> bool:
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        if verb == "LHLO":
            self._reset()
            self._say(
                f"250-{self.server.name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {MAX_MESSAGE}"
            )
        elif verb == "MAIL":
            path = _PATH.match(rest)
            self._sender = path[1] if path else None
            self._say("250 2.1.0 ok" if path else "501 5.5.4 MAIL FROM:<address> expected")
        elif verb == "RCPT":
            path = _PATH.match(rest)
            if self._sender is None:
                self._say("503 5.5.1 MAIL first")
            elif not path or not path[1]:
                self._say("501 5.5.4 RCPT TO:<address> expected")
            elif len(self._recipients) >= MAX_RECIPIENTS:
                self._say("452 4.5.3 too many recipients")
            else:
                self._recipients.append(path[1])
                self._say("250 2.1.5 ok")
        elif verb == "DATA":
            return self._data()
        elif verb == "RSET":
            self._reset()
            self._say("250 2.0.0 ok")
        elif verb == "NOOP":
            self._say("250 2.0.0 ok")
        elif verb == "VRFY":
            self._say("252 2.1.5 cannot verify")
        elif verb == "QUIT":
            self._say("221 2.0.0 bye")
            return False
        else:
            self._say("500 5.5.2 unknown command")
        return True

    def _data(self) -> bool:
        if not self._recipients:
            self._say("503 5.5.1 RCPT first")
            return True
        self._say("354 go on")
        kept, total = bytearray(), 0
        before = b"\r\n"  # a line begins after CRLF alone, or a bare LF could end a message (CVE-2023-51764)
        while True:
            line = self.rfile.readline(65_536)
            if not line:
                return False
            begins = before == b"\r\n"
            if begins and line == b".\r\n":
                break
            total += len(line)
            if total > MAX_MESSAGE:
                return False  # the peer ignored SIZE
            if len(kept) < MAX_OCTETS:
                kept += line[1:] if begins and line.startswith(b".") else line
            before = (before + line[-2:])[-2:]  # a long line comes in pieces, and CR and LF may be in two of them
        for recipient in self._recipients:
            self._say(self._hand_over(bytes(kept), recipient))
        self._reset()
        return True

    def _hand_over(self, raw: bytes, recipient: str) -> str:
        try:
            self.server.handle_report(raw, (recipient,))
        except Exception:  # whatever it was, the mail server keeps the report and comes back
            return "451 4.3.0 try again later"
        return "250 2.0.0 taken"

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode("ascii", "replace") + b"\r\n")

    def _reset(self) -> None:
        self._sender, self._recipients = None, []

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
