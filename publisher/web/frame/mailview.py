"""A mail's HTML as a document of its own: sandboxed, without scripts, pictures from us alone.

Used by the desk (what each subscriber got, in a frame) and by the public web version of an edition.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from publisher.web.frame.body import page_body
from publisher.web.frame.frame import REVALIDATE, Frame, conditional
from publisher.web.frame.security import mail_policy

_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


def mail_response(frame: Frame, request: Request, html: str, *, framed: bool = False) -> Response:
    """``html`` with the policy of a mail.

    :param framed: it stands in a frame of the desk, so its links open outside of it.
    """
    html = page_body(html, frame.origins(request))
    if framed:
        html = _HEAD.sub(lambda head: head.group() + '<base target="_blank">', html, count=1)
    response = Response(html, media_type="text/html; charset=utf-8")
    response.headers["content-security-policy"] = mail_policy(frame.site.settings.web.image_hosts)
    response.headers["cache-control"] = REVALIDATE
    return conditional(request, response)
