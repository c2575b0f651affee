"""Form posts: read at the edge, handled by a plain function on a thread.

A handler that works with the database must not run on the event loop, and only a coroutine can read a body;
:func:`form_route` joins the two.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Handler = Callable[[Request, FormData], Response]


def form_route(path: str, handler: Handler, *, name: str | None = None) -> Route:
    """A POST route whose ``handler(request, form)`` gets the form's text fields; files are refused.

    The body's size is limited by :class:`publisher.web.frame.security.BodyLimit`; url-encoded and multipart both
    come in (RFC 8058 asks for both).
    """

    async def endpoint(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=200) as form:
            return await run_in_threadpool(handler, request, form)

    return Route(path, endpoint, methods=["POST"], name=name)
