"""Everything a reader decides, sees and takes away, behind one link without a password.

::

    GET /preferences/{token}               shows          POST  saves, in effect with the answer
    GET /preferences/{token}/data[.json]   all that is held
    GET /preferences/{token}/erase         asks           POST  erases
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from publisher.delivery import wait_until_clear
from publisher.lib import links
from publisher.lib.tokens import Purpose
from publisher.store.subscribers import SubscriberStatus
from publisher.subscribers import personal_data, personal_links, standing
from publisher.subscribers.guesses import guess_language
from publisher.subscribers.standing import Standing
from publisher.subscribers.wishes import Wishes, read_wishes
from publisher.web.frame.forms import form_route
from publisher.web.frame.frame import NEVER_KEPT, Site
from publisher.web.subscribers.answers import say, texts, titles, void_link
from publisher.web.subscribers.forms import (
    SUPPRESSED,
    SUPPRESSED_OTHERWISE,
    data_groups,
    next_line,
    wishes_form,
)

#: By whether it is counted who.
TRACKING_LABELS = {
    False: "My opens and clicks may be counted, without my name.",
    True: "It may be seen what I open and which links I follow.",
}


def routes(site: Site) -> list[BaseRoute]:
    """The routes of this part."""

    def bound(handler: Callable[..., Response]) -> Callable[..., Response]:
        return functools.partial(handler, site)

    return [
        Route("/preferences/{token}", bound(_preferences_page), methods=["GET", "HEAD"]),
        form_route("/preferences/{token}", bound(_save)),
        Route("/preferences/{token}/data", bound(_data_page), methods=["GET", "HEAD"]),
        Route("/preferences/{token}/data.json", bound(_data_file), methods=["GET", "HEAD"]),
        Route("/preferences/{token}/erase", bound(_erase_page), methods=["GET", "HEAD"]),
        form_route("/preferences/{token}/erase", bound(_erase)),
    ]


def _reader(site: Site, request: Request) -> Standing | None:
    who = personal_links.subscriber_behind(site.store, Purpose.PREFERENCES, request.path_params["token"])
    return None if who is None else standing.find(site.store, who, now=site.now().timestamp())


def _preferences_page(site: Site, request: Request) -> Response:
    found = _reader(site, request)
    return void_link(site, request) if found is None else _show_preferences(site, request, found)


def _show_preferences(
    site: Site,
    request: Request,
    found: Standing,
    *,
    wishes: Wishes | None = None,
    problems: Mapping[str, str] | None = None,
    saved: bool = False,
) -> Response:
    now = site.now()
    counted = site.settings.tracking
    with site.store.read() as tx:
        offered = standing.offered(tx, site.settings)
        due = standing.next_due(tx, found.subscriber.id)
    shown = wishes or found.wishes
    language = site.publication.language
    shown = replace(shown, language=shown.language or guess_language("", language))
    action = f"/preferences/{request.path_params['token']}"
    leave = links.unsubscribe_url("", personal_links.keyring_of(site.store), found.subscriber.id)
    values = {
        "title": "What you receive",
        "robots": "noindex",
        "address": found.subscriber.address,
        "form": wishes_form(shown, offered, titles=titles(site), language=language),
        "problems": dict(problems or {}),
        "saved": saved,
        "active": found.subscriber.status is SubscriberStatus.CONFIRMED and bool(found.wishes.digests),
        "suppressed": SUPPRESSED.get(found.suppressed, SUPPRESSED_OTHERWISE) if found.suppressed else "",
        "next_line": next_line(found, due, language=language, now=now.timestamp()),
        "paused_until": shown.paused_until.isoformat() if shown.paused_until else "",
        "tomorrow": (now.date() + timedelta(days=1)).isoformat(),
        "tracking_offered": site.settings.tracking.on,
        "tracking": found.subscriber.tracking,
        "tracking_label": TRACKING_LABELS["individual" in (counted.opens, counted.clicks)],
        "action": action,
        "leave": leave,
    }
    return site.page(request, "web/preferences.html", values, status=422 if problems else 200, cache=NEVER_KEPT)


def _save(site: Site, request: Request, form: FormData) -> Response:
    found = _reader(site, request)
    if found is None:
        return void_link(site, request)
    raw = texts(form)
    with site.store.read() as tx:
        offered = standing.offered(tx, site.settings)
    start = found.wishes
    if not start.digests and len(offered.digests) == 1:
        start = replace(start, digests=offered.digests)  # saving is how one comes back
    wishes, problems = read_wishes(raw, offered, start, today=site.now().date())
    if problems:
        return _show_preferences(site, request, found, wishes=wishes, problems=problems)
    tracking = "tracking" in raw if "tracking_shown" in raw else None
    now = site.now().timestamp()
    after = standing.change(site.store, found.subscriber.id, wishes, now=now, allow_tracking=tracking)
    return void_link(site, request) if after is None else _show_preferences(site, request, after, saved=True)


def _data_page(site: Site, request: Request) -> Response:
    data = _held(site, request)
    if data is None:
        return void_link(site, request)
    action = f"/preferences/{request.path_params['token']}"
    values = {"title": "All that is held about you", "robots": "noindex", "groups": data_groups(data), "action": action}
    return site.page(request, "web/reader_data.html", values, cache=NEVER_KEPT)


def _data_file(site: Site, request: Request) -> Response:
    data = _held(site, request)
    if data is None:
        return void_link(site, request)
    headers = {"cache-control": NEVER_KEPT, "content-disposition": 'attachment; filename="my-data.json"'}
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return Response(text, media_type="application/json; charset=utf-8", headers=headers)


def _held(site: Site, request: Request) -> dict[str, Any] | None:
    who = personal_links.subscriber_behind(site.store, Purpose.PREFERENCES, request.path_params["token"])
    return None if who is None else personal_data.export(site.store, who, now=site.now().timestamp())


def _erase_page(site: Site, request: Request) -> Response:
    found = _reader(site, request)
    if found is None:
        return void_link(site, request)
    token = request.path_params["token"]
    return say(
        site,
        request,
        "Erase everything?",
        [
            f"{found.subscriber.address}, your choices and what was sent to you are deleted. It cannot be undone.",
            "We keep a scrambled mark that gives no address back, so that nobody can put you on the list again "
            "but yourself.",
        ],
        action=f"/preferences/{token}/erase",
        buttons=[{"value": "erase", "label": "Erase everything", "danger": True}],
        link={"href": f"/preferences/{token}", "label": "No, go back"},
    )


def _erase(site: Site, request: Request, form: FormData) -> Response:
    found = _reader(site, request)
    if found is None:
        return void_link(site, request)
    if form.get("choice") != "erase":
        return _erase_page(site, request)
    personal_data.erase(site.store, found.subscriber.id, now=site.now().timestamp(), wait=wait_until_clear)
    return say(site, request, "Everything is erased", ["You will not hear from us again."])
