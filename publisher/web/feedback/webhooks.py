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
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from publisher import net
from publisher.errors import RefusedAddress
from publisher.mail.feedback.reports import Event
from publisher.mail.feedback.webhooks import Refused, mailgun, postmark, sendgrid, ses
from publisher.subscribers import feedback
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.access import PROVIDER
from publisher.web.frame.frame import Frame
from publisher.web.frame.problems import problem
from publisher.web.frame.routes import PostBody

CERTIFICATE_SECONDS = 86_400.0
MAX_CERTIFICATE = 64 * 1024

log = logging.getLogger(__name__)


class NotSetUp(Exception):
    """The operator does not use this provider."""


def _take(
    read: Callable[[Frame, Request, bytes], list[Event]], frame: Frame, request: Request, body: bytes
) -> Response:
    try:
        events = read(frame, request, body)
    except NotSetUp:
        return problem(frame, request, 404)
    except Refused as refused:
        log.warning("a report to %s was refused: %s", request.url.path, refused)
        return PlainTextResponse("not genuine\n", 401)
    now = frame.site.now()
    for event in events:
        feedback.record(frame.site.store, frame.site.settings, event, now=now)
    return PlainTextResponse("ok\n")


def _mailgun(frame: Frame, request: Request, body: bytes) -> list[Event]:
    secret = frame.site.settings.feedback.mailgun_key
    if secret is None:
        raise NotSetUp
    return mailgun.read(body, key=secret.reveal(frame.site.settings.directory), now=frame.site.now())


def _postmark(frame: Frame, request: Request, body: bytes) -> list[Event]:
    wanted = frame.site.settings.feedback
    if wanted.postmark_password is None:
        raise NotSetUp
    return postmark.read(
        body,
        authorization=request.headers.get("authorization", ""),
        username=wanted.postmark_username,
        password=wanted.postmark_password.reveal(frame.site.settings.directory),
    )


def _sendgrid(frame: Frame, request: Request, body: bytes) -> list[Event]:
    key = frame.site.settings.feedback.sendgrid_key
    if not key:
        raise NotSetUp
    return sendgrid.read(
        body,
        signature=request.headers.get(sendgrid.SIGNATURE_HEADER, ""),
        timestamp=request.headers.get(sendgrid.TIMESTAMP_HEADER, ""),
        key=key,
        now=frame.site.now(),
    )


def _ses(frame: Frame, request: Request, body: bytes) -> list[Event]:
    topics = frame.site.settings.feedback.ses_topics
    if not topics:
        raise NotSetUp
    found = ses.read(body, topics=topics, fetch=frame.fetch, keyring=keyring_of(frame.site.store), now=frame.site.now())
    if found.confirm_url:
        frame.fetch(found.confirm_url)
    return list(found.events)


ROUTES = (
    PostBody("/webhooks/mailgun", functools.partial(_take, _mailgun), PROVIDER),
    PostBody("/webhooks/postmark", functools.partial(_take, _postmark), PROVIDER),
    PostBody("/webhooks/sendgrid", functools.partial(_take, _sendgrid), PROVIDER),
    PostBody("/webhooks/ses", functools.partial(_take, _ses), PROVIDER),
)


class Certificates:
    """Fetches from the addresses that :mod:`ses` has checked; a certificate is kept for a day."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        self._client = client or net.client(max_bytes=MAX_CERTIFICATE, follow_redirects=False)
        self._kept: dict[str, tuple[float, bytes]] = {}

    def get(self, url: str) -> bytes:
        """:raises Refused: it could not be fetched."""
        kept = self._kept.get(url)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        try:
            response = self._client.get(url)
        except (httpx.HTTPError, net.OutOfBounds, RefusedAddress) as error:
            raise Refused(f"SNS cannot be reached: {type(error).__name__}") from None
        if response.status_code != 200:
            raise Refused(f"SNS answered {response.status_code}")
        body = response.content
        if url.endswith(".pem"):
            self._kept = {**dict(list(self._kept.items())[-7:]), url: (time.monotonic() + CERTIFICATE_SECONDS, body)}
        return body
