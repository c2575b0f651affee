"""Where mail providers report: ``POST /webhooks/<provider>``, for each file of :mod:`publisher.mail.feedback.webhooks`.

A provider that is not set up has no address (404). What is not genuine gets 401 and changes nothing; what was
seen before gets 200 and changes nothing. The outgoing requests are those that a provider asks
:class:`~publisher.mail.feedback.fetching.Fetcher` for, to addresses which it has checked.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from publisher.mail.feedback.webhooks import Call, Refused, open_provider
from publisher.subscribers import feedback
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.access import PROVIDER
from publisher.web.frame.frame import Frame
from publisher.web.frame.problems import problem
from publisher.web.frame.routes import PostBody

log = logging.getLogger(__name__)


def _take(frame: Frame, request: Request, body: bytes) -> Response:
    site = frame.site
    name = request.path_params["provider"]
    provider = open_provider(site.settings, name, lambda: keyring_of(site.store), frame.fetch)
    if provider is None:
        return problem(frame, request, 404)
    now = site.now()
    try:
        reports = provider.read(Call(body, dict(request.headers)), now)
    except Refused as refused:
        log.warning("a report to %s was refused: %s", request.url.path, refused)
        return PlainTextResponse("not genuine\n", 401)
    for report in reports:
        feedback.record(site.store, site.settings, report, now=now)
    return PlainTextResponse("ok\n")


ROUTES = (PostBody("/webhooks/{provider}", _take, PROVIDER),)
