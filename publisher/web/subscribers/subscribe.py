"""Asking to be subscribed, by form or JSON, and confirming it.

::

    GET  /subscribe          the form     POST  asks; the same answer for every address
    POST /api/subscribe      the same in JSON
    GET  /confirm/{token}    shows        POST  confirms

Nothing changes by GET or HEAD, so programs that follow every link of a mail change nothing. A link that is
not genuine, too old or forgotten gets one and the same 404. Without script everything works; a script of ours
only fills in the browser's time zone.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from publisher.errors import BadAddress
from publisher.lib.addresses import Address, parse_address
from publisher.subscribers import standing, subscribing
from publisher.subscribers.guesses import guess_language, guess_zone
from publisher.subscribers.subscribing import Outcome
from publisher.subscribers.wishes import Wishes, read_wishes
from publisher.web.frame.forms import form_route
from publisher.web.frame.frame import FOR_EVER, NEVER_KEPT, Site
from publisher.web.frame.problems import problem
from publisher.web.subscribers.answers import own_link, say, texts, titles, void_link
from publisher.web.subscribers.forms import (
    wishes_form,
)

SCRIPT = b"""(() => {
  const field = document.querySelector("select[data-guess]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (field && zone && [...field.options].some((option) => option.value === zone)) field.value = zone;
})();
"""
SCRIPT_PATH = f"/subscribe/zone.{hashlib.sha256(SCRIPT).hexdigest()[:16]}.js"
#: The trap's field name; people never see it.
HONEYPOT = "website"
TAKEN = (
    "Check your mail",
    "If this address can be subscribed, a mail with a link is on its way to it. Open the link to confirm.",
)
LATER = ("Too many requests today", "Many requests came from your network today. Please try again tomorrow.")


def routes(site: Site) -> list[BaseRoute]:
    """The routes of this part."""

    def bound(handler: Callable[..., Response]) -> Callable[..., Response]:
        return functools.partial(handler, site)

    async def api(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_subscribe_json, site, request, body)

    return [
        Route("/subscribe", bound(_form_page), methods=["GET", "HEAD"]),
        form_route("/subscribe", bound(_subscribe)),
        Route("/api/subscribe", api, methods=["POST"]),
        Route(SCRIPT_PATH, bound(_script), methods=["GET", "HEAD"]),
        Route("/confirm/{token}", bound(_confirm_page), methods=["GET", "HEAD"]),
        form_route("/confirm/{token}", bound(_confirm)),
    ]


def visitor(request: Request) -> str:
    """Where a request came from, as text: the peer, or what a proxy on this very machine says of it.

    Only ever used for a limit; never stored as it is.
    """
    peer = request.client.host if request.client else ""
    if peer in ("127.0.0.1", "::1"):
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return forwarded or peer
    return peer


def _first_wishes(site: Site, request: Request) -> Wishes:
    accepted = request.headers.get("accept-language", "")
    publication = site.publication
    return Wishes(
        digests=(site.settings.digests[0].name,),
        timezone=guess_zone(accepted, publication.timezone),
        language=guess_language(accepted, publication.language),
    )


def _form_page(site: Site, request: Request) -> Response:
    return _show_form(site, request, _first_wishes(site, request), guess=True)


def _show_form(
    site: Site,
    request: Request,
    wishes: Wishes,
    *,
    address: str = "",
    problems: Mapping[str, str] | None = None,
    guess: bool = False,
) -> Response:
    with site.store.read() as tx:
        offered = standing.offered(tx, site.settings)
    form = wishes_form(wishes, offered, titles=titles(site), language=site.publication.language, guess=guess)
    values = {
        "title": "Subscribe",
        "description": f"Receive {site.publication.title} by e-mail.",
        "canonical": site.absolute("/subscribe"),
        "open": site.settings.subscribing.open,
        "address": address,
        "form": form,
        "problems": dict(problems or {}),
        "zone_script": SCRIPT_PATH,
    }
    response = site.page(request, "web/subscribe.html", values, status=422 if problems else 200, cache=NEVER_KEPT)
    response.headers["content-security-policy"] = site.policy + "; script-src 'self'"
    return response


def _read(
    site: Site, request: Request, raw: Mapping[str, Sequence[str]]
) -> tuple[Address | None, Wishes, dict[str, str]]:
    with site.store.read() as tx:
        offered = standing.offered(tx, site.settings)
    wishes, problems = read_wishes(raw, offered, _first_wishes(site, request))
    text = (raw.get("address") or [""])[0]
    try:
        return parse_address(text), wishes, problems
    except BadAddress as error:
        said = str(error) if text.strip() else "it is empty"
        return None, wishes, {"address": f"This is not an e-mail address: {said}.", **problems}


def _ask(site: Site, request: Request, address: Address, wishes: Wishes, raw: Mapping[str, Sequence[str]]) -> Outcome:
    if any(value.strip() for value in raw.get(HONEYPOT, ())):
        return Outcome.TAKEN  # a program; it is told what everyone is told
    now = site.now().timestamp()
    return subscribing.ask(site.store, site.settings, address, wishes, network=visitor(request), now=now)


def _subscribe(site: Site, request: Request, form: FormData) -> Response:
    raw = texts(form)
    address, wishes, problems = _read(site, request, raw)
    if address is None or problems:
        return _show_form(site, request, wishes, address=(raw.get("address") or [""])[0][:254], problems=problems)
    answer = _ask(site, request, address, wishes, raw)
    if answer is Outcome.LATER:
        return problem(site, request, 429, what=LATER[0], todo=LATER[1])
    if answer is Outcome.CLOSED:
        return _form_page(site, request)
    return say(site, request, TAKEN[0], [TAKEN[1], "Nothing there after a few minutes? Look into the spam folder."])


def _subscribe_json(site: Site, request: Request, body: bytes) -> Response:
    def answer(code: int, **values: Any) -> Response:
        return JSONResponse(values, code, {"cache-control": NEVER_KEPT})

    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        return answer(415, error="JSON is expected", todo="Send Content-Type: application/json.")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return answer(400, error="This is not a JSON object", todo='Send {"address": "…"}.')
    raw = {name: _as_texts(value) for name, value in list(data.items())[:100]}
    address, wishes, problems = _read(site, request, raw)
    if address is None or problems:
        return answer(422, error="Some fields cannot be used", fields=problems)
    outcome = _ask(site, request, address, wishes, raw)
    if outcome is Outcome.LATER:
        return answer(429, error=LATER[0], todo=LATER[1])
    if outcome is Outcome.CLOSED:
        return answer(403, error="New subscriptions are closed", todo="Try again later.")
    return answer(202, status="taken", message=TAKEN[1])


def _as_texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one) if isinstance(one, int) else one for one in values[:200] if isinstance(one, str | int)]


def _script(site: Site, request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers={"cache-control": FOR_EVER})


def _confirm_page(site: Site, request: Request) -> Response:
    token = request.path_params["token"]
    found = subscribing.pending(site.store, token, now=site.now().timestamp())
    if found is None:
        return void_link(site, request)
    if found.confirmed:
        return say(site, request, "You are subscribed", [f"{found.address} was confirmed already."])
    return say(
        site,
        request,
        "One click to confirm",
        [f"{site.publication.title} will be sent to {found.address}."],
        action=f"/confirm/{token}",
        buttons=[{"value": "yes", "label": "Yes, subscribe me"}],
    )


def _confirm(site: Site, request: Request, form: FormData) -> Response:
    now = site.now().timestamp()
    found = subscribing.pending(site.store, request.path_params["token"], now=now)
    if found is None:
        return void_link(site, request)
    who = subscribing.confirm(site.store, site.settings, found, now=now)
    return say(
        site,
        request,
        "You are subscribed",
        [f"Thank you. {site.publication.title} will come to {found.address}."],
        link=own_link(site, who),
    )
