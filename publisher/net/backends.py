"""Sockets: a name is resolved once, every address of it is checked, and the connection goes to a checked address.

::

    host ─ resolve ─→ addresses ─ Guard.choose ─→ connect ─→ a stream whose every step keeps to the request's time
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterable

import httpcore

from publisher.net.bounds import Allowance
from publisher.net.guard import Guard, parse

_FAILED = (httpcore.ConnectError, httpcore.ConnectTimeout)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of ``host``, in the resolver's order.

    :raises httpcore.ConnectError: it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from None
    return [str(address[0]) for _, _, _, _, address in found]


class Current(threading.local):
    """The allowance of the request that this thread is carrying out."""

    allowance: Allowance | None = None

    def seconds(self, wanted: float | None) -> float | None:
        return wanted if self.allowance is None else self.allowance.seconds(wanted)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects where the guard allows, over httpcore's own sockets."""

    def __init__(self, guard: Guard, current: Current) -> None:
        self._guard = guard
        self._current = current
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._guard.choose(host, port, resolve(host, port)):
            try:
                seconds = self._current.seconds(timeout)
                stream = self._inner.connect_tcp(address, port, seconds, local_address, socket_options)
            except _FAILED as failed:
                error = failed
            else:
                return _TimedStream(stream, self._current)
        raise error


class _TimedStream(httpcore.NetworkStream):
    """A stream whose steps together take no longer than the request may: a header that drips ends too."""

    def __init__(self, inner: httpcore.NetworkStream, current: Current) -> None:
        self._inner = inner
        self._current = current

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._current.seconds(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._current.seconds(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._inner.start_tls(ssl_context, server_hostname, self._current.seconds(timeout))
        return _TimedStream(stream, self._current)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class AsyncGuardedBackend(httpcore.AsyncNetworkBackend):
    """As :class:`GuardedBackend`; the time of a whole request is bounded by the transport."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        # An address needs no resolver, and a thousand of them should not queue for its threads.
        found = [host] if parse(host) else await asyncio.to_thread(resolve, host, port)
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._guard.choose(host, port, found):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except _FAILED as failed:
                error = failed
        raise error
