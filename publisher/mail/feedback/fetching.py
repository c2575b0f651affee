"""The only requests that a webhook makes: to addresses which a provider has checked."""

from __future__ import annotations

import time

import httpx

from publisher.errors import RefusedAddress
from publisher.mail.feedback.webhooks import Refused
from publisher.net import OutOfBounds, client

CERTIFICATE_SECONDS = 86_400.0
MAX_CERTIFICATE = 64 * 1024
MAX_KEPT = 8


class Fetcher:
    """Gets a body, from public addresses alone and without redirects; a certificate is kept for a day.

    :param http: stands in for the network in tests.
    """

    def __init__(self, http: httpx.Client | None = None) -> None:
        self._http = http
        self._kept: dict[str, tuple[float, bytes]] = {}

    def get(self, url: str) -> bytes:
        """:raises Refused: it could not be fetched."""
        kept = self._kept.get(url)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        if self._http is not None:
            body = _body(self._http, url)
        else:
            with client(max_bytes=MAX_CERTIFICATE, follow_redirects=False) as http:
                body = _body(http, url)
        if url.endswith(".pem"):
            newest = dict(list(self._kept.items())[1 - MAX_KEPT :])
            self._kept = {**newest, url: (time.monotonic() + CERTIFICATE_SECONDS, body)}
        return body


def _body(http: httpx.Client, url: str) -> bytes:
    try:
        response = http.get(url)
    except OutOfBounds:
        raise Refused("the provider's response is too large") from None
    except (httpx.HTTPError, RefusedAddress) as error:
        raise Refused(f"the provider cannot be reached: {type(error).__name__}") from None
    if response.status_code != 200:
        raise Refused(f"the provider's response was {response.status_code}")
    if len(response.content) > MAX_CERTIFICATE:
        raise Refused("the provider's response is too large")
    return response.content
