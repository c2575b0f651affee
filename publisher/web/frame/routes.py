"""The table of a part's routes, and how it is bound to a frame.

A part is a module with ``ROUTES``, a table of :class:`Get`, :class:`PostForm` and :class:`PostBody`. A handler is a
plain function of the module; it runs on a thread, because it works with the database and must not hold up the event
loop. Only a coroutine can read a body, so a form or a body is read first and handed to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from publisher.web.frame.access import Access, admit, private
from publisher.web.frame.frame import Frame

MAX_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Get:
    """GET and HEAD."""

    path: str
    handler: Callable[[Frame, Request], Response]
    access: Access


@dataclass(frozen=True, slots=True)
class PostForm:
    """POST of a form, url-encoded or multipart (RFC 8058 asks for both); its text fields only, files are refused."""

    path: str
    handler: Callable[[Frame, Request, FormData], Response]
    access: Access


@dataclass(frozen=True, slots=True)
class PostBody:
    """POST of anything else, as bytes."""

    path: str
    handler: Callable[[Frame, Request, bytes], Response]
    access: Access


Entry = Get | PostForm | PostBody


class BoundRoute(Route):
    """A route of Starlette that remembers its table's row."""

    def __init__(self, frame: Frame, entry: Entry) -> None:
        methods = ["GET", "HEAD"] if isinstance(entry, Get) else ["POST"]
        super().__init__(entry.path, _endpoint(frame, entry), methods=methods)
        self.entry = entry


def bind(frame: Frame, entries: Sequence[Entry]) -> list[BoundRoute]:
    """The routes of a table; the size of a body is limited by :class:`publisher.web.frame.security.BodyLimit`."""
    return [BoundRoute(frame, entry) for entry in entries]


def _endpoint(frame: Frame, entry: Entry) -> Callable[..., object]:
    access = entry.access

    def on_thread(request: Request, respond: Callable[[], Response], form: FormData | None = None) -> Response:
        refusal = admit(frame, access, request, form)
        return respond() if refusal is None else refusal

    match entry:
        case Get(handler=get):

            def page(request: Request) -> Response:
                return private(access, on_thread(request, lambda: get(frame, request)))

            return page
        case PostForm(handler=take):

            async def form_post(request: Request) -> Response:
                async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
                    given = form
                    done = await run_in_threadpool(on_thread, request, lambda: take(frame, request, given), given)
                return private(access, done)

            return form_post
        case PostBody(handler=read):

            async def body_post(request: Request) -> Response:
                body = await request.body()
                done = await run_in_threadpool(on_thread, request, lambda: read(frame, request, body))
                return private(access, done)

            return body_post
