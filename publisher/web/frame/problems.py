"""Errors as pages in the same look, or as JSON where a program asks; never a traceback.

A page says what happened and what to do, in one line each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match

from publisher.errors import MastheadError
from publisher.web.frame.frame import NEVER_KEPT, Frame, root_of
from publisher.web.frame.security import security_headers

log = logging.getLogger(__name__)

#: What happened, and what to do.
WORDS = {
    400: ("This request cannot be read", "Go back and try once more."),
    403: ("This was refused", "Reload the page that you came from and try again."),
    404: ("There is no such page", "It may have moved: look for it on the front page."),
    405: ("This address does not take that", "Open it from the page that links to it."),
    409: ("That came too late", "Go back and reload the page."),
    410: ("This page was taken down", "You find what is current on the front page."),
    413: ("That was too large", "Send less at a time."),
    415: ("That kind of content is not taken here", "Send a form or JSON, as the page describes."),
    429: ("Too many requests", "Wait a while, then try again."),
    500: ("Something broke on our side", "It has been noted. Try again in a few minutes."),
    503: ("Not available at the moment", "Try again in a few minutes."),
}


def wants_json(request: Request) -> bool:
    """Whether the visitor is a program: it posted JSON, or accepts JSON and no HTML."""
    accept = request.headers.get("accept", "")
    return request.headers.get("content-type", "").startswith("application/json") or (
        "application/json" in accept and "text/html" not in accept
    )


def problem(frame: Frame, request: Request, status: int, *, what: str = "", todo: str = "") -> Response:
    """The page (or JSON) of one error; ``what`` and ``todo`` replace the usual words."""
    usual_what, usual_todo = WORDS.get(status, WORDS[400] if status < 500 else WORDS[500])
    what, todo = what or usual_what, todo or usual_todo
    if wants_json(request):
        return JSONResponse({"error": what, "todo": todo}, status, {"cache-control": NEVER_KEPT})
    values = {"title": what, "status": status, "what": what, "todo": todo, "robots": "noindex"}
    return frame.page(request, "web/error.html", values, status=status, cache=NEVER_KEPT)


def void_link(frame: Frame, request: Request) -> Response:
    """A personal link that is not genuine, too old or of somebody who was erased: all look alike."""
    todo = "Take the link from the newest mail, or subscribe again."
    return problem(frame, request, 404, what="This link is not good any more", todo=todo)


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
        # This answer is made outside all middleware, so it brings the headers itself. The frame may be what
        # broke (a locked database, a template): then the plainest page there is.
        try:
            response = problem(frame, request, 500)
        except Exception:
            response = Response("<!doctype html><title>500</title><p>Something broke on our side.", 500)
            response.headers["content-type"] = "text/html; charset=utf-8"
        for name, value in security_headers(request.scope, frame.policy).items():
            response.headers.setdefault(name, value)
        return response

    return {HTTPException: refused, MastheadError: broken, Exception: broken}


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
