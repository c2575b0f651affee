"""A message file as a page can show it: pure, and trusting nothing in it.

::

    bytes ─→ read_message ─→ ShownMessage(subject, sender, …, headers, text, html)

The file may be damaged, enormous or made by somebody else: sizes and counts are capped, every decoding has a
fallback, and the HTML is handed on as it is, to be shown in a sandbox of its own.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from publisher.lib.text import one_line, scrub

#: Bytes of a file that are read; a digest is refused at a fiftieth of this.
MAX_BYTES = 5_000_000
#: Parts that are looked at, however deeply they are nested.
MAX_PARTS = 60
#: Characters of the headers that are shown.
MAX_HEADER = 20_000


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """``headers`` is the block as it stands in the file; ``html`` is empty where there is no HTML part."""

    subject: str
    sender: str
    recipient: str
    date: str
    size: int
    headers: str
    text: str
    html: str


def read_message(raw: bytes) -> ShownMessage:
    """What is worth showing of a message; whatever cannot be read is empty, and nothing is raised."""
    raw = raw[:MAX_BYTES].replace(b"\r\n", b"\n")
    block = raw.partition(b"\n\n")[0][:MAX_HEADER].decode("utf-8", "replace")
    message = _parse(raw)
    found = {"text/plain": "", "text/html": ""}
    for part in _leaves(message):
        kind = part.get_content_type()
        if kind in found and not found[kind] and part.get_content_disposition() != "attachment":
            found[kind] = _content(part)
    return ShownMessage(
        subject=_header(message, "Subject"),
        sender=_header(message, "From"),
        recipient=_header(message, "To"),
        date=_header(message, "Date"),
        size=len(raw),
        headers=scrub(block),
        text=scrub(found["text/plain"]),
        html=found["text/html"],
    )


def _parse(raw: bytes) -> Message:
    try:
        return email.message_from_bytes(raw, policy=email.policy.compat32)
    except (ValueError, LookupError, RecursionError, AttributeError, TypeError, IndexError):
        return Message()


def _leaves(message: Message) -> Iterator[Message]:
    waiting, seen = [message], 0
    while waiting and seen < MAX_PARTS:
        part = waiting.pop(0)
        seen += 1
        inner = part.get_payload()
        if part.is_multipart() and isinstance(inner, list):
            waiting[:0] = [each for each in inner[:MAX_PARTS] if isinstance(each, Message)]
        else:
            yield part


def _content(part: Message) -> str:
    try:
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            return ""
        return payload.decode(str(part.get_content_charset() or "utf-8"), "replace")
    except (LookupError, ValueError, AssertionError, TypeError):
        return ""


def _header(message: Message, name: str) -> str:
    raw = str(message.get(name, ""))[:2_000]
    try:
        return one_line(str(make_header(decode_header(raw))))
    except (HeaderParseError, LookupError, ValueError, TypeError):
        return one_line(raw)
