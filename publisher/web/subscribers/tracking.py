"""Links and the picture that lead through us, where the operator counts opens and clicks.

HEAD and programs that say what they are count as scanners. An address that is not ours is 404; nothing is ever
redirected to what stands in the request.
"""

from __future__ import annotations

import base64

from starlette.requests import Request
from starlette.responses import Response

from publisher.lib.tokens import Purpose
from publisher.subscribers import tracking
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.access import by_token
from publisher.web.frame.frame import NEVER_KEPT, Frame
from publisher.web.frame.problems import problem
from publisher.web.frame.routes import Get

#: One transparent pixel.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def click(frame: Frame, request: Request) -> Response:
    where = tracking.follow(
        frame.site.store,
        frame.site.settings,
        keyring_of(frame.site.store),
        request.path_params["token"],
        request.path_params["mark"],
        human=tracking.is_human(request.headers, request.method),
        now=frame.site.now(),
    )
    if where is None:
        return problem(frame, request, 404)
    return Response(status_code=302, headers={"location": where, "cache-control": NEVER_KEPT})


def opened(frame: Frame, request: Request) -> Response:
    genuine = tracking.opened(
        frame.site.store,
        frame.site.settings,
        keyring_of(frame.site.store),
        request.path_params["token"],
        request.path_params["mark"],
        human=tracking.is_human(request.headers, request.method),
        now=frame.site.now(),
    )
    if not genuine:
        return problem(frame, request, 404)
    return Response(PIXEL, media_type="image/gif", headers={"cache-control": NEVER_KEPT})


ROUTES = (
    Get("/c/{token}/{mark}", click, by_token(Purpose.CLICK, 2)),
    Get("/o/{token}/{mark}", opened, by_token(Purpose.OPEN, 1)),
)
