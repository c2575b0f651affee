"""Our WebSub hub's door: ``POST /websub`` (W3C WebSub §5.1). What is asked is noted; the worker verifies it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from publisher.web.frame.frame import NEVER_KEPT, Site
from publisher.websub import hub

#: Seconds after which a refused subscriber may ask again.
BUSY = 60
ABOUT = (
    "This is the WebSub hub of {title}.\n\n"
    "Subscribe with a POST of hub.mode, hub.topic and hub.callback (W3C WebSub, section 5.1).\n"
    "Topics are the feeds that {home} names.\n"
)


def routes(site: Site) -> list[BaseRoute]:
    if not site.settings.websub.own_hub:
        return []

    async def ask(request: Request) -> Response:
        if request.method != "POST":
            text = ABOUT.format(title=site.publication.title, home=site.absolute("/feeds"))
            return PlainTextResponse(text, headers={"cache-control": "public, max-age=3600"})
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise HTTPException(415)
        async with request.form(max_fields=50) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return await run_in_threadpool(_noted, site, fields)

    return [Route("/websub", ask, methods=["GET", "POST"])]


def _noted(site: Site, fields: dict[str, str]) -> Response:
    headers = {"cache-control": NEVER_KEPT}
    try:
        with site.store.begin() as tx:
            hub.request(tx, site.settings, fields, now=site.now().timestamp())
    except hub.BadRequest as error:
        return PlainTextResponse(f"{error}\n", 400, headers)
    except hub.HubBusy as error:
        return PlainTextResponse(f"{error}\n", 503, {**headers, "retry-after": str(BUSY)})
    return PlainTextResponse("Accepted: the callback will be asked.\n", 202, headers)
