"""How a channel speaks HTTP: prepared requests, one client, and what each failure means.

::

    Request (pure, exact bytes) → Line.call → Answer
                                       ├─ never left us          NotSent          try again
                                       ├─ left, no answer came   OutcomeUnknown   where it would publish, else NotSent
                                       ├─ 5xx                    the same         Facebook answers 500 and publishes
                                       └─ anything else          the channel reads it

A request that publishes is called with ``publishes=True`` and is never repeated here. A response is read to a
bound in size and in time. Nothing that was in a request appears in an error: :class:`Vault` masks it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import secrets as _random
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

import publisher
from publisher.errors import ChannelError, NotSent, OutcomeUnknown, SettingsError
from publisher.lib.text import one_line, shorten
from publisher.settings.base import Secret

# httpx logs every URL at INFO and httpcore every header at DEBUG; a webhook's URL is itself the secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

USER_AGENT = f"masthead:publisher:v{publisher.__version__}"
MASK = "***"
_MAX_ANSWER = 1024 * 1024
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_ANSWER_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Request:
    """Exactly what goes out; ``headers`` in their order, ``Host`` and ``Content-Length`` included when sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def prepared(self) -> httpx.Request:
        """The request as it leaves, with no header that is not named here but the length and the host."""
        headers = [("User-Agent", USER_AGENT), ("Accept", "application/json"), *self.headers]
        return httpx.Request(self.method, self.url, headers=headers, content=self.body or None)

    def to_bytes(self) -> bytes:
        """The HTTP/1.1 message: request line, headers, empty line, body."""
        request = self.prepared()
        lines = [f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1".encode("ascii")]
        lines += [name + b": " + value for name, value in request.headers.raw]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


def json_request(method: str, url: str, value: Any, *headers: tuple[str, str]) -> Request:
    """A request with a JSON body in UTF-8."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Request(method, url, (*headers, ("Content-Type", "application/json")), body)


def form_request(method: str, url: str, values: Mapping[str, str], *headers: tuple[str, str]) -> Request:
    """A request with an ``application/x-www-form-urlencoded`` body; a space is %20."""
    body = urlencode(values, quote_via=quote).encode("ascii")
    return Request(method, url, (*headers, ("Content-Type", "application/x-www-form-urlencoded")), body)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a multipart form; a file where ``filename`` is given."""

    name: str
    data: bytes
    filename: str = ""
    media_type: str = ""


def multipart_request(method: str, url: str, parts: list[Part], *headers: tuple[str, str]) -> Request:
    """A ``multipart/form-data`` request (RFC 7578); the boundary is made of the content, so it is repeatable."""
    import hashlib

    boundary = hashlib.sha256(b"\0".join(part.data for part in parts)).hexdigest()[:32]
    body = bytearray()
    for part in parts:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"'.encode("ascii")
        if part.filename:
            body += f'; filename="{part.filename}"\r\nContent-Type: {part.media_type}'.encode("ascii")
        body += b"\r\n\r\n" + part.data + b"\r\n"
    body += f"--{boundary}--\r\n".encode("ascii")
    return Request(method, url, (*headers, ("Content-Type", f"multipart/form-data; boundary={boundary}")), bytes(body))


def bearer(token: str) -> tuple[str, str]:
    """The ``Authorization`` header of RFC 6750."""
    return ("Authorization", f"Bearer {token}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A platform's response: hostile until read with care."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The body as an object; ``{}`` where it is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def get(self, *path: str) -> Any:
        """The value under nested keys, ``None`` where one is missing."""
        value: Any = self.json()
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def text(self) -> str:
        """The body as one short line, for an error that names what the platform said."""
        return shorten(one_line(self.body[:2000].decode("utf-8", "replace")), 300)


class Vault:
    """Reveals secrets when they are needed and masks whatever it has revealed, also encoded."""

    def __init__(self, site: Path | None = None, *, dry_run: bool = False) -> None:
        self._site = site
        self.dry_run = dry_run
        self._known: set[str] = set()

    def reveal(self, secret: Secret | None) -> str:
        """The secret; for a dry run the mask where it is not set.

        :raises SettingsError: it is not set; names only where it should be.
        """
        try:
            if secret is None:
                raise SettingsError("a secret is missing")
            value = secret.reveal(self._site)
        except SettingsError:
            if self.dry_run:
                return MASK
            raise
        return self.keep(value)

    def keep(self, value: str) -> str:
        """Mask ``value`` from now on: a session token is as secret as the password that bought it."""
        secrets = {value}
        if value.startswith(("http://", "https://")):  # a webhook: a request line shows its path alone
            path = urlsplit(value).path.strip("/")
            secrets |= {path, *path.rsplit("/", 1)[1:]}
        for secret in secrets:
            if len(secret) >= 4 and secret != MASK:
                encoded = base64.b64encode(secret.encode()).decode()
                self._known |= {secret, quote(secret, safe=""), encoded, json.dumps(secret)[1:-1]}
        return value

    def mask(self, text: str) -> str:
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def mask_bytes(self, data: bytes) -> bytes:
        for value in sorted(self._known, key=len, reverse=True):
            data = data.replace(value.encode(), MASK.encode())
        return data


@dataclass(slots=True)
class Line:
    """The open line to one platform for one post.

    ``memory`` is kept per channel between posts (sessions, an instance's limits), ``progress`` per post between
    tries (uploaded media, a container); ``save`` writes both to the store before the next step is taken.
    """

    client: httpx.Client
    vault: Vault
    now: Callable[[], datetime]
    memory: MutableMapping[str, Any] = field(default_factory=dict)
    progress: MutableMapping[str, Any] = field(default_factory=dict)
    save: Callable[[], None] = lambda: None
    #: After this instant nothing is published any more: what prepared it took too long.
    until: datetime | None = None

    def call(self, request: Request, *, publishes: bool = False) -> Answer:
        """Send ``request`` once.

        :raises NotSent: it was not carried out, or it publishes nothing and may be repeated.
        :raises OutcomeUnknown: ``publishes``, and it may have been carried out.
        """
        lost: type[ChannelError] = OutcomeUnknown if publishes else NotSent
        host = request.url.split("/", 3)[2] if "://" in request.url else ""
        if publishes and self.until is not None and self.now() > self.until:
            raise NotSent("preparing it took too long")
        try:
            answer = self._exchange(request.prepared())
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise NotSent(self.vault.mask(f"no connection to {host}: {_cause(error)}")) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
            raise ChannelError(self.vault.mask(f"{host}: not a URL that a request can go to")) from None
        except (httpx.TransportError, httpx.StreamError, TimeoutError) as error:
            raise lost(self.vault.mask(f"no answer from {host}: {_cause(error)}")) from None
        if answer.status >= 500:
            raise lost(self.vault.mask(f"{host} answered {answer.status}: {answer.text()}"))
        return answer

    def _exchange(self, request: httpx.Request) -> Answer:
        started = time.monotonic()
        response = self.client.send(request, stream=True, follow_redirects=False)
        with contextlib.closing(response):
            body = bytearray()
            for chunk in response.iter_bytes(65536):
                body += chunk
                if len(body) > _MAX_ANSWER:
                    raise httpx.StreamError("the answer is too long")
                if time.monotonic() - started > _ANSWER_SECONDS:
                    raise TimeoutError("the answer took too long")
            return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body))


def _cause(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__


@contextlib.contextmanager
def open_client() -> Iterator[httpx.Client]:
    """A client for one channel's calls: no cookies kept, no redirect followed, no proxy from the environment."""
    with httpx.Client(timeout=_TIMEOUT, trust_env=False, headers={}) as client:
        yield client


def seconds_from(value: str | float | int | None, now: datetime) -> datetime | None:
    """``now`` plus a number of seconds, or the HTTP date of a ``Retry-After`` (RFC 9110 §10.2.3)."""
    if value is None:
        return None
    try:
        return now + timedelta(seconds=min(max(float(value), 0.0), 86400.0 * 31))
    except (ValueError, OverflowError):
        pass
    try:
        moment = parsedate_to_datetime(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError):
        return None


def epoch_from(value: str | None) -> datetime | None:
    """An instant given as seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(value), UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def iso_from(value: Any) -> datetime | None:
    """An instant given as ISO 8601; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return None


def nonce() -> str:
    """32 hex digits that nobody has used."""
    return _random.token_hex(16)
