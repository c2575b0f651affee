"""A rendered edition is compiled: split at its sentinels, each with its place, and the rest encoded once."""

from __future__ import annotations

from collections.abc import Mapping

from publisher.errors import CompositionRefused
from publisher.lib.text import one_line
from publisher.mail.compiled import CompiledEdition, Envelope, Slot
from publisher.mail.personal import URL_FIELDS
from publisher.mail.phrases import Phrases
from publisher.mail.places import html_places, split_at
from publisher.mail.quoted_printable import encode, piece


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
    :param text_only: for subscribers who asked for plain text: no HTML part, and no multipart around the text.
    :raises CompositionRefused: a personal value stands where none may (a script, a style, a comment), an URL is
        placed as something else, or the HTML has no unsubscribe link.
    """
    for part, name in ((html, "HTML"), (text, "text")):
        if not (text_only and part is html) and not any(
            field == "unsubscribe_url" and sentinel in part for sentinel, field in sentinels.items()
        ):
            raise CompositionRefused(
                f"the {name} part has no unsubscribe link; put subscriber.unsubscribe_url into the template"
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
