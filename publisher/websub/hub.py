"""WebSub (W3C Recommendation, 2018): our publications tell hubs of news, and Masthead is a hub itself.

::

    a feed's bytes changed ─ announce() ─→ rows: who is owed what      in the caller's transaction
    somebody asks our hub  ─ request()  ─→ a row: to be verified
    the worker's tick      ─ fan_out_due() ─→ claim rows ─ HTTP, many at once ─ record ─ until nothing is due

A request to our hub is believed only after its callback has repeated a challenge (§5.3), so nobody can subscribe
anybody else. A delivery is the whole feed, signed with the subscriber's secret (§7). What fails is tried again,
later each time; a row that was claimed by a worker that died falls due again by itself. Every request goes
through :mod:`publisher.net`: never to a private address, unless ``[net] allow_private`` names it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlencode, urlsplit

import httpx

import feeds
from feeds.files import etags
from feeds.formats import format_of
from publisher.errors import MastheadError, RefusedAddress
from publisher.lib.backoff import BackOff
from publisher.net import Guard, OutOfBounds, async_client
from publisher.settings import Settings
from publisher.store import Store
from publisher.store import websub as rows
from publisher.store.websub import Announcement, Delivery, Request

log = logging.getLogger(__name__)

#: Until the next try, after each failure; at the sixth the row is given up.
BACK_OFF = BackOff((60.0, 300.0, 1_800.0, 7_200.0, 21_600.0), tries=6)
#: A subscription ends after this many states running that could not be delivered.
END_AFTER = 3
#: Seconds a claimed row stays with its worker.
LEASE = 180.0
#: Requests at once, and rows claimed at a time.
AT_ONCE = 64
CLAIM = 500
#: Leases our hub grants (seconds): §5.1 leaves the choice to the hub.
SHORTEST, USUAL, LONGEST = 3_600, 10 * 86_400, 30 * 86_400
#: Requests that may wait for verification, altogether and for one host: nobody makes us a nuisance to others.
MOST_WAITING = 5_000
MOST_FOR_HOST = 200
MAX_CALLBACK = 2_000
MAX_SECRET = 200

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


class BadRequest(MastheadError):
    """What was asked of our hub cannot be done; the message says what to change."""


class HubBusy(MastheadError):
    """Too much waits for verification; try again later."""

    permanent = False


def topics(settings: Settings) -> dict[str, str]:
    """Every topic of our hub by its URL: the path of the file it stands for."""
    return {
        url: f"{feed.path}.{form.extension}"
        for feed in feeds.load_catalogue(settings.state)
        for form, url in feeds.in_formats(feed)
    }


def announce(tx: Any, settings: Settings, changed: Sequence[str], *, now: float) -> int:
    """Owe the news of ``changed`` feeds (URLs, of :class:`feeds.WriteReport`) to every hub and subscriber.

    :returns: how many notifications are owed.
    """
    versions = {}
    for url in changed:
        path = settings.state / "feeds" / unquote(url.removeprefix(settings.publication.base_url).lstrip("/"))
        with suppress(OSError):
            versions[url] = etags(path)[0]
    return rows.owe(tx, versions, hubs=settings.websub.hubs, now=now)


def request(tx: Any, settings: Settings, form: dict[str, str], *, now: float) -> None:
    """Note what somebody asks of our hub (§5.1); :func:`fan_out_due` asks the callback whether it is meant.

    :raises BadRequest: it can never be done.
    :raises HubBusy: not at the moment.
    """
    mode, topic, callback = (form.get(f"hub.{name}", "") for name in ("mode", "topic", "callback"))
    secret = form.get("hub.secret", "")
    if mode == "publish":
        raise BadRequest("this hub serves its own publication only, and knows its news by itself")
    if mode not in ("subscribe", "unsubscribe"):
        raise BadRequest("hub.mode: expected subscribe or unsubscribe")
    if topic not in topics(settings):
        raise BadRequest("hub.topic: expected one of this publication's feeds, spelled as in its rel=self link")
    if len(secret.encode("utf-8", "replace")) >= MAX_SECRET:
        raise BadRequest(f"hub.secret: expected less than {MAX_SECRET} bytes")
    host = _callback_host(callback)
    lease = form.get("hub.lease_seconds", "")
    seconds = int(lease) if lease.isascii() and lease.isdigit() and len(lease) < 10 else USUAL
    if rows.waiting(tx) >= MOST_WAITING or rows.waiting_for(tx, host) >= MOST_FOR_HOST:
        raise HubBusy("too many requests wait for verification; try again in a minute")
    kind: rows.Mode = "subscribe" if mode == "subscribe" else "unsubscribe"
    granted = max(SHORTEST, min(LONGEST, seconds))
    rows.ask(tx, kind, topic, callback, host=host, secret=secret, lease_seconds=granted, now=now)


def fan_out_due(
    store: Store,
    settings: Settings,
    *,
    now: Callable[[], float] = time.time,
    budget: float = 60.0,
    guard: Guard | None = None,
) -> FanOut:
    """Verify, announce and deliver whatever is due; returns when nothing is, or after ``budget`` seconds.

    Idempotent, and safe to run from several workers at once.
    """
    with store.read() as tx:
        if not rows.anything_due(tx, now=now()):
            return FanOut()
    return asyncio.run(_fan_out(store, settings, now, budget, guard or Guard.of(settings.net.allow_private)))


def signature(secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature`` (§7.1)."""
    return "sha256=" + hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).hexdigest()


async def _fan_out(store: Store, settings: Settings, now: Callable[[], float], budget: float, guard: Guard) -> FanOut:
    total = FanOut()
    end = time.monotonic() + budget
    with store.begin() as tx:
        rows.end_expired(tx, now=now())
    async with async_client(guard, follow_redirects=False, connections=AT_ONCE, max_bytes=65_536) as http:
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
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._contents: dict[tuple[str, str], _Content | None] = {}

    async def once(self) -> FanOut:
        moment = self._now()
        with self._store.begin() as tx:
            until = moment + LEASE
            requests = rows.claim_requests(tx, now=moment, until=until, limit=CLAIM)
            announcements = rows.claim_announcements(tx, now=moment, until=until, limit=CLAIM)
            deliveries = rows.claim_deliveries(tx, now=moment, until=until, limit=CLAIM)
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

    async def _limited(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        async with self._gate:
            return await work

    async def _verify(self, asked: Request) -> Outcome:
        """§5.3: the callback must answer 2xx and repeat the challenge; any other answer is a no."""
        challenge = secrets.token_urlsafe(24)
        query = {"hub.mode": asked.mode, "hub.topic": asked.topic, "hub.challenge": challenge}
        if asked.mode == "subscribe":
            query["hub.lease_seconds"] = str(asked.lease_seconds)
        joint = "&" if urlsplit(asked.callback).query else "?"
        answer = await self._talk("GET", f"{asked.callback}{joint}{urlencode(query)}")
        if isinstance(answer, str):
            return answer
        if answer.status_code >= 500 or answer.status_code == 429:
            return "retry"
        meant = answer.is_success and hmac.compare_digest(answer.content.strip(), challenge.encode())
        return "done" if meant else "refused"

    async def _tell(self, news: Announcement) -> Outcome:
        """§6 leaves the ping to the hub; all known ones take this form."""
        form = {"hub.mode": "publish", "hub.url": news.topic, "hub.topic": news.topic}
        answer = await self._talk("POST", news.hub, data=form)
        if isinstance(answer, str):
            return answer
        return "done" if answer.is_success else "retry"

    async def _deliver(self, owed: Delivery) -> Outcome:
        content = self._content(owed.topic)
        if content is None:
            return "gone"  # the feed is not there any more
        headers = {"content-type": content.media_type, "link": content.links}
        if owed.secret:
            headers["x-hub-signature"] = signature(owed.secret, content.body)
        answer = await self._talk("POST", owed.callback, content=content.body, headers=headers)
        if isinstance(answer, str):
            return answer
        if answer.status_code == 410:
            return "gone"
        return "done" if answer.is_success else "retry"

    async def _talk(self, method: str, url: str, **more: Any) -> httpx.Response | Outcome:
        try:
            return await self._http.request(method, url, **more)
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
        tx: Any,
        requests: list[tuple[Request, Outcome]],
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


def _callback_host(callback: str) -> str:
    try:
        parts = urlsplit(callback)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    plain = callback.isascii() and callback.isprintable() and " " not in callback
    if parts.scheme not in ("http", "https") or not host or not plain or parts.fragment or parts.username:
        raise BadRequest("hub.callback: expected an absolute http or https URL without fragment or user name")
    if len(callback) > MAX_CALLBACK:
        raise BadRequest(f"hub.callback: expected at most {MAX_CALLBACK} characters")
    return host
