"""Requests of WebSub that are due: callbacks verified, hubs of others told, subscribers of our hub sent the feed.

::

    the worker's tick ─ fan_out_due() ─→ claim rows ─ HTTP, many at once ─ record ─ until nothing is due

A delivery is the whole feed, signed with the subscriber's secret (§7). What fails is tried again, later each time;
a row that was claimed by a worker that died falls due again by itself. Requests go through :mod:`publisher.net`:
to no private address that ``[net] allow_private`` does not name.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

import httpx

import feeds
from feeds.formats import format_of
from publisher.errors import RefusedAddress
from publisher.lib.backoff import BackOff
from publisher.net import Guard, OutOfBounds, async_client
from publisher.settings import Settings
from publisher.store import Store, Tx
from publisher.store import websub as rows
from publisher.store.websub import Announcement, Delivery, SubscriptionRequest
from publisher.websub.hub import topics

log = logging.getLogger(__name__)

#: Until the next try, after each failure; at the sixth the row is given up.
BACK_OFF = BackOff((60.0, 300.0, 1_800.0, 7_200.0, 21_600.0), tries=6)
#: A subscription ends after this many states running that could not be delivered.
END_AFTER = 3
#: How long a claimed row stays with its worker.
LEASE_SECONDS = 180.0
#: Requests at once, and rows claimed at a time.
MAX_AT_ONCE = 64
MAX_CLAIM = 500
#: Bytes of a reply that are read.
MAX_REPLY = 65_536

Outcome = Literal["done", "retry", "gone", "refused"]


@dataclass(frozen=True, slots=True)
class FanOut:
    """What :func:`fan_out_due` did."""

    verified: int = 0
    denied: int = 0
    delivered: int = 0
    announced: int = 0
    put_off: int = 0
    given_up: int = 0

    @property
    def idle(self) -> bool:
        return self == FanOut()


def fan_out_due(
    store: Store,
    settings: Settings,
    *,
    now: Callable[[], float] = time.time,
    budget_seconds: float = 60.0,
    guard: Guard | None = None,
) -> FanOut:
    """Verify, announce and deliver whatever is due; returns when nothing is, or after ``budget_seconds``.

    Idempotent, and safe to run from several workers at once.
    """
    with store.read() as tx:
        if not rows.anything_due(tx, now=now()):
            return FanOut()
    done = asyncio.run(_fan_out(store, settings, now, budget_seconds, guard or Guard.of(settings.net.allow_private)))
    if not done.idle:
        log.info("websub: %d delivered, %d announced, %d put off", done.delivered, done.announced, done.put_off)
    return done


def signature(secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature`` (§7.1)."""
    return "sha256=" + hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).hexdigest()


async def _fan_out(store: Store, settings: Settings, now: Callable[[], float], budget: float, guard: Guard) -> FanOut:
    total = FanOut()
    end = time.monotonic() + budget
    with store.begin() as tx:
        rows.end_expired(tx, now=now())
    async with async_client(guard, follow_redirects=False, connections=MAX_AT_ONCE, max_bytes=MAX_REPLY) as http:
        worker = _Worker(store, settings, now, http)
        while time.monotonic() < end:
            done = await worker.once()
            if done.idle:
                break
            total = FanOut(*(a + b for a, b in zip(_numbers(total), _numbers(done), strict=True)))
    return total


def _numbers(done: FanOut) -> tuple[int, ...]:
    return (done.verified, done.denied, done.delivered, done.announced, done.put_off, done.given_up)


class _Worker:
    """One round after the other: claim, talk, record."""

    def __init__(self, store: Store, settings: Settings, now: Callable[[], float], http: httpx.AsyncClient) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._http = http
        self._gate = asyncio.Semaphore(MAX_AT_ONCE)
        self._contents: dict[tuple[str, str], _Content | None] = {}

    async def once(self) -> FanOut:
        moment = self._now()
        with self._store.begin() as tx:
            until = moment + LEASE_SECONDS
            requests = rows.claim_requests(tx, now=moment, until=until, limit=MAX_CLAIM)
            announcements = rows.claim_announcements(tx, now=moment, until=until, limit=MAX_CLAIM)
            deliveries = rows.claim_deliveries(tx, now=moment, until=until, limit=MAX_CLAIM)
        if not (requests or announcements or deliveries):
            return FanOut()
        self._contents.clear()  # a feed may have changed since the last round
        asked, told, sent = await asyncio.gather(
            asyncio.gather(*(self._limited(self._verify(each)) for each in requests)),
            asyncio.gather(*(self._limited(self._tell(each)) for each in announcements)),
            asyncio.gather(*(self._limited(self._deliver(each)) for each in deliveries)),
        )
        with self._store.begin() as tx:
            return self._record(
                tx,
                list(zip(requests, asked, strict=True)),
                list(zip(announcements, told, strict=True)),
                list(zip(deliveries, sent, strict=True)),
            )

    async def _limited(self, work: Coroutine[None, None, Outcome]) -> Outcome:
        async with self._gate:
            return await work

    async def _verify(self, asked: SubscriptionRequest) -> Outcome:
        """§5.3: the callback must reply 2xx and repeat the challenge; any other reply is a no."""
        challenge = secrets.token_urlsafe(24)
        query = {"hub.mode": asked.mode, "hub.topic": asked.topic, "hub.challenge": challenge}
        if asked.mode == "subscribe":
            query["hub.lease_seconds"] = str(asked.lease_seconds)
        joint = "&" if urlsplit(asked.callback).query else "?"
        reply = await self._talk("GET", f"{asked.callback}{joint}{urlencode(query)}")
        if isinstance(reply, str):
            return reply
        if reply.status_code >= 500 or reply.status_code == 429:
            return "retry"
        meant = reply.is_success and hmac.compare_digest(reply.content.strip(), challenge.encode())
        return "done" if meant else "refused"

    async def _tell(self, news: Announcement) -> Outcome:
        """§6 leaves the ping to the hub; all known ones take this form."""
        form = {"hub.mode": "publish", "hub.url": news.topic, "hub.topic": news.topic}
        reply = await self._talk("POST", news.hub, data=form)
        if isinstance(reply, str):
            return reply
        return "done" if reply.is_success else "retry"

    async def _deliver(self, owed: Delivery) -> Outcome:
        content = self._content(owed.topic)
        if content is None:
            return "gone"  # the feed is not there any more
        headers = {"content-type": content.media_type, "link": content.links}
        if owed.secret:
            headers["x-hub-signature"] = signature(owed.secret, content.body)
        reply = await self._talk("POST", owed.callback, content=content.body, headers=headers)
        if isinstance(reply, str):
            return reply
        if reply.status_code == 410:
            return "gone"
        return "done" if reply.is_success else "retry"

    async def _talk(
        self,
        method: str,
        url: str,
        *,
        data: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | Outcome:
        try:
            return await self._http.request(method, url, data=data, content=content, headers=headers)
        except RefusedAddress as error:
            log.warning("WebSub: %s", error)
            return "refused"
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return "refused"
        except (httpx.HTTPError, OutOfBounds, OSError) as error:
            log.info("WebSub: %s did not take a request: %s", urlsplit(url).hostname, type(error).__name__)
            return "retry"

    def _content(self, topic: str) -> _Content | None:
        path = topics(self._settings).get(topic, "")
        if (topic, path) not in self._contents:
            self._contents[topic, path] = _Content.read(self._settings, topic, path) if path else None
        return self._contents[topic, path]

    def _record(
        self,
        tx: Tx,
        requests: list[tuple[SubscriptionRequest, Outcome]],
        announcements: list[tuple[Announcement, Outcome]],
        deliveries: list[tuple[Delivery, Outcome]],
    ) -> FanOut:
        moment = self._now()
        verified = denied = announced = put_off = given_up = 0
        for asked, outcome in requests:
            due = _next_try(asked.attempts, moment)
            if outcome == "done":
                rows.confirm(tx, asked, now=moment)
                verified += 1
            elif outcome == "retry" and due is not None:
                rows.put_off_request(tx, asked, due=due)
                put_off += 1
            else:
                rows.drop_request(tx, asked)
                denied += 1
        for news, outcome in announcements:
            due = _next_try(news.attempts, moment)
            if outcome == "retry" and due is not None:
                rows.put_off_announcement(tx, news, due=due)
                put_off += 1
            else:
                rows.announced(tx, news)
                announced += outcome == "done"
                given_up += outcome != "done"
        done = [owed for owed, outcome in deliveries if outcome == "done"]
        rows.delivered(tx, done)
        for owed, outcome in deliveries:
            due = _next_try(owed.attempts, moment)
            if outcome == "retry" and due is not None:
                rows.put_off_delivery(tx, owed, due=due)
                put_off += 1
            elif outcome == "retry":
                rows.give_up_delivery(tx, owed, end_after=END_AFTER)
                given_up += 1
            elif outcome in ("gone", "refused"):
                rows.end(tx, owed.subscription_id)
                given_up += 1
        return FanOut(verified, denied, len(done), announced, put_off, given_up)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a delivery of one topic holds."""

    body: bytes
    media_type: str
    links: str

    @classmethod
    def read(cls, settings: Settings, topic: str, path: str) -> _Content | None:
        try:
            body = (settings.state / "feeds" / path).read_bytes()
        except OSError:
            return None
        hubs = ", ".join(f'<{hub}>; rel="hub"' for hub in feeds.hubs_of(settings))
        form = format_of(path)
        if form is None:
            return None
        return cls(body, form.media_type, f'<{topic}>; rel="self"' + (f", {hubs}" if hubs else ""))


def _next_try(attempts: int, now: float) -> float | None:
    failures = attempts + 1
    return None if BACK_OFF.gives_up(failures) else now + BACK_OFF.wait(failures)
