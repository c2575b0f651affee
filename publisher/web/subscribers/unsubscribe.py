"""Leaving: ``GET /unsubscribe/{token}`` asks, ``POST`` does it.

RFC 8058's one click needs no cookie, asks nothing and redirects nowhere; both encodings of a form come in, and a
second time gives the same response as the first. Once it is given, no message of that digest starts any more. It ends
the digest whose message it stood in; the page that the link opens offers all.
"""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from publisher.delivery import wait_until_clear
from publisher.lib.tokens import Purpose
from publisher.subscribers import leaving, personal_links, standing
from publisher.subscribers.standing import Standing
from publisher.web.frame.access import by_token
from publisher.web.frame.frame import NEVER_KEPT, Frame
from publisher.web.frame.problems import void_link
from publisher.web.frame.routes import Get, PostForm
from publisher.web.subscribers.questions import own_link, say, texts, titles


def _leaver(frame: Frame, request: Request) -> int | None:
    return personal_links.subscriber_behind(frame.site.store, Purpose.UNSUBSCRIBE, request.path_params["token"])


def leave_page(frame: Frame, request: Request) -> Response:
    who = _leaver(frame, request)
    if who is None:
        return void_link(frame, request)
    found = standing.find(frame.site.store, who, now=frame.site.now())
    if found is None or not found.wishes.digests:
        return _left(frame, request, found)
    wishes = found.wishes
    named = titles(frame)
    speech = frame.speech(request, wishes.language)
    choices = [
        {"name": "topic", "value": name, "label": speech.say("unsubscribe.only", name=name)} for name in wishes.topics()
    ]
    if len(wishes.digests) > 1:
        choices += [
            {"name": "digest", "value": name, "label": speech.say("unsubscribe.only", name=named[name])}
            for name in wishes.digests
        ]
    buttons: list[dict[str, object]] = [{"value": "all", "label": speech.say("unsubscribe.all")}]
    if choices:
        buttons.append({"value": "some", "label": speech.say("unsubscribe.some"), "quiet": True})
    return say(
        frame,
        request,
        speech,
        speech.say("unsubscribe.title"),
        [speech.say("unsubscribe.lead", title=frame.publication.title, address=found.subscriber.address)],
        action=f"/unsubscribe/{request.path_params['token']}",
        choices=choices,
        buttons=buttons,
        link=own_link(frame, who, speech.say("unsubscribe.fewer")),
    )


def leave(frame: Frame, request: Request, form: FormData) -> Response:
    who = _leaver(frame, request)
    if who is None:
        return void_link(frame, request)
    now = frame.site.now()
    if "List-Unsubscribe" in form:  # RFC 8058 §3.2: no cookie, no question, no redirect
        edition = personal_links.edition_behind(frame.site.store, request.path_params["token"])
        leaving.leave_list(frame.site.store, who, edition, now=now, how="one-click", wait=wait_until_clear)
        return Response(
            "Unsubscribed.\n", media_type="text/plain; charset=utf-8", headers={"cache-control": NEVER_KEPT}
        )
    choice = form.get("choice")
    if choice == "undo":
        leaving.undo_leave(frame.site.store, who, now=now)
        found = standing.find(frame.site.store, who, now=now)
        speech = frame.speech(request, found.wishes.language if found else "")
        link = own_link(frame, who, speech.say("confirm.choose"))
        return say(frame, request, speech, speech.say("unsubscribe.undone"), [], link=link)
    if choice == "some":
        return _leave_some(frame, request, form, who, now)
    if choice == "all":
        leaving.leave(frame.site.store, who, now=now, how="page", wait=wait_until_clear)
        return _left(frame, request, standing.find(frame.site.store, who, now=now))
    return leave_page(frame, request)


def _leave_some(frame: Frame, request: Request, form: FormData, who: int, now: float) -> Response:
    raw = texts(form)
    for digest in raw.get("digest", ()):
        leaving.leave(frame.site.store, who, now=now, how="page", digest=digest, wait=wait_until_clear)
    names = frozenset(raw.get("topic", ()))
    if names:
        leaving.leave_topics(frame.site.store, who, names, now=now, wait=wait_until_clear)
    if not names and "digest" not in raw:
        return leave_page(frame, request)
    found = standing.find(frame.site.store, who, now=now)
    if found is None or not found.wishes.digests:
        return _left(frame, request, found)
    speech = frame.speech(request, found.wishes.language)
    stopped = [*raw.get("topic", ()), *(titles(frame).get(name, name) for name in raw.get("digest", ()))]
    return say(
        frame,
        request,
        speech,
        speech.say("unsubscribe.stopped"),
        [speech.say("unsubscribe.stopped_more", names=speech.listed(stopped))],
        link=own_link(frame, who, speech.say("confirm.choose")),
    )


def _left(frame: Frame, request: Request, found: Standing | None) -> Response:
    speech = frame.speech(request, found.wishes.language if found else "")
    heading = speech.say("unsubscribe.done")
    if found is None:
        return say(frame, request, speech, heading, [speech.say("unsubscribe.done_erased")])
    return say(
        frame,
        request,
        speech,
        heading,
        [speech.say("unsubscribe.done_more", address=found.subscriber.address)],
        action=f"/unsubscribe/{request.path_params['token']}",
        buttons=[{"value": "undo", "label": speech.say("unsubscribe.undo"), "quiet": True}],
    )


HOLDER = by_token(Purpose.UNSUBSCRIBE, 2)
ROUTES = (
    Get("/unsubscribe/{token}", leave_page, HOLDER),
    PostForm("/unsubscribe/{token}", leave, HOLDER),
)
