"""What the pages for readers have in common: one question or answer as a page, and the links between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from publisher.lib import links
from publisher.subscribers import personal_links
from publisher.web.frame.frame import NEVER_KEPT, Site
from publisher.web.frame.problems import problem


def titles(site: Site) -> dict[str, str]:
    return {digest.name: digest.title or site.publication.title for digest in site.settings.digests}


def texts(form: FormData) -> dict[str, list[str]]:
    raw: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            raw.setdefault(name, []).append(value)
    return raw


def own_link(site: Site, who: int, label: str = "Choose what you receive") -> dict[str, str]:
    return {"href": links.preferences_url("", personal_links.keyring_of(site.store), who), "label": label}


def void_link(site: Site, request: Request) -> Response:
    return problem(
        site,
        request,
        404,
        what="This link is not good any more",
        todo="Take the link from the newest mail, or subscribe again.",
    )


def say(
    site: Site,
    request: Request,
    heading: str,
    lines: Sequence[str],
    *,
    action: str = "",
    choices: Sequence[Mapping[str, Any]] = (),
    buttons: Sequence[Mapping[str, Any]] = (),
    link: Mapping[str, str] | None = None,
) -> Response:
    values = {
        "title": heading,
        "robots": "noindex",
        "heading": heading,
        "lines": list(lines),
        "action": action,
        "choices": list(choices),
        "buttons": [{"quiet": False, "danger": False, **button} for button in buttons],
        "link": link,
    }
    return site.page(request, "web/ask.html", values, cache=NEVER_KEPT)
