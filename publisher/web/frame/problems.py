"""Errors as pages in the same look, or as JSON where a program asks; never a traceback.

A page says what happened and what to do, in one line each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

from publisher.errors import MastheadError
from publisher.rendering.languages import Speech
from publisher.web.frame.frame import NEVER_KEPT, Frame, root_of
from publisher.web.frame.security import security_headers

log = logging.getLogger(__name__)

#: Statuses that have words of their own: ``errors.<status>``.
SAID = frozenset({400, 403, 404, 405, 409, 410, 413, 415, 429, 500, 503})


def wants_json(request: Request) -> bool:
    """Whether the visitor is a program: it posted JSON, or accepts JSON and no HTML."""
    accept = request.headers.get("accept", "")
    return request.headers.get("content-type", "").startswith("application/json") or (
        "application/json" in accept and "text/html" not in accept
    )


def problem(
    frame: Frame, request: Request, status: int, *, what: str = "", todo: str = "", speech: Speech | None = None
) -> Response:
    """The page (or JSON) of one error.

    :param what: with ``todo`` in place of the usual words; English where ``speech`` is not given.
    """
    program = wants_json(request)
    spoken = speech or (frame.english() if what or program else frame.speech(request))
    said = status if status in SAID else 400 if status < 500 else 500
    what, todo = what or spoken.say(f"errors.{said}.what"), todo or spoken.say(f"errors.{said}.todo")
    if program:
        return JSONResponse({"error": what, "todo": todo}, status, {"cache-control": NEVER_KEPT})
    values = {"title": what, "status": status, "what": what, "todo": todo, "robots": "noindex"}
    return frame.page(request, "web/error.html", values, status=status, cache=NEVER_KEPT, speech=spoken)


def void_link(frame: Frame, request: Request) -> Response:
    """A personal link that is not genuine, too old or of somebody who was erased: all look alike."""
    speech = frame.speech(request)
    what, todo = speech.say("link.void"), speech.say("link.void_more")
    return problem(frame, request, 404, what=what, todo=todo, speech=speech)


def test_link(frame: Frame, request: Request) -> Response:
    """A link of a test message: it is genuine, about nobody, and whatever is asked of it changes nothing."""
    speech = frame.speech(request)
    heading = speech.say("test_link.title")
    values = {
        "title": heading,
        "robots": "noindex",
        "heading": heading,
        "lines": [speech.say("test_link.lead")],
        "action": "",
        "choices": [],
        "buttons": [],
        "link": None,
    }
    return frame.page(request, "web/ask.html", values, cache=NEVER_KEPT, speech=speech)


def handlers(frame: Frame) -> dict[int | type[Exception], Callable[[Request, Exception], Response]]:
    """What Starlette calls for an :class:`HTTPException` and for anything unforeseen."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            moved = without_slash(request)
            if moved is not None:
                return RedirectResponse(moved, 301)
        response = problem(frame, request, error.status_code)
        response.headers.update(error.headers or {})
        return response

    def broken(request: Request, error: Exception) -> Response:
        if isinstance(error, MastheadError):  # an unforeseen one is raised again after this, and noted by the server
            log.error("%s %s: %s", request.method, request.scope["path"], error, exc_info=error)
        # This response is made outside all middleware, so it brings the headers itself. The frame may be what
        # broke (a locked database, a template): then the plainest page there is.
        try:
            response = problem(frame, request, 500)
        except Exception:
            response = Response("<!doctype html><title>500</title><p>Something broke on our side.", 500)
            response.headers["content-type"] = "text/html; charset=utf-8"
        for name, value in security_headers(request.scope, frame.policy, frame.visitors).items():
            response.headers.setdefault(name, value)
        return response

    def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it: the visitor hung up before the form was whole

    return {HTTPException: refused, ClientDisconnect: gone, MastheadError: broken, Exception: broken}


def without_slash(request: Request) -> str | None:
    """Where a path with a slash too many leads, when a page stands there."""
    root = root_of(request)
    path = request.scope["path"].removeprefix(root)
    if request.method not in ("GET", "HEAD") or not path.endswith("/") or path.startswith("//"):
        return None
    shorter = path.rstrip("/")
    if not shorter or any(c in shorter for c in "\\\r\n"):
        return None
    scope = {**request.scope, "path": root + shorter}
    for route in request.app.router.routes:
        if route.matches(scope)[0] is Match.FULL:
            return str(request.url.replace(path=root + shorter).path) + (
                f"?{request.url.query}" if request.url.query else ""
            )
    return None
