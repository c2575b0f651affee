"""The archive of editions, for everybody: what was sent, without anybody's personal values.

::

    /editions                      newest first
    /editions/{id}                 an edition's articles
    /editions/{id}/mail            "view in browser": the mail itself, addressed to nobody
    /editions/{id}/mail/{variant}  one of its variants (language × articles)
    /view/{token}                  the link in a mail; leads to the address above

The mail's page is compiled from the same bytes that were sent; personal places are filled with values that
name nobody. It is shown in a sandbox: the HTML of a mail is not trusted with the rights of our pages.
"""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from publisher.lib import tokens
from publisher.lib.tokens import Purpose
from publisher.mail.compiled import CompiledEdition
from publisher.mail.personal import Recipient
from publisher.model import Edition, EditionStatus
from publisher.store import Tx, editions
from publisher.subscribers.personal_links import keyring_of
from publisher.web.frame.access import ANYBODY, by_token
from publisher.web.frame.frame import Frame, root_of
from publisher.web.frame.mailview import mail_response
from publisher.web.frame.messages import read_message
from publisher.web.frame.paths import edition_mail_path, edition_path
from publisher.web.frame.routes import Get
from publisher.web.site.pages import page_number, pager, place_of, website
from publisher.web.site.views import card

#: An edition is public from the moment its audience is fixed.
PUBLIC = (EditionStatus.SENDING, EditionStatus.PAUSED, EditionStatus.DONE)


def anybody(frame: Frame, edition: Edition, variant: str = "") -> Recipient:
    """Values for the personal places that are true of every subscriber and secret of none."""
    return Recipient(
        key="web",
        address="subscriber@example.org",
        unsubscribe_url=frame.absolute("/subscribe"),
        preferences_url=frame.absolute("/subscribe"),
        web_url=frame.absolute(edition_mail_path(edition.id, variant)),
        date=edition.created,
    )


def public_html(frame: Frame, edition: Edition, compiled: bytes, variant: str = "") -> str:
    """The HTML of a compiled variant, addressed to nobody.

    :raises DeliveryError: the stored bytes cannot be read.
    """
    message = CompiledEdition.from_bytes(compiled).message(anybody(frame, edition, variant))
    return read_message(message).html


def edition_view(edition: Edition, root: str) -> dict[str, object]:
    """An edition as lists show it."""
    return {
        "id": edition.id,
        "number": edition.number,
        "title": edition.title,
        "digest": edition.digest,
        "created": edition.created,
        "href": root + edition_path(edition.id),
        "mail": root + edition_mail_path(edition.id),
        "articles": [article.title for article in edition.articles],
    }


def _wanted(frame: Frame, request: Request, tx: Tx) -> Edition:
    given = request.path_params["id"]
    if not re.fullmatch(r"[0-9]{1,15}", given):
        raise HTTPException(404)
    edition = editions.get(tx, int(given))
    if edition is None or (edition.status not in PUBLIC and not frame.is_desk(request)):
        raise HTTPException(404)
    return edition


def edition_list(frame: Frame, request: Request) -> Response:
    size, number, root = frame.site.settings.web.page_size, page_number(request), root_of(request)
    with frame.site.store.read() as tx:
        total = editions.count(tx, PUBLIC)
        rows = editions.listing(tx, statuses=PUBLIC, limit=size, offset=(number - 1) * size)
        found = [edition for row in rows if (edition := editions.get(tx, row.id)) is not None]
    pages = max(1, -(-total // size))
    if number > pages:
        raise HTTPException(404)
    speech = frame.speech(request)
    title = speech.say("editions.title")
    values = {
        "title": title,
        "total": total,
        "editions": [edition_view(edition, root) for edition in found],
        "pager": pager(f"{root}/editions", number, pages),
        "canonical": frame.absolute("/editions") + (f"?page={number}" if number > 1 else ""),
        "social": website(frame, f"{title} · {frame.publication.title}", "/editions"),
    }
    return frame.page(request, "web/editions.html", values, speech=speech)


def edition_page(frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        edition = _wanted(frame, request, tx)
        has_mail = bool(editions.composed(tx, edition.id, 1))
    speech = frame.speech(request)
    place = place_of(frame, request, speech)
    view = edition_view(edition, place.root)
    number = speech.say("digest.number", number=edition.number)
    values = {
        "title": f"{edition.title} · {number}",
        "edition": view,
        "has_mail": has_mail,
        "cards": [card(article, place) for article in edition.articles],
        "canonical": frame.absolute(edition_path(edition.id)),
        "social": website(frame, f"{edition.title} · {number}", edition_path(edition.id)),
    }
    return frame.page(request, "web/edition.html", values, speech=speech)


def edition_mail(frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        edition = _wanted(frame, request, tx)
        given = request.path_params.get("variant", "")
        name = given or next(iter(editions.composed(tx, edition.id, 1)), "")
        compiled = editions.variant(tx, edition.id, name)
    if compiled is None:
        raise HTTPException(404)
    html = public_html(frame, edition, compiled, given)
    return mail_response(frame, request, html, framed="framed" in request.query_params)


def from_mail(frame: Frame, request: Request) -> Response:
    """The link in a mail: its token names an edition and a variant, and nobody."""
    ring = keyring_of(frame.site.store)
    numbers = tokens.read(ring, Purpose.WEB_VERSION, request.path_params["token"], 2)
    if numbers is None:
        raise HTTPException(404)
    with frame.site.store.read() as tx:
        edition = editions.get(tx, numbers[0])
        names = editions.composed(tx, numbers[0])
    if edition is None or edition.status not in PUBLIC or not names:
        raise HTTPException(404)
    # The address without the token is the one to pass on.
    variant = str(numbers[1]) if str(numbers[1]) in names else ""
    return RedirectResponse(root_of(request) + edition_mail_path(edition.id, variant), 302)


ROUTES = (
    Get("/editions", edition_list, ANYBODY),
    Get("/editions/{id}", edition_page, ANYBODY),
    Get("/editions/{id}/mail", edition_mail, ANYBODY),
    Get("/editions/{id}/mail/{variant:path}", edition_mail, ANYBODY),
    Get("/view/{token}", from_mail, by_token(Purpose.WEB_VERSION, 2)),
)
