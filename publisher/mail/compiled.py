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

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from publisher.errors import DeliveryError
from publisher.mail import headers
from publisher.mail.personal import ENCODERS, FIELDS, Recipient, encoder, personal_values
from publisher.mail.phrases import Phrases
from publisher.mail.smtp.wire import is_plain, plain_join

_MAGIC = b"MHCE\x01"
_MAX_STORED = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every message of the edition says in its headers.

    :param unsubscribe_mailto: of editions that an earlier version stored; a recipient has one of its own now.
    """

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


class CompiledEdition:
    """One variant of an edition (language × set of articles), ready to become any number of messages.

    What follows from the values alone is worked out once, when it is made; a message is then a join.

    :param body: segments as they stand in a message, and slots between them.
    :param boundary: of the multipart; empty where the message is plain text alone.
    :param html_bytes: the size of the HTML part before encoding.
    :raises DeliveryError: permanent; a value of ``envelope`` cannot stand in a header.
    """

    def __init__(
        self,
        *,
        envelope: Envelope,
        language: str,
        subject: tuple[str | Slot, ...],
        body: Segments,
        phrases: Phrases,
        boundary: str,
        html_bytes: int,
    ) -> None:
        self.envelope = envelope
        self.language = language
        self.subject = subject
        self.body = body
        self.phrases = phrases
        self.boundary = boundary
        self.html_bytes = html_bytes
        before, after = _fields(envelope, boundary)
        only = subject[0] if len(subject) == 1 else None
        self._before = headers.header_block(before)
        self._after = headers.header_block(after) + b"\r\n"
        self._subject = headers.unstructured(only) if isinstance(only, str) else None  # None: it holds a name
        self._domain = headers.header_address(envelope.from_address).rpartition("@")[2]
        # The message in pieces: room for the head, then the segments, with an empty one wherever a value goes.
        self._parts = [b"", *(b"" if isinstance(part, Slot) else part for part in body)]
        self._slots = [(i, (part.name, part.place)) for i, part in enumerate(body, start=1) if isinstance(part, Slot)]
        self._needed = [
            ((name, place), encoder(name, place), name) for name, place in sorted({slot for _, slot in self._slots})
        ]
        self._plain = all(is_plain(part) for part in body if not isinstance(part, Slot))

    def message_id(self, recipient_key: str) -> str:
        """The Message-ID of this edition's message to the subscriber with that key, in angle brackets."""
        return headers.message_id(self.envelope.edition_key, recipient_key, self._domain)

    def message(self, recipient: Recipient) -> bytes:
        """The complete message: 7-bit (but for an internationalised local part), CRLF, unsigned.

        :raises DeliveryError: permanent; the recipient's address or an URL cannot stand in a header.
        """
        values = personal_values(recipient, self.phrases)
        encoded = {slot: write(values[name]) for slot, write, name in self._needed}
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
        unsubscribe = headers.angle_url(recipient.unsubscribe_url)
        if mailto:
            unsubscribe += b",\r\n " + headers.angle_url(mailto)
        to = headers.header_block((("To", headers.mailbox(recipient.name, recipient.address)),))
        personal = headers.header_block(
            (
                ("Message-ID", self.message_id(recipient.key).encode("ascii")),
                ("List-Unsubscribe", unsubscribe),
                *headers.one_click(recipient.unsubscribe_url),
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


def _fields(e: Envelope, boundary: str) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """The header fields that all messages share: those before To, and those at the end."""
    before = [("From", headers.mailbox(e.from_name, e.from_address))]
    after = [
        ("MIME-Version", b"1.0"),
        ("List-Id", _list_id(e)),
        ("Precedence", b"list"),
        ("Feedback-ID", e.feedback_id.encode("ascii")),
    ]
    if e.reply_to:
        before.append(("Reply-To", headers.mailbox("", e.reply_to)))
    if e.archive_url:
        after.append(("List-Archive", headers.angle_url(e.archive_url)))
    if boundary:
        kind = b'multipart/alternative;\r\n boundary="%s"' % boundary.encode("ascii")
        after.append(("Content-Type", kind))
    else:
        after.append(("Content-Type", b"text/plain; charset=utf-8"))
        after.append(("Content-Transfer-Encoding", b"quoted-printable"))
    return before, after


def _list_id(envelope: Envelope) -> bytes:
    # RFC 2919: an optional phrase, then the identifier in angle brackets.
    title = headers.phrase(envelope.list_title, used=9)
    identifier = b"<" + envelope.list_id.encode("ascii") + b">"
    if not title:
        return identifier
    fits = b"\r\n" not in title and len(title) + len(identifier) < headers.FOLD_AT - 10
    return title + (b" " if fits else b"\r\n ") + identifier


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
    if name not in FIELDS or place not in {*ENCODERS, "subject"}:
        raise ValueError("unknown slot")
    return Slot(name, place)


def _segment_from_json(part: str | list[str]) -> bytes | Slot:
    return part.encode("ascii") if isinstance(part, str) else _slot_from_json(part)


def _subject_from_json(part: str | list[str]) -> str | Slot:
    return part if isinstance(part, str) else _slot_from_json(part)
