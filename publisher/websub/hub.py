"""Our own hub (WebSub, W3C Recommendation, 2018): what it serves, and what it is asked.

A request is believed after its callback has repeated a challenge (§5.3), so nobody can subscribe anybody else:
it is noted here, and :mod:`publisher.websub.fanning_out` asks the callback.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import feeds
from publisher.errors import MastheadError
from publisher.settings import Settings
from publisher.store import Tx
from publisher.store import websub as rows

#: Leases that our hub grants: §5.1 leaves the choice to the hub.
MIN_LEASE_SECONDS, USUAL_LEASE_SECONDS, MAX_LEASE_SECONDS = 3_600, 10 * 86_400, 30 * 86_400
#: Requests that may wait for verification, altogether and for one host: nobody makes us a nuisance to others.
MAX_WAITING = 5_000
MAX_WAITING_FOR_HOST = 200
MAX_CALLBACK = 2_000
MAX_SECRET = 200


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


def ask(tx: Tx, settings: Settings, form: dict[str, str], *, now: float) -> None:
    """Note what somebody asks of our hub (§5.1); the fan-out asks the callback whether it is meant.

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
    seconds = int(lease) if lease.isascii() and lease.isdigit() and len(lease) < 10 else USUAL_LEASE_SECONDS
    if rows.waiting(tx) >= MAX_WAITING or rows.waiting_for(tx, host) >= MAX_WAITING_FOR_HOST:
        raise HubBusy("too many requests wait for verification; try again in a minute")
    kind: rows.Mode = "subscribe" if mode == "subscribe" else "unsubscribe"
    granted = max(MIN_LEASE_SECONDS, min(MAX_LEASE_SECONDS, seconds))
    rows.ask(tx, kind, topic, callback, host=host, secret=secret, lease_seconds=granted, now=now)


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
