"""httpx with connections that pass the guard and answers that stay in bounds.

The one that waits runs over httpcore's pool, the one for many at once over asyncio and h11.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import h11
import httpcore
import httpx

from publisher.errors import MastheadError, RefusedAddress
from publisher.net.guard import Guard, parse


class AnswerTooLarge(MastheadError):
    """The other side sent more than was allowed, took too long, or compressed what should be plain."""


class _Backend(httpcore.NetworkBackend):
    """Connects where the guard allows, over httpcore's own sockets."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = _addresses(_resolve(host, port))
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._guard.choose(host, port, found):
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error


def _resolve(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from None


def _addresses(found: Sequence[Any]) -> list[str]:
    return [str(address[0]) for _, _, _, _, address in found]


def _scheme(request: httpx.Request) -> str:
    if request.url.scheme not in ("http", "https"):
        raise RefusedAddress(f"{request.url.scheme}: only http and https are fetched")
    return request.url.scheme


def _request(request: httpx.Request) -> httpcore.Request:
    _scheme(request)
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


#: httpcore's word and ours, the most special first.
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.ProtocolError, httpx.ProtocolError),
    (httpcore.NetworkError, httpx.NetworkError),
    (httpcore.TimeoutException, httpx.TimeoutException),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)
_CORE_ERRORS = tuple(core for core, _ in _ERRORS)


def _translated(error: Exception) -> Exception:
    for core, ours in _ERRORS:
        if isinstance(error, core):
            return ours(str(error))
    return error


class _Allowance:
    """What one answer may still use of bytes and seconds."""

    def __init__(self, max_bytes: int, total: float) -> None:
        self._left = max_bytes
        self._max = max_bytes
        self._end = time.monotonic() + total
        self._total = total

    def head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            if name.lower() == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise AnswerTooLarge("the answer is compressed although it was asked for plain")

    def take(self, chunk: bytes) -> bytes:
        self._left -= len(chunk)
        if self._left < 0:
            raise AnswerTooLarge(f"the answer is larger than {self._max} bytes")
        if time.monotonic() > self._end:
            raise AnswerTooLarge(f"the answer took longer than {self._total:g} s")
        return chunk


class GuardedTransport(httpx.BaseTransport):
    def __init__(self, guard: Guard, context: ssl.SSLContext, max_bytes: int, total: float) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, max_connections=20, keepalive_expiry=5.0, network_backend=_Backend(guard)
        )
        self._max_bytes = max_bytes
        self._total = total

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        allowance = _Allowance(self._max_bytes, self._total)
        try:
            answer = self._pool.handle_request(_request(request))
        except _CORE_ERRORS as error:
            raise _translated(error) from error
        try:
            allowance.head(answer.headers)
        except AnswerTooLarge:
            answer.close()
            raise
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Stream(answer, allowance),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, allowance: _Allowance) -> None:
        self._answer = answer
        self._allowance = allowance

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._answer.iter_stream():
                yield self._allowance.take(chunk)
        except _CORE_ERRORS as error:
            raise _translated(error) from error

    def close(self) -> None:
        self._answer.close()


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """One connection a request, straight over asyncio and h11: for a thousand requests to as many hosts.

    A pool would look through all its connections for each of them, and most are never used again.
    """

    def __init__(self, guard: Guard, context: ssl.SSLContext, max_bytes: int, total: float, connections: int) -> None:
        self._guard = guard
        self._context = context
        self._max_bytes = max_bytes
        self._total = total
        self._gate = asyncio.Semaphore(connections)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        tls = _scheme(request) == "https"
        content = await request.aread()
        timeout = request.extensions.get("timeout", {})
        async with self._gate:
            try:
                async with asyncio.timeout(self._total):
                    reader, writer = await self._connect(request, tls, timeout.get("connect"))
                    try:
                        return await self._exchange(reader, writer, request, content, timeout.get("read"))
                    finally:
                        writer.close()
                        with suppress(OSError, TimeoutError):
                            await asyncio.wait_for(writer.wait_closed(), 1.0)
            except TimeoutError:
                raise httpx.ReadTimeout(f"the answer took longer than {self._total:g} s") from None

    async def _connect(
        self, request: httpx.Request, tls: bool, timeout: float | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if tls else 80)
        # An address needs no resolver, and a thousand of them should not queue for its threads.
        try:
            found = [host] if parse(host) else _addresses(await asyncio.to_thread(_resolve, host, port))
        except httpcore.ConnectError as error:
            raise httpx.ConnectError(str(error)) from None
        failed: httpx.TransportError = httpx.ConnectError(f"{host} has no address")
        for address in self._guard.choose(host, port, found):
            try:
                async with asyncio.timeout(timeout):
                    return await asyncio.open_connection(
                        address, port, ssl=self._context if tls else None, server_hostname=host if tls else None
                    )
            except TimeoutError:
                failed = httpx.ConnectTimeout(f"{host} did not answer")
            except OSError as error:  # also of TLS
                failed = httpx.ConnectError(f"{host}: {error}")
        raise failed

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: httpx.Request,
        content: bytes,
        timeout: float | None,
    ) -> httpx.Response:
        machine = h11.Connection(our_role=h11.CLIENT)
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"connection"]
        head = h11.Request(
            method=request.method, target=request.url.raw_path, headers=[*headers, (b"connection", b"close")]
        )
        allowance = _Allowance(self._max_bytes, self._total)
        body: list[bytes] = []
        answer: h11.Response | None = None
        try:
            writer.write(machine.send(head) or b"")
            writer.write(machine.send(h11.Data(data=content)) or b"" if content else b"")
            writer.write(machine.send(h11.EndOfMessage()) or b"")
            async with asyncio.timeout(timeout):
                await writer.drain()
            while True:
                event = machine.next_event()
                if event is h11.NEED_DATA:
                    async with asyncio.timeout(timeout):
                        machine.receive_data(await reader.read(65_536))
                elif isinstance(event, h11.Response):
                    answer = event
                    allowance.head(list(event.headers))
                elif isinstance(event, h11.Data):
                    body.append(allowance.take(bytes(event.data)))
                elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                    break
        except h11.ProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from None
        except TimeoutError:
            raise httpx.ReadTimeout("no answer came in time") from None
        except OSError as error:
            raise httpx.ReadError(str(error)) from None
        if answer is None:
            raise httpx.RemoteProtocolError("the connection was closed without an answer")
        return httpx.Response(
            status_code=answer.status_code, headers=list(answer.headers), stream=httpx.ByteStream(b"".join(body))
        )
