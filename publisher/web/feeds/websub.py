"""Our WebSub hub's address: ``POST /websub`` (W3C WebSub §5.1). What is asked is noted; the worker verifies it."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import NEVER_KEPT, Frame
from publisher.web.frame.routes import Get, PostForm
from publisher.websub import hub

#: After how many seconds a refused subscriber may ask again.
BUSY_SECONDS = 60
ABOUT = (
    "This is the WebSub hub of {title}.\n\n"
    "Subscribe with a POST of hub.mode, hub.topic and hub.callback (W3C WebSub, section 5.1).\n"
    "Topics are the feeds that {home} names.\n"
)


def about(frame: Frame, request: Request) -> Response:
    _require_hub(frame)
    text = ABOUT.format(title=frame.publication.title, home=frame.absolute("/feeds"))
    return PlainTextResponse(text, headers={"cache-control": "public, max-age=3600"})


def ask(frame: Frame, request: Request, form: FormData) -> Response:
    """A subscription is asked for, or its end."""
    _require_hub(frame)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    headers = {"cache-control": NEVER_KEPT}
    try:
        with frame.site.store.begin() as tx:
            hub.ask(tx, frame.site.settings, fields, now=frame.site.now())
    except hub.BadRequest as error:
        return PlainTextResponse(f"{error}\n", 400, headers)
    except hub.HubBusy as error:
        return PlainTextResponse(f"{error}\n", 503, {**headers, "retry-after": str(BUSY_SECONDS)})
    return PlainTextResponse("Accepted: the callback will be asked.\n", 202, headers)


def _require_hub(frame: Frame) -> None:
    if not frame.site.settings.websub.own_hub:
        raise HTTPException(404)


ROUTES = (
    Get("/websub", about, ANYBODY),
    PostForm("/websub", ask, ANYBODY),
)
