"""uvicorn's HTTP protocol with limits of time and number, which it does not have itself.

uvicorn ends only a connection that is idle after a response (``timeout_keep_alive``), and any byte stops that clock.
Its ``limit_concurrency`` counts half-open connections too and refuses healthy requests with 503. So here:

- a request's header must be whole within :data:`HEADER_SECONDS`, its body within :data:`BODY_SECONDS`,
- whoever takes nothing of a response for :data:`WRITE_SECONDS` is cut off,
- :class:`publisher.web.serving.account.Account` bounds the connections, in all and by address.

A browser or a proxy that is cut off asks again. Nothing of this is logged one by one.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from publisher.lib.networks import plain_address
from publisher.web.serving.account import Account
from publisher.web.serving.summary import Summary

HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
WRITE_SECONDS = 60.0
#: Connections at a time; fewer where the process may not open so many files.
MAX_CONNECTIONS = 1_000
#: Connections taken from the kernel in one go (and kept there meanwhile).
BACKLOG = 128
#: File descriptors for everything that is no connection: the database, feeds, pictures.
OTHER_FILES = 200


def connections_allowed() -> int:
    """How many connections the process may hold; raises its limit of open files as far as it may, and needs to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + BACKLOG + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return max(16, min(MAX_CONNECTIONS, files - BACKLOG - OTHER_FILES))


class LimitedProtocol(H11Protocol):
    """One connection. :func:`limited` makes the class that shares an account and a summary."""

    account: Account[LimitedProtocol]
    summary: Summary

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None
        self._timed = ""
        self._writes: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        admitted, goes = self.account.admit(self, plain_address(self.client[0]) if self.client else "")
        if not admitted:
            self._cut("were too many")
        else:
            self._follow()
        if goes is not None:
            goes._cut("made room for others")

    def connection_lost(self, exc: Exception | None) -> None:
        self.account.leave(self)
        self._stop()
        self._can_write()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # what was read before we cut it off
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._follow(idle=not self.conn.trailing_data[0])
        if self.transport.is_closing():
            self._must_write()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._must_write()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._must_write()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._can_write()
            self._follow()

    def _follow(self, *, idle: bool = False) -> None:
        """Set the clock by what is waited for.

        :param idle: nothing of a next request is here, so uvicorn's own clock for that runs.
        """
        if self.transport.is_closing():
            self._stop()
            return
        state = self.conn.their_state
        if state is h11.IDLE:
            self.account.waits(self)
            if idle:
                self._stop()
            else:
                self._time("sent no whole header", HEADER_SECONDS)
        elif state is h11.SEND_BODY:
            self.account.waits(self)
            self._time("sent no whole body", BODY_SECONDS)
        else:
            self.account.is_busy(self)
            self._stop()

    def _time(self, what: str, seconds: float) -> None:
        """Cut off after ``seconds``; a clock that runs for the same already runs on, whatever arrives."""
        if self._timed == what:
            return
        self._stop()
        self._timed = what
        self._timer = self.loop.call_later(seconds, self._cut, what)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timed = None, ""

    def _must_write(self) -> None:
        """Cut off unless what is to be written gets out in time; meanwhile it goes before one that is served."""
        self.account.waits(self)
        if self._writes is None:
            self._writes = self.loop.call_later(WRITE_SECONDS, self._cut, "took no response")

    def _can_write(self) -> None:
        if self._writes is not None:
            self._writes.cancel()
        self._writes = None

    def _cut(self, what: str) -> None:
        self._stop()
        self.account.leave(self)
        self.summary.note(what)
        self.transport.abort()


def limited(account: Account[LimitedProtocol], summary: Summary) -> type[LimitedProtocol]:
    """The protocol of one server, as ``http`` of :class:`uvicorn.Config`."""
    return type("Limited", (LimitedProtocol,), {"account": account, "summary": summary})
