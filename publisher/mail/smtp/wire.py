"""What may go on the wire: addresses and content, checked octet by octet. Pure.

Everything that could end a command or a message early is refused here and nowhere else: line ends in an
address (command injection), and CR or LF standing alone in content (SMTP smuggling, CVE-2023-51764).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import idna

# One dot-atom (RFC 5322 §3.2.3) at one domain of letters, digits and hyphens. Quoted local parts and address
# literals are not mailable subscribers.
_ATEXT = r"[-A-Za-z0-9!#$%&'*+/=?^_`{|}~]"
_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
# RFC 6531 §3.3 adds every non-ASCII character; C1 controls and the line separators of Unicode are none to us.
_UTF8_ATEXT = _ATEXT[:-1] + "\u00a1-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
_UTF8_LOCAL = re.compile(rf"{_UTF8_ATEXT}+(?:\.{_UTF8_ATEXT}+)*")
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


class AddressRefused(ValueError):
    """This address cannot be put into a command; ``needs_smtputf8`` when only for want of the extension."""

    def __init__(self, message: str, *, needs_smtputf8: bool = False) -> None:
        super().__init__(message)
        self.needs_smtputf8 = needs_smtputf8


class ContentRefused(ValueError):
    """This message would not survive the wire as it is."""


def wire_address(address: str, *, smtputf8: bool) -> bytes:
    """The octets of an address between ``<`` and ``>``; its domain as A-labels (RFC 5891).

    :raises AddressRefused: it is not one mailable address, or needs SMTPUTF8 and the relay has none.
    """
    local, at, domain = address.rpartition("@")
    if address.isascii():
        if (
            not at
            or len(local) > 64
            or len(address) > 254
            or not _LOCAL.fullmatch(local)
            or not _DOMAIN.fullmatch(domain)
        ):
            raise AddressRefused(f"not an address mail can be sent to: {address[:80]!r}")
        return address.encode("ascii")
    octets = local.encode("utf-8", "surrogatepass") + b"@" + _a_labels(domain).encode("ascii")
    if len(local.encode("utf-8", "surrogatepass")) > 64 or len(octets) > 254 or not _UTF8_LOCAL.fullmatch(local):
        raise AddressRefused(f"not an address mail can be sent to: {address[:80]!r}")
    if not local.isascii() and not smtputf8:
        raise AddressRefused("the address needs SMTPUTF8, which the relay does not offer", needs_smtputf8=True)
    return octets


@lru_cache(maxsize=4096)
def _a_labels(domain: str) -> str:
    try:
        labels = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise AddressRefused(f"not a domain name: {domain[:80]!r}") from None
    if not _DOMAIN.fullmatch(labels):
        raise AddressRefused(f"not a domain name: {domain[:80]!r}")
    return labels


class PlainBytes(bytes):
    """Octets that go on the wire as they are: ASCII, every CR and LF of a CRLF, no NUL, no line begins with a dot.

    Made only by :func:`plain_join`, which proves it; :func:`stuffed` then need not look at every octet again.
    """

    __slots__ = ()


def is_plain(octets: bytes) -> bool:
    """Whether ``octets``, at the beginning of a line and followed by anything, need no change and no refusal."""
    if not octets.isascii():
        return False
    rest = b"".join(octets.split(b"\r\n"))
    line_ends_are_right = b"\r" not in rest and b"\n" not in rest and b"\0" not in rest
    return line_ends_are_right and b"\n." not in octets and not octets.startswith(b".")


def plain_join(fresh: Iterable[bytes], parts: Iterable[bytes]) -> bytes:
    """All ``parts`` as one message, as :class:`PlainBytes` where that is so.

    :param fresh: those of ``parts`` that are not yet known to be :func:`is_plain`. The caller has asked about the
        others once and for all; what is plain by itself stays so in any company, because none ends in a bare CR,
        begins with an LF or with a dot.
    """
    message = b"".join(parts)
    # A line end before each makes all of them begin a line, and shows a CR or LF at either of their ends as bare.
    return PlainBytes(message) if is_plain(b"\r\n".join(fresh)) else message


def stuffed(message: bytes) -> bytes:
    """The message as it stands between DATA's 354 and the final dot: dots doubled (RFC 5321 §4.5.2), CRLF at the end.

    :raises ContentRefused: a CR or LF stands alone, or there is a NUL.
    """
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    elif type(message) is PlainBytes:
        return message
    # What is left between CRLFs may hold neither; this is the cheapest exact test the interpreter offers.
    lines = message.split(b"\r\n")
    rest = b"".join(lines)
    if b"\r" in rest or b"\n" in rest or b"\0" in rest:
        raise ContentRefused("the message holds a bare CR, a bare LF or a NUL, and is not put on the wire")
    if b"\r\n." in message or message.startswith(b"."):
        return b"\r\n".join([b"." + line if line.startswith(b".") else line for line in lines])
    return message
