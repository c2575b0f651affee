"""What the pages for subscribers have in common: one question or notice as a page, and the links between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from publisher.lib import links
from publisher.rendering.languages import Speech
from publisher.subscribers import personal_links
from publisher.web.frame.frame import NEVER_KEPT, Frame


def titles(frame: Frame) -> dict[str, str]:
    """How each digest is called, by name."""
    return {digest.name: digest.title or frame.publication.title for digest in frame.site.settings.digests}


def texts(form: FormData) -> dict[str, list[str]]:
    """The text fields of a form, each with all its values."""
    raw: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            raw.setdefault(name, []).append(value)
    return raw


def own_link(frame: Frame, who: int, label: str) -> dict[str, str]:
    return {"href": links.preferences_url("", personal_links.keyring_of(frame.site.store), who), "label": label}


def say(
    frame: Frame,
    request: Request,
    speech: Speech,
    heading: str,
    lines: Sequence[str],
    *,
    action: str = "",
    choices: Sequence[Mapping[str, object]] = (),
    buttons: Sequence[Mapping[str, object]] = (),
    link: Mapping[str, str] | None = None,
) -> Response:
    """A page that says ``lines`` and, with ``action``, asks by ``buttons``."""
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
    return frame.page(request, "web/ask.html", values, cache=NEVER_KEPT, speech=speech)
