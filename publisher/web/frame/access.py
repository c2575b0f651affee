"""Who may use a route. Each route names one of these, and :func:`admit` holds every request to it.

::

    ANYBODY    everybody
    by_token   whoever holds a genuine link: its token is checked before the handler runs; a link of a test message
               opens a page that says so, and its handler never runs
    DESK       the operator; for everybody else the address does not exist
    METRICS    the operator, and a monitoring that sends the bearer token of the settings; for others as DESK
    PROVIDER   a mail provider: its handler checks the signature over the body (:mod:`publisher.web.feedback`)
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from publisher.lib import links, tokens
from publisher.lib.tokens import Purpose
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.frame import NEVER_KEPT, Frame
from publisher.web.frame.problems import test_link, void_link
from publisher.web.frame.security import same_origin

#: Returns the response for those who may not, ``None`` for those who may; given the form of a form post.
Refuse = Callable[[Frame, Request, FormData | None], Response | None]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route."""

    who: Literal["anybody", "token", "desk", "metrics", "provider"]
    refuse: Refuse


def admit(frame: Frame, access: Access, request: Request, form: FormData | None = None) -> Response | None:
    """The refusal of this request; ``None`` when its handler may run.

    :raises HTTPException: 404 or 403, as a page.
    """
    return access.refuse(frame, request, form)


def private(access: Access, response: Response) -> Response:
    """Keep what was made for the operator, or for the holder of one link, out of shared caches."""
    if access.who in ("desk", "metrics"):
        response.headers["cache-control"] = NEVER_KEPT
        response.headers["cross-origin-resource-policy"] = "same-origin"
    elif access.who == "token":
        response.headers.setdefault("cache-control", NEVER_KEPT)
    return response


def by_token(purpose: Purpose, numbers: int) -> Access:
    """Whoever holds a genuine ``{token}`` of this purpose, which holds ``numbers`` numbers."""
    return Access("token", partial(_not_genuine, purpose, numbers))


def _not_genuine(
    purpose: Purpose, numbers: int, frame: Frame, request: Request, form: FormData | None
) -> Response | None:
    read = tokens.read(keyring_of(frame.site.store), purpose, request.path_params["token"], numbers)
    if read is None:
        return void_link(frame, request)
    return test_link(frame, request) if read[0] == links.NOBODY else None


def _nobody(frame: Frame, request: Request, form: FormData | None) -> Response | None:
    return None


def _not_the_operator(frame: Frame, request: Request, form: FormData | None) -> Response | None:
    """A form of the desk comes from a page of ours and brings the token that the page was given.

    No cookie says who the operator is, the place does; so another page in the same browser must not be able
    to post here (CSRF): the origin is checked and the token compared.
    """
    if not frame.is_desk(request):
        raise HTTPException(404)
    if form is not None and not (same_origin(request) and frame.token.matches(form)):
        raise HTTPException(403)
    return None


def _no_monitoring(frame: Frame, request: Request, form: FormData | None) -> Response | None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    known = frame.metrics_token
    genuine = hmac.compare_digest(_digest(given.strip()), _digest(known)) and scheme.lower() == "bearer"
    if not (frame.is_desk(request) or (known and genuine)):
        raise HTTPException(404)
    return None


def _digest(text: str) -> bytes:
    """Of one length whatever is compared, so that the time says nothing about the length either."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


ANYBODY = Access("anybody", _nobody)
DESK = Access("desk", _not_the_operator)
METRICS = Access("metrics", _no_monitoring)
PROVIDER = Access("provider", _nobody)
