"""E-mail addresses as they come from outside: checked, normalised, compared.

One dot-atom, one ``@``, one domain name with a dot. email-validator knows the syntax of RFC 5321, RFC 6531
and IDNA; the bounds are ours, because the address goes into an SMTP command, a header and a log line:

* no quoted local part, no comment, no address literal, no display name, no white space inside;
* at most 64 octets before the ``@`` and 254 in all (RFC 5321 §4.5.3.1, erratum 1690);
* never a leading ``-``, which a program that takes addresses as arguments would read as an option;
* compatibility forms (``ｇｍａｉｌ．com``) are folded first, so that one mailbox has one key.

The domain is kept as A-labels, as it goes on the wire. A local part outside ASCII is kept and flagged: it is
sent only where the relay offers SMTPUTF8.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import idna
import regex

from publisher.errors import BadAddress

MAX_LOCAL = 64
MAX_ADDRESS = 254

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: What nearly every address looks like; it needs no look at Unicode. Agreement with the long way is tested.
_PLAIN = re.compile(
    rf"(?P<local>[a-z0-9_][a-z0-9_+-]*(?:\.[a-z0-9_+-]+)*)@(?P<domain>(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9]))",
    re.ASCII | re.IGNORECASE,
)
_TOP_LEVEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])", re.ASCII)
#: Scripts that are written together in one language (UTS #39, "highly restrictive").
_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)

_SCRIPTS = regex.compile(
    "|".join(
        rf"(?P<{name}>\p{{Script={name}}})"
        for name in (
            "Latin",
            "Greek",
            "Cyrillic",
            "Armenian",
            "Hebrew",
            "Arabic",
            "Devanagari",
            "Bengali",
            "Gurmukhi",
            "Gujarati",
            "Tamil",
            "Telugu",
            "Kannada",
            "Malayalam",
            "Sinhala",
            "Thai",
            "Lao",
            "Tibetan",
            "Myanmar",
            "Georgian",
            "Hangul",
            "Ethiopic",
            "Cherokee",
            "Khmer",
            "Mongolian",
            "Hiragana",
            "Katakana",
            "Bopomofo",
            "Han",
        )
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address.

    :param text: as it is sent to; local part as typed, domain as lower-case A-labels.
    :param key: equal for addresses that must not be subscribed twice.
    :param limit_key: equal for addresses that probably reach one person (no ``+tag``, no dots); for limits only.
    :param domain: lower-case A-labels.
    :param needs_smtputf8: the local part is not ASCII (RFC 6531).
    :param mixed_script: letters of scripts that are not written together: perhaps a look-alike.
    """

    text: str
    key: str
    limit_key: str
    domain: str
    needs_smtputf8: bool = False
    mixed_script: bool = False

    @property
    def shown(self) -> str:
        """For a person: the domain in its own script, with its A-labels beside it where they differ."""
        local, _, _ = self.text.rpartition("@")
        try:
            unicode_domain = idna.decode(self.domain)
        except (idna.IDNAError, UnicodeError):
            return self.text
        return self.text if unicode_domain == self.domain else f"{local}@{unicode_domain} ({self.domain})"

    @property
    def masked(self) -> str:
        """For a log line: enough to recognise, not enough to write to."""
        return f"{self.text[:1]}…@{self.domain}"


def parse_address(text: str) -> Address:
    """Check ``text`` and normalise it.

    :raises BadAddress: one line that says what is wrong; it does not repeat the address.
    """
    text = text.strip(" \t\r\n")
    plain = _PLAIN.fullmatch(text) if len(text) <= MAX_ADDRESS else None
    if plain and "--" not in plain["domain"]:
        local, domain = plain["local"], plain["domain"].lower()
        if len(local) > MAX_LOCAL:
            raise BadAddress(f"the part before the @ is longer than {MAX_LOCAL} characters")
        return _address(local, domain)
    return _parse_slowly(text)


def _parse_slowly(text: str) -> Address:
    if len(text) > 4 * MAX_ADDRESS:
        raise BadAddress(f"longer than {MAX_ADDRESS} characters")
    folded = unicodedata.normalize("NFKC", text).strip(" ")
    from email_validator import EmailNotValidError, validate_email  # late: nearly every address is plain

    try:
        checked = validate_email(
            folded, check_deliverability=False, globally_deliverable=False, allow_smtputf8=True, strict=True
        )
    except EmailNotValidError as error:
        raise BadAddress(_without_quotation(str(error))) from None
    except (UnicodeError, ValueError):
        raise BadAddress("not an e-mail address") from None
    local, domain = checked.local_part, checked.ascii_domain.lower()
    if local.startswith("-"):
        raise BadAddress("the part before the @ starts with a hyphen")
    if len(local.encode()) > MAX_LOCAL:
        raise BadAddress(f"the part before the @ is longer than {MAX_LOCAL} octets")
    if len(local.encode()) + 1 + len(domain) > MAX_ADDRESS:
        raise BadAddress(f"longer than {MAX_ADDRESS} octets")
    if "." not in domain or not _TOP_LEVEL.fullmatch(domain.rpartition(".")[2]):
        raise BadAddress("the part after the @ is not a full domain name such as example.org")
    return _address(local, domain)


def _address(local: str, domain: str) -> Address:
    folded = local.casefold() if local.isascii() else unicodedata.normalize("NFKC", local).casefold()
    bare = folded.partition("+")[0].replace(".", "") or folded
    shown = local if domain.find("xn--") < 0 else f"{local}@{_to_unicode(domain)}"
    return Address(
        text=f"{local}@{domain}",
        key=f"{folded}@{domain}",
        limit_key=f"{bare}@{domain}",
        domain=domain,
        needs_smtputf8=not local.isascii(),
        mixed_script=not shown.isascii() and is_mixed_script(shown),
    )


def _to_unicode(domain: str) -> str:
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def is_mixed_script(text: str) -> bool:
    """Whether a word of ``text`` (split at dots and the @) has letters of scripts that no language writes together."""
    for word in re.split(r"[@.]", text):
        scripts = frozenset(found.lastgroup for found in _SCRIPTS.finditer(word))
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            return True
    return False


def _without_quotation(message: str) -> str:
    """email-validator's reason, without the pieces of the address that it quotes, on one line."""
    reason = re.sub(r"\s*(?::\s.*|\(.*)$", "", " ".join(message.split())).rstrip(".")
    return reason[:1].lower() + reason[1:] if reason else "not an e-mail address"
