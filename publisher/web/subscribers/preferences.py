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
    data_groups,
    form_words,
    next_line,
    spoken,
    suppressed_line,
    wishes_form,
)
from publisher.web.subscribers.questions import say, texts, titles


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
    speech = frame.speech(request, shown.language)
    usual = looked_up(frame.publication.language, offered.language) or ENGLISH
    shown = replace(shown, language=shown.language or usual)
    counting = speech.say(
        "preferences.watched" if "individual" in (counted.opens, counted.clicks) else "preferences.counted"
    )
    action = f"/preferences/{request.path_params['token']}"
    leave = links.unsubscribe_url("", personal_links.keyring_of(frame.site.store), found.subscriber.id)
    values = {
        "title": speech.say("preferences.title"),
        "robots": "noindex",
        "address": found.subscriber.address,
        "form": wishes_form(
            shown,
            offered,
            titles=titles(frame),
            language=speech.language,
            labels=form_words(speech.vocabulary) | {"choices.tracking.1": counting},
            leave_out=() if counted.on else ("tracking",),
        ),
        "problems": spoken(problems, speech),
        "saved": saved,
        "active": found.subscriber.status is SubscriberStatus.CONFIRMED and bool(found.wishes.digests),
        "suppressed": suppressed_line(found.suppressed, speech),
        "next_line": next_line(found, due, speech),
        "tomorrow": (now.date() + timedelta(days=1)).isoformat(),
        "guess": False,
        "action": action,
        "leave": leave,
    }
    status = 422 if problems else 200
    return frame.page(request, "web/preferences.html", values, status=status, cache=NEVER_KEPT, speech=speech)


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
    speech = frame.speech(request, str(data["preferences"]["language"]))
    groups = data_groups(data, speech)
    values = {"title": speech.say("data.title"), "robots": "noindex", "groups": groups, "action": action}
    return frame.page(request, "web/subscriber_data.html", values, cache=NEVER_KEPT, speech=speech)


def data_file(frame: Frame, request: Request) -> Response:
    data = _held(frame, request)
    if data is None:
        return void_link(frame, request)
    headers = {"cache-control": NEVER_KEPT, "content-disposition": 'attachment; filename="my-data.json"'}
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return Response(text, media_type="application/json; charset=utf-8", headers=headers)


def _held(frame: Frame, request: Request) -> personal_data.PersonalData | None:
    who = personal_links.subscriber_behind(frame.site.store, Purpose.PREFERENCES, request.path_params["token"])
    return None if who is None else personal_data.export(frame.site.store, who, now=frame.site.now())


def erase_page(frame: Frame, request: Request) -> Response:
    found = _holder(frame, request)
    if found is None:
        return void_link(frame, request)
    token = request.path_params["token"]
    speech = frame.speech(request, found.wishes.language)
    return say(
        frame,
        request,
        speech,
        speech.say("erase.title"),
        [speech.say("erase.lead", address=found.subscriber.address), speech.say("erase.mark")],
        action=f"/preferences/{token}/erase",
        buttons=[{"value": "erase", "label": speech.say("erase.button"), "danger": True}],
        link={"href": f"/preferences/{token}", "label": speech.say("erase.back")},
    )


def erase(frame: Frame, request: Request, form: FormData) -> Response:
    found = _holder(frame, request)
    if found is None:
        return void_link(frame, request)
    if form.get("choice") != "erase":
        return erase_page(frame, request)
    personal_data.erase(frame.site.store, found.subscriber.id, now=frame.site.now(), wait=wait_until_clear)
    speech = frame.speech(request, found.wishes.language)
    return say(frame, request, speech, speech.say("erase.done"), [speech.say("erase.done_more")])


HOLDER = by_token(Purpose.PREFERENCES, 1)
ROUTES = (
    Get("/preferences/{token}", preferences_page, HOLDER),
    PostForm("/preferences/{token}", save, HOLDER),
    Get("/preferences/{token}/data", data_page, HOLDER),
    Get("/preferences/{token}/data.json", data_file, HOLDER),
    Get("/preferences/{token}/erase", erase_page, HOLDER),
    PostForm("/preferences/{token}/erase", erase, HOLDER),
)
