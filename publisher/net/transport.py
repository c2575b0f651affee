"""httpx over httpcore's pools, with connections that pass the guard and responses that stay in bounds."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import httpcore
import httpx

from publisher.errors import RefusedAddress
from publisher.net.backends import AsyncGuardedBackend, Current, GuardedBackend
from publisher.net.bounds import Allowance, OutOfBounds
from publisher.net.guard import Guard

#: httpcore's exception and httpx's, the most special first.
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


def _prepared(request: httpx.Request) -> httpcore.Request:
    if request.url.scheme not in ("http", "https"):
        raise RefusedAddress(f"{request.url.scheme}: only http and https are fetched")
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


class GuardedTransport(httpx.BaseTransport):
    """For one request after the other; connections are kept for a few seconds."""

    def __init__(self, guard: Guard, context: ssl.SSLContext, max_bytes: int, total_seconds: float) -> None:
        self._current = Current()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=20,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(guard, self._current),
        )
        self._max_bytes = max_bytes
        self._total_seconds = total_seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        allowance = self._current.allowance = Allowance(self._max_bytes, self._total_seconds)
        try:
            response = self._pool.handle_request(_prepared(request))
        except _CORE_ERRORS as error:
            raise _translated(error) from error
        try:
            allowance.head(response.headers)
        except OutOfBounds:
            response.close()
            raise
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_BoundedStream(response, allowance, self._current),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response, allowance: Allowance, current: Current) -> None:
        self._response = response
        self._allowance = allowance
        self._current = current

    def __iter__(self) -> Iterator[bytes]:
        self._current.allowance = self._allowance
        try:
            for chunk in self._response.iter_stream():
                yield self._allowance.take(chunk)
        except _CORE_ERRORS as error:
            raise _translated(error) from error

    def close(self) -> None:
        self._response.close()


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """For many requests at once to as many hosts: no connection is kept, and a response is read whole."""

    def __init__(
        self, guard: Guard, context: ssl.SSLContext, max_bytes: int, total_seconds: float, connections: int
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=0,
            network_backend=AsyncGuardedBackend(guard),
        )
        self._max_bytes = max_bytes
        self._total_seconds = total_seconds
        # Whoever waits for a place uses up none of its own time.
        self._gate = asyncio.Semaphore(connections)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        prepared = _prepared(request)
        async with self._gate:
            allowance = Allowance(self._max_bytes, self._total_seconds)
            try:
                async with asyncio.timeout(self._total_seconds):
                    response = await self._pool.handle_async_request(prepared)
                    try:
                        allowance.head(response.headers)
                        body = b"".join([allowance.take(chunk) async for chunk in response.aiter_stream()])
                    finally:
                        await response.aclose()
            except TimeoutError:
                raise httpx.ReadTimeout(f"the answer took longer than {self._total_seconds:g} s") from None
            except _CORE_ERRORS as error:
                raise _translated(error) from error
        return httpx.Response(response.status, headers=response.headers, stream=httpx.ByteStream(body))

    async def aclose(self) -> None:
        await self._pool.aclose()
