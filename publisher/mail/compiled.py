"""An edition compiled to byte segments: a subscriber's message is a join of bytes.

::

    rendered html, text, subject          each personal value is a sentinel, for instance zq0f…e703
        │  compile_edition: split at the sentinels, find out where each one stands, encode the rest once
        ▼
    CompiledEdition                       segment, slot, segment, slot, … (to_bytes / from_bytes for the ledger)
        │  .message(Recipient): escape each value for its place, encode it, join
        ▼
    bytes                                 a complete RFC 5322 message, 7-bit, CRLF, unsigned

The same compiled edition and the same :class:`Recipient` always give the same bytes, so a message that is sent
again after a restart is the message that was in doubt.
"""

from __future__ import annotations

import html as _html
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from publisher.errors import CompositionRefused, DeliveryError
from publisher.lib.text import one_line, shorten
from publisher.mail import headers
from publisher.mail.phrases import Phrases
from publisher.mail.places import html_places, split_at
from publisher.mail.quoted_printable import SOFT_BREAK, encode, piece
from publisher.mail.smtp.wire import is_plain, plain_join

#: What a template can place; :func:`personal_values` gives each a value.
FIELDS = ("name", "greeting", "address", "unsubscribe_url", "preferences_url", "web_url", "reason", "mark")
URL_FIELDS = frozenset({"unsubscribe_url", "preferences_url", "web_url"})

_MAGIC = b"MHCE\x01"
_MAX_STORED = 32 * 1024 * 1024
_HTML_SPECIAL = re.compile(r"[&<>\"']")
_WEB_URL = re.compile(r"https?://[!#-;=?-~]+\Z")


@dataclass(slots=True)  # not frozen, which would double what making one costs, and each message makes one
class Recipient:
    """The personal values of one message.

    ``key`` names the subscriber and, with the edition, makes the Message-ID: it never changes between tries and
    is no secret. ``date`` is the aware instant of the **first** try. ``unsubscribe_url`` is the RFC 8058 address:
    https, opaque, no e-mail address in it. ``unsubscribe_mailto`` is a complete ``mailto:`` URI; empty means the
    edition's own. ``topics`` are the reader's followed topics, as they are shown; empty means everything.
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


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every message of the edition says in its headers."""

    edition_key: str
    from_name: str
    from_address: str
    list_id: str
    list_title: str
    feedback_id: str
    unsubscribe_mailto: str
    reply_to: str = ""
    archive_url: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a personal value: ``place`` is html, href, url, text, paragraph or subject."""

    name: str
    place: str


Segments = tuple[bytes | Slot, ...]


@dataclass(frozen=True)
class CompiledEdition:
    """One variant of an edition (language × set of articles), ready to become any number of messages.

    ``boundary`` is empty where the message is plain text alone.
    """

    envelope: Envelope
    language: str
    subject: tuple[str | Slot, ...]
    body: Segments
    phrases: Phrases
    boundary: str
    html_bytes: int
    # Derived once from the above.
    _before: bytes = field(init=False, repr=False, compare=False)
    _after: bytes = field(init=False, repr=False, compare=False)
    _subject: bytes | None = field(init=False, repr=False, compare=False)
    _slots: list[tuple[int, tuple[str, str]]] = field(init=False, repr=False, compare=False)
    _needed: list[tuple[tuple[str, str], Callable[[str], bytes], str]] = field(init=False, repr=False, compare=False)
    _parts: list[bytes] = field(init=False, repr=False, compare=False)
    _domain: str = field(init=False, repr=False, compare=False)
    _plain: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        e = self.envelope
        before = [("From", headers.mailbox(e.from_name, e.from_address))]
        after = [
            ("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
            ("MIME-Version", b"1.0"),
            ("List-Id", _list_id(e)),
            ("Precedence", b"list"),
            ("Feedback-ID", e.feedback_id.encode("ascii")),
        ]
        if e.reply_to:
            before.append(("Reply-To", headers.mailbox("", e.reply_to)))
        if e.archive_url:
            after.append(("List-Archive", headers.angle_url(e.archive_url)))
        if self.boundary:
            kind = b'multipart/alternative;\r\n boundary="%s"' % self.boundary.encode("ascii")
            after.append(("Content-Type", kind))
        else:
            after.append(("Content-Type", b"text/plain; charset=utf-8"))
            after.append(("Content-Transfer-Encoding", b"quoted-printable"))
        static = self.subject[0] if len(self.subject) == 1 and isinstance(self.subject[0], str) else None
        slots = [(i, (part.name, part.place)) for i, part in enumerate(self.body, start=1) if isinstance(part, Slot)]
        derived: dict[str, Any] = {
            "_before": headers.header_block(before),
            "_after": headers.header_block(after) + b"\r\n",
            "_subject": None if static is None else headers.unstructured(static),
            "_slots": slots,
            "_needed": [
                (slot, (_SHARED_ENCODERS if slot[0] in _ALIKE else _ENCODERS)[slot[1]], slot[0])
                for slot in sorted({slot for _, slot in slots})
            ],
            "_parts": [b"", *(b"" if isinstance(part, Slot) else part for part in self.body)],
            "_plain": all(is_plain(part) for part in self.body if not isinstance(part, Slot)),
            "_domain": headers.header_address(e.from_address).rpartition("@")[2],
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def message_id(self, recipient_key: str) -> str:
        """The Message-ID of this edition's message to the subscriber with that key, in angle brackets."""
        return headers.message_id(self.envelope.edition_key, recipient_key, self._domain)

    def message(self, recipient: Recipient) -> bytes:
        """The complete message: 7-bit (but for an internationalised local part), CRLF, unsigned.

        :raises DeliveryError: permanent; the recipient's address or an URL cannot stand in a header.
        """
        values = personal_values(recipient, self.phrases)
        encoded = {slot: encoder(values[name]) for slot, encoder, name in self._needed}
        parts = self._parts.copy()
        parts[0] = head = self._head(recipient, values)
        for index, slot in self._slots:
            parts[index] = encoded[slot]
        return plain_join((head, *encoded.values()), parts) if self._plain else b"".join(parts)

    def _head(self, recipient: Recipient, values: Mapping[str, str]) -> bytes:
        subject = self._subject
        if subject is None or recipient.test:
            text = "".join(part if isinstance(part, str) else values[part.name] for part in self.subject)
            subject = headers.unstructured(f"[Test] {text}" if recipient.test else text)
        mailto = recipient.unsubscribe_mailto or self.envelope.unsubscribe_mailto
        unsubscribe = headers.angle_url(recipient.unsubscribe_url) + b",\r\n " + headers.angle_url(mailto)
        to = headers.header_block((("To", headers.mailbox(recipient.name, recipient.address)),))
        personal = headers.header_block(
            (
                ("Message-ID", self.message_id(recipient.key).encode("ascii")),
                ("List-Unsubscribe", unsubscribe),
            )
        )
        return b"".join((self._before, to, _common_block(subject, headers.date(recipient.date)), personal, self._after))

    def to_bytes(self) -> bytes:
        """For the ledger: version mark and compressed JSON; holds no personal value."""
        e = self.envelope
        data = {
            "envelope": {name: getattr(e, name) for name in Envelope.__slots__},
            "language": self.language,
            "subject": [_part_to_json(part) for part in self.subject],
            "body": [_part_to_json(part) for part in self.body],
            "phrases": self.phrases.to_json(),
            "boundary": self.boundary,
            "html_bytes": self.html_bytes,
        }
        return _MAGIC + zlib.compress(json.dumps(data, ensure_ascii=False).encode("utf-8"), 6)

    @staticmethod
    def from_bytes(stored: bytes) -> CompiledEdition:
        """The inverse of :meth:`to_bytes`.

        :raises DeliveryError: permanent; it was written by another version or is damaged.
        """
        try:
            if not stored.startswith(_MAGIC):
                raise ValueError("unknown version")
            inflater = zlib.decompressobj()
            raw = inflater.decompress(stored[len(_MAGIC) :], _MAX_STORED)
            if not inflater.eof:
                raise ValueError("cut off or too large")
            data = json.loads(raw)
            return CompiledEdition(
                envelope=Envelope(**data["envelope"]),
                language=data["language"],
                subject=tuple(_subject_from_json(part) for part in data["subject"]),
                body=tuple(_segment_from_json(part) for part in data["body"]),
                phrases=Phrases.from_json(data["phrases"]),
                boundary=data["boundary"],
                html_bytes=data["html_bytes"],
            )
        except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
            raise DeliveryError(
                f"the stored edition cannot be read ({error}); compose the edition again", permanent=True
            ) from None


def compile_edition(
    *,
    envelope: Envelope,
    language: str,
    subject: str,
    text: str,
    html: str,
    sentinels: Mapping[str, str],
    phrases: Phrases,
    boundary: str,
    text_only: bool = False,
) -> CompiledEdition:
    """Split the rendered edition at its sentinels and encode everything that is the same for all.

    :param sentinels: each sentinel and the name of the field (of :data:`FIELDS`) whose value takes its place.
    :param text_only: for readers who asked for plain text: no HTML part, and no multipart around the text.
    :raises CompositionRefused: a personal value stands where none may (a script, a style, a comment), an URL is
        placed as something else, or the HTML has no unsubscribe link.
    """
    for part, name in ((html, "HTML"), (text, "text")):
        if not (text_only and part is html) and not any(
            field == "unsubscribe_url" and sentinel in part for sentinel, field in sentinels.items()
        ):
            raise CompositionRefused(
                f"the {name} part has no unsubscribe link; put reader.unsubscribe_url into the template"
            )
    encoding = b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    body: list[bytes | Slot]
    if text_only:
        boundary = ""
        body = [*_segments(text, sentinels, _text_places(text, sentinels)), b"\r\n"]
    else:
        mark = b"--" + boundary.encode("ascii")
        body = [mark + b"\r\nContent-Type: text/plain; charset=utf-8" + encoding]
        body += _segments(text, sentinels, _text_places(text, sentinels))
        body.append(b"\r\n" + mark + b"\r\nContent-Type: text/html; charset=utf-8" + encoding)
        body += _segments(html, sentinels, html_places(html, sentinels, URL_FIELDS))
        body.append(b"\r\n" + mark + b"--\r\n")
    return CompiledEdition(
        envelope=envelope,
        language=language,
        subject=tuple(
            item
            for part, name in split_at(one_line(subject), sentinels)
            for item in ((part,) if name is None else (part, Slot(name, "subject")))
            if item
        ),
        body=tuple(_merged(body)),
        phrases=phrases,
        boundary=boundary,
        html_bytes=0 if text_only else len(html.encode("utf-8")),
    )


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


def _list_id(envelope: Envelope) -> bytes:
    # RFC 2919: an optional phrase, then the identifier in angle brackets.
    title = headers.phrase(envelope.list_title, used=9)
    identifier = b"<" + envelope.list_id.encode("ascii") + b">"
    if not title:
        return identifier
    fits = b"\r\n" not in title and len(title) + len(identifier) < headers.FOLD_AT - 10
    return title + (b" " if fits else b"\r\n ") + identifier


def _text_places(text: str, sentinels: Mapping[str, str]) -> list[str]:
    # A value that has a line to itself is wrapped like a paragraph; one inside a line stays as it is.
    places: list[str] = []
    position = 0
    for part, name in split_at(text, sentinels):
        position += len(part)
        if name is not None:
            length = next(len(sentinel) for sentinel in sentinels)
            alone = text[position - 1 : position] in ("", "\n") and text[position + length : position + length + 1] in (
                "",
                "\n",
            )
            places.append("paragraph" if alone and name not in URL_FIELDS else "text")
            position += length
    return places


def _segments(content: str, sentinels: Mapping[str, str], places: list[str]) -> list[bytes | Slot]:
    out: list[bytes | Slot] = []
    parts = split_at(content, sentinels)
    found = iter(places)
    for index, (part, name) in enumerate(parts):
        out.append(encode(part) if index == len(parts) - 1 else piece(part))
        if name is not None:
            out.append(Slot(name, next(found)))
    return out


def _merged(parts: list[bytes | Slot]) -> list[bytes | Slot]:
    out: list[bytes | Slot] = []
    for part in parts:
        if isinstance(part, bytes) and out and isinstance(out[-1], bytes):
            out[-1] += part
        else:
            out.append(part)
    return out


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


_ENCODERS: dict[str, Callable[[str], bytes]] = {
    "html": _html_value,
    "href": _html_value,
    "url": _url_value,
    "text": piece,
    "paragraph": _paragraph,
}


#: Fields that many readers have in common, so that they are encoded once for all of these.
_ALIKE = frozenset({"web_url", "reason"})


_SHARED_ENCODERS = {place: lru_cache(maxsize=256)(encoder) for place, encoder in _ENCODERS.items()}


@lru_cache(maxsize=64)
def _common_block(subject: bytes, date: bytes) -> bytes:
    """The fields that the messages of one batch share, unless the subject holds a name."""
    return headers.header_block((("Subject", subject), ("Date", date)))


def _part_to_json(part: str | bytes | Slot) -> str | list[str]:
    if isinstance(part, Slot):
        return [part.name, part.place]
    return part.decode("ascii") if isinstance(part, bytes) else part


def _slot_from_json(part: list[str]) -> Slot:
    name, place = part
    if name not in FIELDS or place not in {*_ENCODERS, "subject"}:
        raise ValueError("unknown slot")
    return Slot(name, place)


def _segment_from_json(part: str | list[str]) -> bytes | Slot:
    return part.encode("ascii") if isinstance(part, str) else _slot_from_json(part)


def _subject_from_json(part: str | list[str]) -> str | Slot:
    return part if isinstance(part, str) else _slot_from_json(part)


__all__ = [
    "FIELDS",
    "SOFT_BREAK",
    "CompiledEdition",
    "Envelope",
    "Recipient",
    "Slot",
    "compile_edition",
    "personal_values",
]
