"""Header fields as bytes that cannot become other header fields.

Python's own writer re-parses a value and can turn an encoded word inside it into a live header
(CVE-2024-6923, CVE-2026-1299), so nothing here uses it. The rule is small: a value is scrubbed and made one
line; if it is plain ASCII without ``=?`` it stands as it is, folded at spaces; anything else becomes RFC 2047
encoded words of Base64, where no character of the value is a character of the header.

:func:`header_block` is the second lock: it refuses a block in which any line is not a field that was asked for.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from publisher.errors import BadAddress, DeliveryError
from publisher.lib.addresses import parse_address
from publisher.lib.text import one_line, shorten

#: Octets of a folded line (RFC 5322 section 2.1.1 asks for at most 78 without CRLF).
FOLD_AT = 76
#: Longest value taken from outside, in graphemes; longer ones are cut with an ellipsis.
MAX_VALUE = 250

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOMAIN = (
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_ADDRESS = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_DOMAIN}\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_PLAIN_PHRASE = re.compile(rf"{_ATOM}(?: {_ATOM})*\Z")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_FIELD_BODY = re.compile(rb"(?:[!-~\x80-\xff][ -~\x80-\xff]*(?:\r\n [ -~\x80-\xff]*[!-~\x80-\xff][ -~\x80-\xff]*)*)?\Z")
_URL = re.compile(r"(?:https?://|mailto:)[!#-;=?-~]+\Z")


def unstructured(text: str, *, used: int = 9) -> bytes:
    """A free text such as a subject, folded.

    :param used: octets already on the first line (``len("Subject: ")``).
    """
    value = _clean(text)
    if _PRINTABLE.match(value) and "=?" not in value:
        words = value.split(" ")
        if max(map(len, words)) <= FOLD_AT - used:
            return _fold(words, used)
    return _encoded_words(value, used)


def phrase(text: str, *, used: int = 6) -> bytes:
    """A display name: atoms, a quoted string or encoded words (RFC 5322 section 3.2.5)."""
    value = _clean(text)
    if not value:
        return b""
    if _PRINTABLE.match(value) and "=?" not in value and len(value) <= FOLD_AT - used - 2:
        if _PLAIN_PHRASE.match(value):
            return value.encode()
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return b'"' + escaped.encode() + b'"'
    return _encoded_words(value, used)


def mailbox(name: str, address: str) -> bytes:
    """``name <address>``, or the address alone when there is no name.

    :raises DeliveryError: permanent; the address is not one dot-atom at one domain.
    """
    checked = header_address(address).encode()
    shown = phrase(name)
    if not shown:
        return checked
    separator = b" " if len(shown.rsplit(b"\r\n", 1)[-1]) + len(checked) + 3 <= FOLD_AT - 6 else b"\r\n "
    return shown + separator + b"<" + checked + b">"


def header_address(address: str) -> str:
    """The address as it stands on the wire: the domain in A-labels (RFC 5890), the local part as it is.

    :raises DeliveryError: permanent; comments, quoted local parts, lists and everything else that a relay could
        read in two ways are refused, not repaired.
    """
    return address if _ADDRESS.match(address) else _international_address(address)


def needs_smtputf8(address: str) -> bool:
    """Whether the address can only be sent to through a relay that offers SMTPUTF8 (RFC 6531)."""
    return not header_address(address).isascii()


@lru_cache(maxsize=4096)
def _international_address(address: str) -> str:
    try:
        if address.isascii() or address != address.strip():
            raise BadAddress("not one mailbox")  # ASCII that did not match; parse_address would repair the blanks
        checked = parse_address(address)
    except BadAddress:
        raise DeliveryError(
            "the address is not one mailbox at one domain; correct or remove it", permanent=True
        ) from None
    return checked.text


def angle_url(url: str) -> bytes:
    """``<url>`` for the List-* fields of RFC 2369; the URL is checked, never repaired.

    :raises DeliveryError: permanent; it is not an http(s) or mailto URL in ASCII.
    """
    if not _URL.match(url) or len(url) > 900:
        raise DeliveryError("a List-* header needs an http(s) or mailto URL in ASCII", permanent=True)
    return b"<" + url.encode() + b">"


def one_click(url: str) -> tuple[tuple[str, bytes], ...]:
    """The field that offers one-click unsubscribing beside ``url`` in List-Unsubscribe; none where it is not https
    (RFC 8058 section 3.1)."""
    return (("List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),) if url.startswith("https://") else ()


@lru_cache(maxsize=16)  # asked for once for the header and once for the books
def message_id(edition_key: str, recipient_key: str, domain: str) -> str:
    """The Message-ID, with its angle brackets: the same edition and subscriber always give the same one."""
    digest = hashlib.sha256(f"{edition_key}\0{recipient_key}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"<{digest[:32]}@{domain}>"


def date(instant: datetime) -> bytes:
    """RFC 5322 date with a numeric zone; ``instant`` must be aware."""
    if instant.tzinfo is None:
        raise ValueError("a Date header needs an aware instant")
    return _date(instant, instant.utcoffset())


@lru_cache(maxsize=256)
def _date(instant: datetime, offset: timedelta | None) -> bytes:
    # The messages of one batch share their instant; equal instants of different zones are written differently.
    return format_datetime(instant).encode("ascii")


def header_block(fields: Iterable[tuple[str, bytes]]) -> bytes:
    """The fields, each once and in order, ready to stand before the empty line.

    :raises DeliveryError: permanent; a value could be read as another header.
    """
    lines: list[bytes] = []
    seen: set[str] = set()
    for name, value in fields:
        prefix = _prefix(name)
        if name in seen or not prefix or not _FIELD_BODY.match(value):
            raise DeliveryError(f"the {name!a} header cannot be written safely; nothing was sent", permanent=True)
        seen.add(name)
        lines.append(b"%s%s\r\n" % (prefix, value))
        if len(lines[-1]) > 998 and max(map(len, lines[-1].split(b"\r\n"))) > 998:
            raise DeliveryError(f"the {name} header has a line of more than 998 octets", permanent=True)
    return b"".join(lines)


@lru_cache(maxsize=256)
def _prefix(name: str) -> bytes:
    return f"{name}: ".encode() if _FIELD_NAME.match(name) else b""


def _clean(text: str) -> str:
    value = one_line(text)
    return value if len(value) <= MAX_VALUE else shorten(value[: MAX_VALUE * 8], MAX_VALUE)


def _fold(words: list[str], used: int) -> bytes:
    lines: list[str] = []
    line = words[0]
    room = FOLD_AT - used
    for word in words[1:]:
        if len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, FOLD_AT - 1
        else:
            line += " " + word
    return "\r\n ".join([*lines, line]).encode()


def _encoded_words(value: str, used: int) -> bytes:
    # An encoded word is at most 75 characters (RFC 2047 section 2), 12 of them not payload, and never splits
    # a character.
    words: list[bytes] = []
    chunk = b""
    room = (FOLD_AT - used - 12) // 4 * 3
    for character in value:
        octets = character.encode("utf-8")
        if len(chunk) + len(octets) > room:
            words.append(chunk)
            chunk, room = b"", 45
        chunk += octets
    words.append(chunk)
    return b"\r\n ".join(b"=?utf-8?B?" + b64encode(word) + b"?=" for word in words)
