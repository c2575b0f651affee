"""The door of the desk: a route behind it does not exist for anybody but the operator."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from publisher.web.frame.forms import Handler
from publisher.web.frame.frame import NEVER_KEPT, Site
from publisher.web.frame.security import same_origin


def desk_page(site: Site, handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """``handler`` for the operator, 404 for everybody else; the answer is kept nowhere."""

    def guarded(request: Request) -> Response:
        if not site.is_desk(request):
            raise HTTPException(404)
        response = handler(request)
        response.headers["cache-control"] = NEVER_KEPT
        response.headers["cross-origin-resource-policy"] = "same-origin"
        return response

    return guarded


def desk_form(site: Site, handler: Handler) -> Handler:
    """A form post of the operator: from a page of ours, with the token that the page was given.

    No cookie says who the operator is, the place does; so another page in the same browser must not be able
    to post here (CSRF): the origin is checked and the token compared.
    """

    def guarded(request: Request, form: FormData) -> Response:
        if not site.is_desk(request):
            raise HTTPException(404)
        if not same_origin(request) or not site.token.matches(form):
            raise HTTPException(403)
        response = handler(request, form)
        response.headers["cache-control"] = NEVER_KEPT
        return response

    return guarded
