"""Everything a subscriber decides, sees and takes away, behind one link without a password.

::

    GET /preferences/{token}               shows          POST  saves, in effect with the response
    GET /preferences/{token}/data[.json]   all that is held
    GET /preferences/{token}/erase         asks           POST  erases
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from publisher.delivery import wait_until_clear
from publisher.lib import links
from publisher.lib.languages import looked_up
from publisher.lib.tokens import Purpose
from publisher.rendering.words import ENGLISH
from publisher.store.subscribers import SubscriberStatus
from publisher.subscribers import personal_data, personal_links, standing
from publisher.subscribers.preferences.kind import Unusable
from publisher.subscribers.standing import Standing
from publisher.subscribers.wishes import Wishes, read_wishes
from publisher.web.frame.access import by_token
from publisher.web.frame.frame import NEVER_KEPT, Frame
from publisher.web.frame.problems import void_link
from publisher.web.frame.routes import Get, PostForm
from publisher.web.subscribers.forms import (
    SUPPRESSED,
    SUPPRESSED_OTHERWISE,
    data_groups,
    next_line,
    wishes_form,
)
from publisher.web.subscribers.questions import say, texts, titles

#: By whether it is counted who.
TRACKING_LABELS = {
    False: "My opens and clicks may be counted, without my name.",
    True: "It may be seen what I open and which links I follow.",
}


def _holder(frame: Frame, request: Request) -> Standing | None:
    who = personal_links.subscriber_behind(frame.site.store, Purpose.PREFERENCES, request.path_params["token"])
    return None if who is None else standing.find(frame.site.store, who, now=frame.site.now())


def preferences_page(frame: Frame, request: Request) -> Response:
    found = _holder(frame, request)
    return void_link(frame, request) if found is None else _show_preferences(frame, request, found)


def _show_preferences(
    frame: Frame,
    request: Request,
    found: Standing,
    *,
    wishes: Wishes | None = None,
    problems: Mapping[str, Unusable] | None = None,
    saved: bool = False,
) -> Response:
    now = frame.site.now_utc()
    counted = frame.site.settings.tracking
    with frame.site.store.read() as tx:
        offered = standing.offered(tx, frame.site.settings)
        due = standing.next_due(tx, found.subscriber.id)
    shown = wishes or found.wishes
    language = frame.publication.language
    shown = replace(shown, language=shown.language or looked_up(language, offered.language) or ENGLISH)
    action = f"/preferences/{request.path_params['token']}"
    leave = links.unsubscribe_url("", personal_links.keyring_of(frame.site.store), found.subscriber.id)
    values = {
        "title": "What you receive",
        "robots": "noindex",
        "address": found.subscriber.address,
        "form": wishes_form(
            shown,
            offered,
            titles=titles(frame),
            language=language,
            labels={"choices.tracking.1": TRACKING_LABELS["individual" in (counted.opens, counted.clicks)]},
            leave_out=() if counted.on else ("tracking",),
        ),
        "problems": {name: one.said({}) for name, one in (problems or {}).items()},
        "saved": saved,
        "active": found.subscriber.status is SubscriberStatus.CONFIRMED and bool(found.wishes.digests),
        "suppressed": SUPPRESSED.get(found.suppressed, SUPPRESSED_OTHERWISE) if found.suppressed else "",
        "next_line": next_line(found, due, language=language, now=now.timestamp()),
        "tomorrow": (now.date() + timedelta(days=1)).isoformat(),
        "guess": False,
        "action": action,
        "leave": leave,
    }
    return frame.page(request, "web/preferences.html", values, status=422 if problems else 200, cache=NEVER_KEPT)


def save(frame: Frame, request: Request, form: FormData) -> Response:
    found = _holder(frame, request)
    if found is None:
        return void_link(frame, request)
    raw = texts(form)
    with frame.site.store.read() as tx:
        offered = standing.offered(tx, frame.site.settings)
    start = found.wishes
    if not start.digests and len(offered.digests) == 1:
        start = replace(start, digests=offered.digests)  # saving is how one comes back
    wishes, problems = read_wishes(raw, offered, start, today=frame.site.now_utc().date())
    if problems:
        return _show_preferences(frame, request, found, wishes=wishes, problems=problems)
    after = standing.change(frame.site.store, found.subscriber.id, wishes, now=frame.site.now())
    return void_link(frame, request) if after is None else _show_preferences(frame, request, after, saved=True)


def data_page(frame: Frame, request: Request) -> Response:
    data = _held(frame, request)
    if data is None:
        return void_link(frame, request)
    action = f"/preferences/{request.path_params['token']}"
    values = {"title": "All that is held about you", "robots": "noindex", "groups": data_groups(data), "action": action}
    return frame.page(request, "web/subscriber_data.html", values, cache=NEVER_KEPT)


def data_file(frame: Frame, request: Request) -> Response:
    data = _held(frame, request)
    if data is None:
        return void_link(frame, request)
    headers = {"cache-control": NEVER_KEPT, "content-disposition": 'attachment; filename="my-data.json"'}
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return Response(text, media_type="application/json; charset=utf-8", headers=headers)


def _held(frame: Frame, request: Request) -> dict[str, Any] | None:
    who = personal_links.subscriber_behind(frame.site.store, Purpose.PREFERENCES, request.path_params["token"])
    return None if who is None else personal_data.export(frame.site.store, who, now=frame.site.now())


def erase_page(frame: Frame, request: Request) -> Response:
    found = _holder(frame, request)
    if found is None:
        return void_link(frame, request)
    token = request.path_params["token"]
    return say(
        frame,
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


def erase(frame: Frame, request: Request, form: FormData) -> Response:
    found = _holder(frame, request)
    if found is None:
        return void_link(frame, request)
    if form.get("choice") != "erase":
        return erase_page(frame, request)
    personal_data.erase(frame.site.store, found.subscriber.id, now=frame.site.now(), wait=wait_until_clear)
    return say(frame, request, "Everything is erased", ["You will not hear from us again."])


HOLDER = by_token(Purpose.PREFERENCES, 1)
ROUTES = (
    Get("/preferences/{token}", preferences_page, HOLDER),
    PostForm("/preferences/{token}", save, HOLDER),
    Get("/preferences/{token}/data", data_page, HOLDER),
    Get("/preferences/{token}/data.json", data_file, HOLDER),
    Get("/preferences/{token}/erase", erase_page, HOLDER),
    PostForm("/preferences/{token}/erase", erase, HOLDER),
)
