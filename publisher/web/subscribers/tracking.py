"""Links and the picture that lead through us, where the operator counts opens and clicks.

HEAD and programs that say what they are count as scanners. An address that is not ours is 404; nothing is ever
redirected to what stands in the request.
"""

from __future__ import annotations

import base64
import functools

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from publisher.subscribers import tracking
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.frame import NEVER_KEPT, Site
from publisher.web.frame.problems import problem

#: One transparent pixel.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def routes(site: Site) -> list[BaseRoute]:
    """The routes of this part."""
    return [
        Route("/c/{token}/{mark}", functools.partial(_click, site), methods=["GET", "HEAD"]),
        Route("/o/{token}/{mark}", functools.partial(_open, site), methods=["GET", "HEAD"]),
    ]


def _click(site: Site, request: Request) -> Response:
    where = tracking.follow(
        site.store,
        site.settings,
        keyring_of(site.store),
        request.path_params["token"],
        request.path_params["mark"],
        human=tracking.is_human(request.headers, request.method),
        now=site.now().timestamp(),
    )
    if where is None:
        return problem(site, request, 404)
    return Response(status_code=302, headers={"location": where, "cache-control": NEVER_KEPT})


def _open(site: Site, request: Request) -> Response:
    genuine = tracking.opened(
        site.store,
        site.settings,
        keyring_of(site.store),
        request.path_params["token"],
        request.path_params["mark"],
        human=tracking.is_human(request.headers, request.method),
        now=site.now().timestamp(),
    )
    if not genuine:
        return problem(site, request, 404)
    return Response(PIXEL, media_type="image/gif", headers={"cache-control": NEVER_KEPT})
