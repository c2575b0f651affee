"""Leaving: ``GET /unsubscribe/{token}`` asks, ``POST`` does it.

RFC 8058's one click needs no cookie, asks nothing and redirects nowhere; both encodings of a form come in, and a
second time is answered as the first. When the answer is given, no message starts any more.
"""

from __future__ import annotations

import functools
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from publisher.delivery import wait_until_clear
from publisher.lib.tokens import Purpose
from publisher.subscribers import leaving, personal_links, standing
from publisher.subscribers.standing import Standing
from publisher.web.frame.forms import form_route
from publisher.web.frame.frame import NEVER_KEPT, Site
from publisher.web.subscribers.answers import own_link, say, texts, titles, void_link


def routes(site: Site) -> list[BaseRoute]:
    """The routes of this part."""
    return [
        Route("/unsubscribe/{token}", functools.partial(_leave_page, site), methods=["GET", "HEAD"]),
        form_route("/unsubscribe/{token}", functools.partial(_leave, site)),
    ]


def _leaver(site: Site, request: Request) -> int | None:
    return personal_links.subscriber_behind(site.store, Purpose.UNSUBSCRIBE, request.path_params["token"])


def _leave_page(site: Site, request: Request) -> Response:
    who = _leaver(site, request)
    if who is None:
        return void_link(site, request)
    found = standing.find(site.store, who, now=site.now().timestamp())
    if found is None or not found.wishes.digests:
        return _left(site, request, found)
    wishes = found.wishes
    named = titles(site)
    choices = [
        {"name": "topic", "value": name, "label": f"Only stop {name}"}
        for name in (*wishes.sections, *wishes.tags, *wishes.authors)
    ]
    if len(wishes.digests) > 1:
        choices += [{"name": "digest", "value": name, "label": f"Only stop {named[name]}"} for name in wishes.digests]
    buttons: list[dict[str, Any]] = [{"value": "all", "label": "Unsubscribe from everything"}]
    if choices:
        buttons.append({"value": "some", "label": "Stop what is ticked", "quiet": True})
    return say(
        site,
        request,
        "Unsubscribe?",
        [f"{site.publication.title} will no longer be sent to {found.subscriber.address}."],
        action=f"/unsubscribe/{request.path_params['token']}",
        choices=choices,
        buttons=buttons,
        link=own_link(site, who, "Rather fewer mails, or a pause?"),
    )


def _leave(site: Site, request: Request, form: FormData) -> Response:
    who = _leaver(site, request)
    if who is None:
        return void_link(site, request)
    now = site.now().timestamp()
    if "List-Unsubscribe" in form:  # RFC 8058 §3.2: no cookie, no question, no redirect
        leaving.leave(site.store, who, now=now, how="one-click", wait=wait_until_clear)
        return Response(
            "Unsubscribed.\n", media_type="text/plain; charset=utf-8", headers={"cache-control": NEVER_KEPT}
        )
    choice = form.get("choice")
    if choice == "undo":
        leaving.undo_leave(site.store, who, now=now)
        return say(site, request, "You are subscribed again", [], link=own_link(site, who))
    if choice == "some":
        return _leave_some(site, request, form, who, now)
    if choice == "all":
        leaving.leave(site.store, who, now=now, how="page", wait=wait_until_clear)
        return _left(site, request, standing.find(site.store, who, now=now))
    return _leave_page(site, request)


def _leave_some(site: Site, request: Request, form: FormData, who: int, now: float) -> Response:
    raw = texts(form)
    for digest in raw.get("digest", ()):
        leaving.leave(site.store, who, now=now, how="page", digest=digest, wait=wait_until_clear)
    names = frozenset(raw.get("topic", ()))
    if names:
        leaving.leave_topics(site.store, who, names, now=now, wait=wait_until_clear)
    if not names and "digest" not in raw:
        return _leave_page(site, request)
    found = standing.find(site.store, who, now=now)
    if found is None or not found.wishes.digests:
        return _left(site, request, found)
    stopped = ", ".join((*raw.get("topic", ()), *(titles(site).get(name, name) for name in raw.get("digest", ()))))
    return say(
        site,
        request,
        "Done",
        [f"No longer sent to you: {stopped}."],
        link=own_link(site, who),
    )


def _left(site: Site, request: Request, found: Standing | None) -> Response:
    if found is None:
        return say(site, request, "You are unsubscribed", ["Nothing is sent to you any more."])
    return say(
        site,
        request,
        "You are unsubscribed",
        [f"Nothing more is sent to {found.subscriber.address}."],
        action=f"/unsubscribe/{request.path_params['token']}",
        buttons=[{"value": "undo", "label": "That was a mistake, undo", "quiet": True}],
    )
