"""An edition in the operator's hands: its account, how it is getting on, pause, resume, cancel, and doubts.

::

    GET  /desk/editions/{id}                 account, rate, deferrals, replies, messages in doubt
    POST /desk/editions/{id}/{action}        pause | resume | cancel | retry
    POST /desk/deliveries/{id}/{settlement}  sent | failed | resend: a person decides about a doubt

A click is one short transaction of :mod:`publisher.delivery`; senders see it within two seconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import cast, get_args

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from publisher.delivery import Settlement
from publisher.errors import DeliveryError
from publisher.model import EditionStatus
from publisher.pipeline import operating
from publisher.pipeline.operating import Action, EditionStanding, standing
from publisher.store import deliveries, editions, tracking
from publisher.store.deliveries import Account
from publisher.store.states import State
from publisher.store.tracking import Tally
from publisher.subscribers.complaints import ComplaintRate
from publisher.web.frame import problems
from publisher.web.frame.access import DESK
from publisher.web.frame.frame import NEVER_KEPT, Frame, root_of
from publisher.web.frame.routes import Get, PostForm
from publisher.web.site.editions import edition_view

#: Doubts listed on one page.
MAX_DOUBTS = 100
#: What is written on the button of each action.
LABELS: dict[Action, str] = {
    "pause": "Pause",
    "resume": "Resume",
    "cancel": "Cancel for good",
    "retry": "Try the failed ones again",
}
TERMS = (
    ("sent", "sent"),
    ("pending", "pending"),
    ("failed", "failed"),
    ("suppressed", "suppressed"),
    ("in_doubt", "in doubt"),
)


def account_view(account: Account) -> dict[str, object]:
    """The equation in words and as a bar: each term with its share and where it begins, in per cent."""
    total = max(account.audience, 1)
    begin, terms = 0.0, []
    for name, label in TERMS:
        value = getattr(account, name)
        share = 100 * value / total
        terms.append({"name": name, "label": label, "value": value, "begin": f"{begin:.3f}", "share": f"{share:.3f}"})
        begin += share
    return {"audience": account.audience, "terms": terms, "balanced": account.balanced}


def duration(seconds: float) -> str:
    """``40 s``, ``3 min`` or ``2 h 5 min``: how long something will take, roughly."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def progress_view(one: EditionStanding) -> dict[str, object]:
    """How an edition is getting on, as templates show it."""
    progress, status = one.watched, one.watched.status
    return {
        "status": status.value,
        "reason": progress.reason,
        "trouble": str(one.trouble) if one.trouble else "",
        "account": account_view(progress.account),
        "rate": round(progress.rate, 1) if status == EditionStatus.SENDING else None,
        "eta": duration(progress.eta) if progress.eta is not None else None,
        "deferred": progress.deferred,
        "deferrals": [{"domain": domain, "number": number} for domain, number in progress.deferrals],
        "actions": [{"name": name, "label": LABELS[name]} for name in one.actions],
        "in_doubt": progress.account.in_doubt,
        "complaints": complaint_view(one.complaints),
    }


def complaint_view(found: ComplaintRate) -> dict[str, object]:
    """Complaints of an edition: the rate in per cent, and how bad that is."""
    percent = f"{100 * found.rate:.2f}"
    return {"number": found.complaints, "delivered": found.delivered, "percent": percent, "level": found.level}


def reply_view(text: str, code: int, number: int) -> dict[str, object]:
    """A relay's reply with its code once, and how often it was given."""
    said = text or "no reply"
    return {"text": said if not code or said.startswith(str(code)) else f"{code} {said}", "number": number}


def tally_view(rows: Iterable[Tally]) -> list[dict[str, object]]:
    """Opens, and clicks by link, the most followed first: people and scanners apart, nobody by name."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for one in rows:
        counter = found.setdefault((one.kind, one.url or ""), Counter())
        counter["people" if one.who == "human" else "scanners"] += one.times
    ordered = sorted(found.items(), key=lambda one: (one[0][0], -one[1]["people"], one[0][1]))
    return [
        {"kind": kind, "url": url, "people": count["people"], "scanners": count["scanners"]}
        for (kind, url), count in ordered
    ]


def _number(request: Request) -> int:
    given = str(request.path_params["id"])
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise HTTPException(404)
    return int(given)


def edition_page(frame: Frame, request: Request) -> Response:
    edition_id = _number(request)
    with frame.site.store.read() as tx:
        edition = editions.get(tx, edition_id)
        if edition is None:
            raise HTTPException(404)
        one = standing(frame.site, tx, edition)
        doubts = deliveries.rows(tx, edition_id, states=[State.IN_DOUBT], limit=MAX_DOUBTS)
        said = deliveries.replies(tx, edition_id)
        counted = tracking.of_edition(tx, edition_id)
    values = {
        "title": f"{edition.title} · No. {edition.number}",
        "robots": "noindex",
        "token": frame.token.value,
        "edition": edition_view(edition, root_of(request)) | {"sending": progress_view(one)},
        "tallies": tally_view(counted),
        "doubts": [
            {"id": row.id, "address": row.address, "attempts": row.attempts, "reply": row.reply or ""} for row in doubts
        ],
        "replies": [reply_view(*row) for row in said],
    }
    return frame.page(request, "desk/edition.html", values, cache=NEVER_KEPT)


def act(frame: Frame, request: Request, form: FormData) -> Response:
    """Pause, resume, cancel, or try again what failed."""
    edition_id, action = _number(request), request.path_params["action"]
    if action not in get_args(Action):
        raise HTTPException(404)
    with frame.site.store.read() as tx:
        edition = editions.get(tx, edition_id)
        one = standing(frame.site, tx, edition) if edition is not None else None
    if one is None:
        raise HTTPException(404)
    try:
        operating.act(frame.site, one, cast(Action, action))
    except DeliveryError as error:
        todo = f"{error}. Go back and reload the page."
        return problems.problem(frame, request, 409, what="That came too late", todo=todo)
    return _back(request, form, edition_id)


def settle(frame: Frame, request: Request, form: FormData) -> Response:
    """Decide what became of a message in doubt."""
    delivery_id, how = _number(request), request.path_params["how"]
    with frame.site.store.read() as tx:
        row = deliveries.get(tx, delivery_id)
    if row is None or how not in get_args(Settlement):
        raise HTTPException(404)
    try:
        operating.settle(frame.site, [delivery_id], cast(Settlement, how))
    except DeliveryError as error:
        return problems.problem(frame, request, 409, what="That cannot be settled", todo=str(error))
    return _back(request, form, row.edition_id)


def _back(request: Request, form: FormData, edition_id: int) -> Response:
    """To the page that the button was on; 303, so that a reload does not click again."""
    root = root_of(request)
    return RedirectResponse(
        f"{root}/#edition" if form.get("from") == "home" else f"{root}/desk/editions/{edition_id}", 303
    )


ROUTES = (
    Get("/desk/editions/{id}", edition_page, DESK),
    PostForm("/desk/editions/{id}/{action}", act, DESK),
    PostForm("/desk/deliveries/{id}/{how}", settle, DESK),
)
