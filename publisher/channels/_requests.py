"""Requests to a platform, pure: the exact bytes that go out, the same for a dry run and for sending."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import httpx

import publisher
from publisher import net

USER_AGENT = f"masthead:publisher:v{publisher.__version__}"


@dataclass(frozen=True, slots=True)
class PlatformRequest:
    """Exactly what goes out; ``headers`` in their order, ``Host`` and ``Content-Length`` included when sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def prepared(self) -> httpx.Request:
        """The request as it leaves, with no header that is not named here but the length and the host."""
        headers = [("User-Agent", USER_AGENT), ("Accept", "application/json"), net.PLAIN, *self.headers]
        return httpx.Request(self.method, self.url, headers=headers, content=self.body or None)

    def to_bytes(self) -> bytes:
        """The HTTP/1.1 message: request line, headers, empty line, body."""
        request = self.prepared()
        lines = [f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1".encode("ascii")]
        lines += [name + b": " + value for name, value in request.headers.raw]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


def json_request(method: str, url: str, value: object, *headers: tuple[str, str]) -> PlatformRequest:
    """A request with a JSON body in UTF-8."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return PlatformRequest(method, url, (*headers, ("Content-Type", "application/json")), body)


def form_request(method: str, url: str, values: Mapping[str, str], *headers: tuple[str, str]) -> PlatformRequest:
    """A request with an ``application/x-www-form-urlencoded`` body; a space is %20."""
    body = urlencode(values, quote_via=quote).encode("ascii")
    return PlatformRequest(method, url, (*headers, ("Content-Type", "application/x-www-form-urlencoded")), body)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a multipart form; a file where ``filename`` is given."""

    name: str
    data: bytes
    filename: str = ""
    media_type: str = ""


def multipart_request(method: str, url: str, parts: list[Part], *headers: tuple[str, str]) -> PlatformRequest:
    """A ``multipart/form-data`` request (RFC 7578); the boundary is made of the content, so it is repeatable."""
    boundary = hashlib.sha256(b"\0".join(part.data for part in parts)).hexdigest()[:32]
    content_type = ("Content-Type", f"multipart/form-data; boundary={boundary}")
    files = [(part.name, (part.filename or None, part.data, part.media_type or None)) for part in parts]
    body = httpx.Request(method, url, headers=[content_type], files=files).read()
    return PlatformRequest(method, url, (*headers, content_type), body)


def bearer(token: str) -> tuple[str, str]:
    """The ``Authorization`` header of RFC 6750."""
    return ("Authorization", f"Bearer {token}")
