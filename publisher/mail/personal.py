"""The personal values of a message: who it is for, and how each value is written at each place."""

from __future__ import annotations

import html as _html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from publisher.lib.text import one_line, shorten
from publisher.mail.phrases import Phrases
from publisher.mail.quoted_printable import piece

#: What a template can place; :func:`personal_values` gives each a value.
FIELDS = ("name", "greeting", "address", "unsubscribe_url", "preferences_url", "web_url", "reason", "mark")
URL_FIELDS = frozenset({"unsubscribe_url", "preferences_url", "web_url"})

_HTML_SPECIAL = re.compile(r"[&<>\"']")
_WEB_URL = re.compile(r"https?://[!#-;=?-~]+\Z")


@dataclass(slots=True)  # not frozen, which would double what making one costs, and each message makes one
class Recipient:
    """The personal values of one message.

    ``key`` names the subscriber and, with the edition, makes the Message-ID: it never changes between tries and
    is no secret. ``date`` is the aware instant of the **first** try. ``unsubscribe_url`` is the RFC 8058 address:
    opaque, no e-mail address in it. ``unsubscribe_mailto`` is a complete ``mailto:`` URI; empty means none (or that of
    an edition stored by an earlier version). ``topics`` are the followed topics, as they are shown; empty means
    everything.
    ``mark`` is what links that are counted end in (:mod:`publisher.subscribers.tracking`).
    ``test`` marks the subject.

    :raises ValueError: an URL is not an absolute http(s) URL in ASCII, or ``date`` has no zone.
    """

    key: str
    address: str
    unsubscribe_url: str = field(repr=False)
    preferences_url: str = field(repr=False)
    web_url: str = field(repr=False)
    date: datetime
    name: str = ""
    topics: tuple[str, ...] = ()
    unsubscribe_mailto: str = field(default="", repr=False)
    mark: str = field(default="-", repr=False)
    test: bool = False

    def __post_init__(self) -> None:
        right = _WEB_URL.match
        if not (right(self.unsubscribe_url) and right(self.preferences_url) and right(self.web_url)):
            wrong = next(name for name in sorted(URL_FIELDS) if not right(getattr(self, name)))
            raise ValueError(f"{wrong} must be an absolute http(s) URL in ASCII, without quotes or angle brackets")
        if self.date.tzinfo is None:
            raise ValueError("date must be an aware instant")


def personal_values(recipient: Recipient, phrases: Phrases) -> dict[str, str]:
    """Every field of :data:`FIELDS`, as plain text of one line."""
    name = _short(recipient.name, 80)
    return {
        "name": name,
        "greeting": phrases.greeting(name),
        "address": recipient.address,
        "unsubscribe_url": recipient.unsubscribe_url,
        "mark": recipient.mark,
        "preferences_url": recipient.preferences_url,
        "web_url": recipient.web_url,
        "reason": phrases.reason(tuple(_short(topic, 60) for topic in recipient.topics)),
    }


def _short(text: str, limit: int) -> str:
    value = one_line(text)
    return value if len(value) <= limit else shorten(value[: limit * 8], limit)


def _html_value(value: str) -> bytes:
    return piece(_html.escape(value, quote=True) if _HTML_SPECIAL.search(value) else value)


def _url_value(value: str) -> bytes:
    return piece(quote(value, safe=""))


def _paragraph(value: str) -> bytes:
    return piece(_wrapped(value) if len(value) > 72 else value)


def _wrapped(value: str) -> str:
    lines = [""]
    for word in value.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if len(longer) > 72 and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


ENCODERS: dict[str, Callable[[str], bytes]] = {
    "html": _html_value,
    "href": _html_value,
    "url": _url_value,
    "text": piece,
    "paragraph": _paragraph,
}


_SHARED = {place: lru_cache(maxsize=256)(encoder) for place, encoder in ENCODERS.items()}


#: Fields that many subscribers have in common, so that they are encoded once for all of these.
_ALIKE = frozenset({"web_url", "reason"})


def encoder(name: str, place: str) -> Callable[[str], bytes]:
    """What writes a field's value at a place, escaped for it and encoded."""
    return (_SHARED if name in _ALIKE else ENCODERS)[place]
