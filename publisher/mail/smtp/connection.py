"""The socket under a session: connects, protects, reads and writes without ever blocking; knows no SMTP word.

Every call returns at once. The owner polls :attr:`Connection.descriptor` for :attr:`Connection.events`, calls
:meth:`Connection.ready` when something happened, and :meth:`Connection.check` now and then for what did not.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from publisher.mail.smtp.replies import Phase
from publisher.mail.smtp.session import Patience, Session

READ, WRITE = select.POLLIN, select.POLLOUT
_WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_CHUNK = 65536

Address = tuple[Any, ...]


class Connection:
    """One TCP connection to a relay and the session that runs over it.

    :ivar taken: messages the relay took over this connection.
    :ivar failed_at: the stage it failed at: ``resolving``, ``connecting``, ``shaking hands`` or ``open``.
    """

    def __init__(
        self, host: str, port: int, session: Session, tls: ssl.SSLContext | None, patience: Patience,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.session = session
        self.taken = 0
        self.failed_at = ""
        self.welcomed = False  # its first message has been looked for
        self.descriptor = -1
        self.events = 0
        self.progress = clock()  # when something last moved
        self._host = host
        self._tls = tls
        self._patience = patience
        self._clock = clock
        self._socket: socket.socket | None = None
        self._stage = "resolving"
        self._unsent = b""
        self._addresses: list[tuple[int, Address]] = []
        self._lookup = _Lookup(host, port)

    @property
    def tls_version(self) -> str:
        """As ``TLSv1.3``; empty in the clear."""
        return (self._socket.version() or "") if isinstance(self._socket, ssl.SSLSocket) else ""

    def check(self) -> None:
        """Look at the clock, and at the name look-up while it runs."""
        if self._stage == "resolving" and not self.session.over:
            if self._lookup.error:
                self._fail(f"{self._host} cannot be found: {self._lookup.error}")
            elif self._lookup.found is not None:
                self._addresses = self._lookup.found
                self._try_next("no address")
        reason = self._overdue()
        if reason and not self._moved_meanwhile():
            self._run_out(reason)

    def _overdue(self) -> str:
        """What has taken longer than our patience with it; empty while nothing has."""
        if self.session.over:
            return ""
        patience, waited = self._patience, self._clock() - self.progress
        match self._stage:
            case "resolving":
                reason, limit = f"{self._host} cannot be found: no answer within", patience.connect
            case "connecting":
                reason, limit = "no answer within", patience.connect
            case "shaking hands":
                reason, limit = "TLS was not ready within", patience.tls
            case _ if self._unsent:
                reason, limit = "nothing was read by the relay for", patience.block
            case _:
                phase = self.session.waiting_for
                if phase is None:
                    return ""
                what = "greeting" if phase is Phase.GREETING else f"reply to {phase}"
                reason, limit = f"no {what} within", patience.of(phase)
        return f"{reason} {limit:g} s" if waited > limit else ""

    def _moved_meanwhile(self) -> bool:
        """Whether it was us who stood still (a suspended machine, a stopped process) and the answer waits in the
        socket: then it is taken, where to call it missing would send its message a second time."""
        if self.descriptor < 0:
            return False
        poll = select.poll()
        poll.register(self.descriptor, self.events)
        before = self.progress
        for _, events in poll.poll(0):
            self.ready(events)
        return self.session.over or self.progress != before

    def _run_out(self, reason: str) -> None:
        if self._stage == "connecting":
            self._try_next(reason)
        else:
            self._fail(reason)

    def ready(self, events: int) -> None:
        """The socket has something to read, room to write, or an error."""
        try:
            if self._stage == "open":
                if self._unsent and events & WRITE:
                    self._write_carefully()
                if events & ~WRITE and self._socket is not None:
                    self._read()
                if self.session.out:
                    self.flush()
                if self.session.over:
                    self.close()
            elif self._stage == "connecting":
                self._connected()
            elif self._stage == "shaking hands":
                self._shake_hands()
        except _WOULD_BLOCK:
            return
        except ssl.SSLCertVerificationError as error:
            self._fail(f"the relay's certificate is not accepted: {error.verify_message or error.reason}")
        except ssl.SSLError as error:
            self._fail(f"TLS failed: {error.reason or 'the relay hung up'}")
        except OSError as error:
            self._fail(_reason(error))

    def flush(self) -> None:
        """Write what the session has to say."""
        out = self.session.out
        if not out or self._socket is None:
            return
        if self._unsent or isinstance(self._socket, ssl.SSLSocket):
            self._unsent += b"".join(out)
            out.clear()
            self._write_carefully()
            return
        try:
            sent = self._socket.sendmsg(out)
        except _WOULD_BLOCK:
            sent = 0
        except OSError as error:
            out.clear()
            self._unsent = b"\0"  # nothing of it went out whole
            self._fail(_reason(error))
            return
        self.progress = self._clock()
        if sent == sum(map(len, out)):
            out.clear()
            return
        self._unsent = b"".join(out)[sent:]
        out.clear()
        self.events = READ | WRITE

    def give_up(self, reason: str) -> None:
        """End the conversation now, wherever it is; what has come already is heard."""
        self._moved_meanwhile()
        self._fail(reason)

    def close(self) -> None:
        """Let go of the socket; what the session says last is tried once."""
        self.session.over = True
        if self._socket is not None:
            if self.session.out and not self._unsent:
                with contextlib.suppress(OSError):
                    self._socket.send(b"".join(self.session.out))
            with contextlib.suppress(OSError):
                self._socket.close()
        self.session.out.clear()
        self._socket, self._stage, self.events, self.descriptor = None, "closed", 0, -1

    def _try_next(self, reason: str) -> None:
        """Connect to the next address of the relay's name (RFC 5321 §5.1: in order, all of them)."""
        while self._addresses:
            family, address = self._addresses.pop(0)
            self._drop_socket()
            try:
                self._socket = socket.socket(family, socket.SOCK_STREAM)
                self._socket.setblocking(False)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                result = self._socket.connect_ex(address)
            except OSError as error:
                reason = _reason(error)
                continue
            if result in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                self._stage, self.progress = "connecting", self._clock()
                self.descriptor, self.events = self._socket.fileno(), WRITE
                return
            reason = _reason(OSError(result, ""))
        self._fail(reason)

    def _connected(self) -> None:
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return self._try_next(_reason(OSError(error, "")))
        self.progress = self._clock()
        own = self._socket.getsockname()[0]
        self.session.address_literal = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
        if self.session.secure:
            return self._start_tls()
        self._stage, self.events = "open", READ

    def _start_tls(self) -> None:
        assert self._socket is not None
        assert self._tls is not None
        self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._host, do_handshake_on_connect=False)
        self.descriptor = self._socket.fileno()
        self._stage, self.events, self.progress = "shaking hands", READ, self._clock()
        self._shake_hands()

    def _shake_hands(self) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self.events = READ
            return
        except ssl.SSLWantWriteError:
            self.events = WRITE
            return
        self._stage, self.events, self.progress = "open", READ, self._clock()
        if self.session.wants_tls:
            self.session.tls_started()
            self.flush()
        else:
            self._read()

    def _read(self) -> None:
        """Hand what has come to the session. TLS may hold more than the socket shows, so it is read dry."""
        assert self._socket is not None
        while not self.session.over:
            data = self._socket.recv(_CHUNK)
            if not data:
                self._fail("the relay closed the connection")
                return
            self.progress = self._clock()
            self.session.receive(data)
            if self.session.wants_tls:
                return self._start_tls()
            if not isinstance(self._socket, ssl.SSLSocket):
                return
            self.flush()

    def _write_carefully(self) -> None:
        try:
            self._write()
        except _WOULD_BLOCK:
            self.events = READ | WRITE
        except (OSError, ssl.SSLError) as error:
            self._fail(_reason(error))

    def _write(self) -> None:
        assert self._socket is not None
        while self._unsent:
            sent = self._socket.send(self._unsent)
            self._unsent = self._unsent[sent:]
            self.progress = self._clock()
        self.events = READ

    def _fail(self, reason: str) -> None:
        self.failed_at = self._stage
        self.session.lost(reason, flushed=not self._unsent)
        self.session.out.clear()
        self.close()

    def _drop_socket(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket, self.descriptor, self.events = None, -1, 0


class _Lookup:
    """A name look-up that does not hold up the other relays: an IP address at once, a name in a thread."""

    def __init__(self, host: str, port: int) -> None:
        self.found: list[tuple[int, Address]] | None = None
        self.error = ""
        try:
            self._resolve(host, port, socket.AI_NUMERICHOST)
        except OSError:
            threading.Thread(target=self._in_thread, args=(host, port), daemon=True, name="name look-up").start()

    def _in_thread(self, host: str, port: int) -> None:
        try:
            self._resolve(host, port, 0)
        except (OSError, UnicodeError) as error:
            self.error = getattr(error, "strerror", None) or str(error)

    def _resolve(self, host: str, port: int, flags: int) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        self.found = [(family, address) for family, _, _, _, address in found]


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'the relay hung up'}"
    try:
        return os.strerror(error.errno).lower() if error.errno else str(error)
    except (TypeError, ValueError):
        return str(error)
