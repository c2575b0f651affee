"""Asking to be subscribed, by form or JSON, and confirming it.

::

    GET  /subscribe          the form     POST  asks; the same response for every address
    POST /api/subscribe      the same in JSON
    GET  /confirm/{token}    shows        POST  confirms

Nothing changes by GET or HEAD, so programs that follow every link of a mail change nothing. A link that is
not genuine, too old or forgotten gets one and the same 404. Without script everything works; scripts of ours fill in
the browser's time zone, and on a busy day do the work that lets the confirmation leave at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from publisher.errors import BadAddress
from publisher.lib.addresses import Address, parse_address
from publisher.lib.languages import looked_up, negotiated
from publisher.lib.tokens import Purpose
from publisher.rendering.languages import Speech
from publisher.rendering.words import ENGLISH
from publisher.subscribers import standing, subscribing
from publisher.subscribers.guesses import guess_zone
from publisher.subscribers.preferences.kind import Offered, Unusable
from publisher.subscribers.subscribing import Outcome
from publisher.subscribers.wishes import Wishes, read_wishes
from publisher.web.frame.access import ANYBODY, by_token
from publisher.web.frame.frame import FOR_EVER, NEVER_KEPT, Frame
from publisher.web.frame.problems import problem, void_link
from publisher.web.frame.routes import Get, PostBody, PostForm
from publisher.web.subscribers import challenges
from publisher.web.subscribers.forms import form_words, spoken, wishes_form
from publisher.web.subscribers.questions import own_link, say, texts, titles

SCRIPT = b"""(() => {
  const field = document.querySelector("select[data-guess]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (field && zone && [...field.options].some((option) => option.value === zone)) field.value = zone;
})();
"""
SCRIPT_PATH = f"/subscribe/zone.{hashlib.sha256(SCRIPT).hexdigest()[:16]}.js"
#: The trap's field name; people never see it.
HONEYPOT = "website"


def _first_wishes(frame: Frame, request: Request, offered: Offered) -> Wishes:
    accepted = request.headers.get("accept-language", "")
    publication = frame.publication
    return Wishes(
        digests=(frame.site.settings.digests[0].name,),
        timezone=guess_zone(accepted, publication.timezone),
        language=negotiated(accepted, offered.language, looked_up(publication.language, offered.language) or ENGLISH),
    )


def form_page(frame: Frame, request: Request) -> Response:
    offered = _offered(frame)
    return _show_form(frame, request, _first_wishes(frame, request, offered), offered, guess=True)


def _offered(frame: Frame) -> Offered:
    with frame.site.store.read() as tx:
        return standing.offered(tx, frame.site.settings)


def _show_form(
    frame: Frame,
    request: Request,
    wishes: Wishes,
    offered: Offered,
    *,
    address: str = "",
    problems: Mapping[str, Unusable] | None = None,
    guess: bool = False,
) -> Response:
    speech = frame.speech(request)
    form = wishes_form(
        wishes,
        offered,
        titles=titles(frame),
        language=speech.language,
        signup=True,
        labels=form_words(speech.vocabulary),
    )
    values = {
        "title": speech.say("subscribe.title"),
        "description": speech.say("subscribe.description", title=frame.publication.title),
        "canonical": frame.absolute("/subscribe"),
        "open": frame.site.settings.subscribing.open,
        "address": address,
        "form": form,
        "guess": guess,
        "tomorrow": (frame.site.now_utc().date() + timedelta(days=1)).isoformat(),
        "problems": spoken(problems, speech),
        "zone_script": SCRIPT_PATH,
    }
    status = 422 if problems else 200
    response = frame.page(request, "web/subscribe.html", values, status=status, cache=NEVER_KEPT, speech=speech)
    response.headers["content-security-policy"] = frame.policy + "; script-src 'self'"
    return response


def _read(
    frame: Frame, request: Request, raw: Mapping[str, Sequence[str]], offered: Offered
) -> tuple[Address | None, Wishes, dict[str, Unusable]]:
    wishes, problems = read_wishes(raw, offered, _first_wishes(frame, request, offered))
    text = (raw.get("address") or [""])[0]
    try:
        return parse_address(text), wishes, problems
    except BadAddress as error:
        said = str(error) if text.strip() else "it is empty"
        return (
            None,
            wishes,
            {"address": Unusable("address", "This is not an e-mail address: {why}.", why=said), **problems},
        )


def _ask(frame: Frame, request: Request, address: Address, wishes: Wishes, raw: Mapping[str, Sequence[str]]) -> Outcome:
    if any(value.strip() for value in raw.get(HONEYPOT, ())):
        return Outcome.TAKEN  # a program; it is told what everyone is told
    site, visitor = frame.site, frame.visitor(request)
    network = visitor.address if visitor.counted else ""
    return subscribing.ask(site.store, site.settings, address, wishes, network=network, now=site.now())


def subscribe(frame: Frame, request: Request, form: FormData) -> Response:
    raw = texts(form)
    offered = _offered(frame)
    address, wishes, problems = _read(frame, request, raw, offered)
    if address is None or problems:
        typed = (raw.get("address") or [""])[0][:254]
        return _show_form(frame, request, wishes, offered, address=typed, problems=problems)
    speech = frame.speech(request)
    if solution := (raw.get(challenges.FIELD) or [""])[0]:
        challenges.solved(frame, address, solution)
        return _taken(frame, request, speech)
    outcome = _ask(frame, request, address, wishes, raw)
    if outcome is Outcome.LATER:
        what, todo = speech.say("subscribe.later"), speech.say("subscribe.later_more")
        return problem(frame, request, 429, what=what, todo=todo, speech=speech)
    if outcome is Outcome.CLOSED:
        return form_page(frame, request)
    if outcome is Outcome.BUSY:
        return challenges.page(frame, request, address, speech)
    return _taken(frame, request, speech)


def _taken(frame: Frame, request: Request, speech: Speech) -> Response:
    lines = [speech.say("subscribe.taken_more"), speech.say("subscribe.taken_spam")]
    return say(frame, request, speech, speech.say("subscribe.taken"), lines)


def subscribe_json(frame: Frame, request: Request, body: bytes) -> Response:
    def reply(code: int, **values: object) -> Response:
        return JSONResponse(values, code, {"cache-control": NEVER_KEPT})

    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        return reply(415, error="JSON is expected", todo="Send Content-Type: application/json.")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return reply(400, error="This is not a JSON object", todo='Send {"address": "…"}.')
    raw = {name: _as_texts(value) for name, value in list(data.items())[:100]}
    address, wishes, problems = _read(frame, request, raw, _offered(frame))
    if address is None or problems:
        fields = {name: str(one) for name, one in problems.items()}
        return reply(422, error="Some fields cannot be used", fields=fields)
    speech = frame.english()
    if solution := (raw.get(challenges.FIELD) or [""])[0]:
        challenges.solved(frame, address, solution)
        return reply(202, status="taken", message=speech.say("subscribe.taken_more"))
    outcome = _ask(frame, request, address, wishes, raw)
    if outcome is Outcome.LATER:
        return reply(429, error=speech.say("subscribe.later"), todo=speech.say("subscribe.later_more"))
    if outcome is Outcome.CLOSED:
        return reply(403, error="New subscriptions are closed", todo="Try again later.")
    if outcome is Outcome.BUSY:
        challenge = json.loads(challenges.challenge(frame, address).as_json())
        return reply(202, status="kept", message=speech.say("subscribe.busy_later"), challenge=challenge)
    return reply(202, status="taken", message=speech.say("subscribe.taken_more"))


def _as_texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one) if isinstance(one, int) else one for one in values[:200] if isinstance(one, str | int)]


def zone_script(frame: Frame, request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers={"cache-control": FOR_EVER})


def confirm_page(frame: Frame, request: Request) -> Response:
    token = request.path_params["token"]
    found = subscribing.pending(frame.site.store, token, now=frame.site.now())
    if found is None:
        return void_link(frame, request)
    speech = frame.speech(request, found.wishes.language)
    if found.confirmed:
        lines = [speech.say("confirm.already", address=found.address)]
        return say(frame, request, speech, speech.say("confirm.done"), lines)
    return say(
        frame,
        request,
        speech,
        speech.say("confirm.title"),
        [speech.say("confirm.lead", title=frame.publication.title, address=found.address)],
        action=f"/confirm/{token}",
        buttons=[{"value": "yes", "label": speech.say("confirm.button")}],
    )


def confirm(frame: Frame, request: Request, form: FormData) -> Response:
    now = frame.site.now()
    found = subscribing.pending(frame.site.store, request.path_params["token"], now=now)
    if found is None:
        return void_link(frame, request)
    who = subscribing.confirm(frame.site.store, frame.site.settings, found, now=now)
    speech = frame.speech(request, found.wishes.language)
    return say(
        frame,
        request,
        speech,
        speech.say("confirm.done"),
        [speech.say("confirm.thanks", title=frame.publication.title, address=found.address)],
        link=own_link(frame, who, speech.say("confirm.choose")),
    )


HOLDER = by_token(Purpose.CONFIRM, 2)
ROUTES = (
    Get("/subscribe", form_page, ANYBODY),
    PostForm("/subscribe", subscribe, ANYBODY),
    PostBody("/api/subscribe", subscribe_json, ANYBODY),
    Get(SCRIPT_PATH, zone_script, ANYBODY),
    Get(challenges.SCRIPT_PATH, challenges.script, ANYBODY),
    Get("/confirm/{token}", confirm_page, HOLDER),
    PostForm("/confirm/{token}", confirm, HOLDER),
)
