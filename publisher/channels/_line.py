"""The line to a platform: one request sent once, and what each failure means.

::

    PlatformRequest → Line.call → PlatformReply
                          ├─ never left us          NotSent          try again
                          ├─ left, no answer came   OutcomeUnknown   where it would publish, else NotSent
                          ├─ 5xx                    the same         Facebook answers 500 and publishes
                          ├─ a private address      SettingsError    says which setting allows it
                          └─ anything else          the channel reads it

A request that publishes is called with ``publishes=True`` and is not repeated here. :mod:`publisher.net` bounds
a reply in size and in time. Nothing that was in a request appears in an error: the vault masks it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from publisher import net
from publisher.channels._requests import PlatformRequest
from publisher.channels._vault import Vault
from publisher.errors import ChannelError, NotSent, OutcomeUnknown, RefusedAddress, SettingsError
from publisher.lib.foreign import mapping, under
from publisher.lib.text import one_line, shorten

MAX_REPLY = 1024 * 1024
#: Platforms take their time over an image.
STEP_SECONDS = 20.0
REPLY_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class PlatformReply:
    """A platform's response: hostile until read with care."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, object]:
        """The body as an object; ``{}`` where it is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return mapping(value)

    def get(self, *path: str) -> object:
        """The value under nested keys, ``None`` where one is missing."""
        return under(self.json(), *path)

    def text(self) -> str:
        """The body as one short line, for an error that names what the platform said."""
        return shorten(one_line(self.body[:2000].decode("utf-8", "replace")), 300)


@dataclass(slots=True)
class Line:
    """The open line to one platform for one post.

    ``memory`` is kept per channel between posts (sessions, an instance's limits), ``progress`` per post between
    tries (uploaded media, a container); ``save`` writes both to the store before the next step is taken.
    """

    client: httpx.Client
    vault: Vault
    now: Callable[[], datetime]
    memory: MutableMapping[str, object] = field(default_factory=dict)
    progress: MutableMapping[str, object] = field(default_factory=dict)
    save: Callable[[], None] = lambda: None
    #: After this instant nothing is published any more: what prepared it took too long.
    until: datetime | None = None

    def call(self, request: PlatformRequest, *, publishes: bool = False) -> PlatformReply:
        """Send ``request`` once.

        :raises NotSent: it was not carried out, or it publishes nothing and may be repeated.
        :raises OutcomeUnknown: ``publishes``, and it may have been carried out.
        :raises SettingsError: the platform's address is private, and no setting allows it.
        """
        lost: type[ChannelError] = OutcomeUnknown if publishes else NotSent
        host = request.url.split("/", 3)[2] if "://" in request.url else ""
        if publishes and self.until is not None and self.now() > self.until:
            raise NotSent("preparing it took too long")
        try:
            reply = self._exchange(request.prepared())
        except RefusedAddress as error:
            raise SettingsError(self.vault.mask(_refused(host, error))) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise NotSent(self.vault.mask(f"no connection to {host}: {_cause(error)}")) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
            raise ChannelError(self.vault.mask(f"{host}: not a URL that a request can go to")) from None
        except (httpx.TransportError, httpx.StreamError, net.OutOfBounds) as error:
            raise lost(self.vault.mask(f"no answer from {host}: {_cause(error)}")) from None
        if reply.status >= 500:
            raise lost(self.vault.mask(f"{host} answered {reply.status}: {reply.text()}"))
        return reply

    def _exchange(self, request: httpx.Request) -> PlatformReply:
        response = self.client.send(request, stream=True, follow_redirects=False)
        with contextlib.closing(response):
            headers = {name.lower(): value for name, value in response.headers.items()}
            return PlatformReply(response.status_code, headers, response.read())


def _cause(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__


def _refused(host: str, error: RefusedAddress) -> str:
    """What the operator, who wrote the channel's address, is told."""
    if not error.address:
        return str(error)
    return (
        f"{host} is at the private address {error.address}; if that is meant, write in publication.toml: "
        f'[net] allow_private = ["{error.address}"]'
    )


@contextlib.contextmanager
def open_client(networks: Iterable[str] = ()) -> Iterator[httpx.Client]:
    """A client for one channel's calls: no cookie sent, no redirect followed, no proxy from the environment.

    A channel's address is the operator's own word, so any port will do.

    :param networks: private networks that may be reached: ``[net] allow_private``.
    """
    guard = net.Guard.of(networks, net.ANY_PORT)
    with net.client(
        guard, step_seconds=STEP_SECONDS, total_seconds=REPLY_SECONDS, max_bytes=MAX_REPLY, follow_redirects=False
    ) as client:
        yield client
