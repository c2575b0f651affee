"""Where mail providers report: ``POST /webhooks/{ses,mailgun,postmark,sendgrid}``.

A provider that is not set up has no address (404). What is not genuine gets 401 and changes nothing; what was
seen before gets 200 and changes nothing. The only outgoing requests are to SNS's own hosts
(:mod:`publisher.mail.feedback.webhooks.ses`): for the certificate, kept for a day, and to confirm a subscription.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from publisher.mail.feedback.reports import Event
from publisher.mail.feedback.webhooks import Refused, mailgun, postmark, sendgrid, ses
from publisher.subscribers import feedback
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.frame import Site
from publisher.web.frame.problems import problem

CERTIFICATE_SECONDS = 86_400.0
MAX_CERTIFICATE = 64 * 1024

log = logging.getLogger(__name__)


def routes(site: Site, fetch: ses.Fetch | None = None) -> list[BaseRoute]:
    """The routes of this part; ``fetch`` stands in for the network in tests."""
    get = fetch or Certificates().get

    def endpoint(read: Callable[[Request, bytes], list[Event]]) -> Callable[[Request], object]:
        async def handler(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(_answer, site, request, body, read)

        return handler

    return [
        Route("/webhooks/mailgun", endpoint(functools.partial(_mailgun, site)), methods=["POST"]),
        Route("/webhooks/postmark", endpoint(functools.partial(_postmark, site)), methods=["POST"]),
        Route("/webhooks/sendgrid", endpoint(functools.partial(_sendgrid, site)), methods=["POST"]),
        Route("/webhooks/ses", endpoint(functools.partial(_ses, site, get)), methods=["POST"]),
    ]


class NotSetUp(Exception):
    """The operator does not use this provider."""


def _answer(site: Site, request: Request, body: bytes, read: Callable[[Request, bytes], list[Event]]) -> Response:
    try:
        events = read(request, body)
    except NotSetUp:
        return problem(site, request, 404)
    except Refused as refused:
        log.warning("a report to %s was refused: %s", request.url.path, refused)
        return PlainTextResponse("not genuine\n", 401)
    now = site.now().timestamp()
    for event in events:
        feedback.record(site.store, site.settings, event, now=now)
    return PlainTextResponse("ok\n")


def _mailgun(site: Site, request: Request, body: bytes) -> list[Event]:
    secret = site.settings.feedback.mailgun_key
    if secret is None:
        raise NotSetUp
    return mailgun.read(body, key=secret.reveal(site.settings.directory), now=site.now().timestamp())


def _postmark(site: Site, request: Request, body: bytes) -> list[Event]:
    wanted = site.settings.feedback
    if wanted.postmark_password is None:
        raise NotSetUp
    return postmark.read(
        body,
        authorization=request.headers.get("authorization", ""),
        username=wanted.postmark_username,
        password=wanted.postmark_password.reveal(site.settings.directory),
    )


def _sendgrid(site: Site, request: Request, body: bytes) -> list[Event]:
    key = site.settings.feedback.sendgrid_key
    if not key:
        raise NotSetUp
    return sendgrid.read(
        body,
        signature=request.headers.get(sendgrid.SIGNATURE_HEADER, ""),
        timestamp=request.headers.get(sendgrid.TIMESTAMP_HEADER, ""),
        key=key,
        now=site.now().timestamp(),
    )


def _ses(site: Site, fetch: ses.Fetch, request: Request, body: bytes) -> list[Event]:
    topics = site.settings.feedback.ses_topics
    if not topics:
        raise NotSetUp
    found = ses.read(body, topics=topics, fetch=fetch, keyring=keyring_of(site.store), now=site.now().timestamp())
    if found.confirm_url:
        fetch(found.confirm_url)
    return list(found.events)


class Certificates:
    """Fetches from the addresses that :mod:`ses` has checked; a certificate is kept for a day."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport
        self._kept: dict[str, tuple[float, bytes]] = {}

    def get(self, url: str) -> bytes:
        """:raises Refused: it could not be fetched."""
        kept = self._kept.get(url)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        try:
            with (
                httpx.Client(follow_redirects=False, timeout=5.0, trust_env=False, transport=self._transport) as client,
                client.stream("GET", url) as response,
            ):
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_CERTIFICATE:
                        raise Refused("the answer of SNS is too large")
                if response.status_code != 200:
                    raise Refused(f"SNS answered {response.status_code}")
        except httpx.HTTPError as error:
            raise Refused(f"SNS cannot be reached: {type(error).__name__}") from None
        if url.endswith(".pem"):
            self._kept = {**dict(list(self._kept.items())[-7:]), url: (time.monotonic() + CERTIFICATE_SECONDS, body)}
        return body
