"""Whose file it is, by its columns, and what each row says: pure.

One :class:`Format` a program; the first whose ``needs`` are all there wins. Column names are compared in lower
case, with ``_`` for every other character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from publisher.errors import BadAddress, SourceError
from publisher.lib.addresses import parse_address
from publisher.lib.languages import is_language_tag
from publisher.lib.spreadsheets import unguarded
from publisher.lib.text import one_line
from publisher.store.importing import Incoming
from publisher.subscribers.wishes import wishes_from_cells

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was set aside: ``line`` (1-based, of the file), ``reason`` in one line, the row as it was."""

    line: int
    reason: str
    row: Mapping[str, str]


Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Format:
    """How one program writes its subscribers down."""

    name: str
    needs: frozenset[str]
    address: str
    names: tuple[str, ...]
    status: Callable[[Row], tuple[str, str]]
    created: tuple[str, ...] = ()
    language: str = ""


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes", "y", "t")


def _listmonk(row: Row) -> tuple[str, str]:
    return LISTMONK_STATUS.get(row.get("status", "").strip().lower(), ("confirmed", ""))


def _ghost(row: Row) -> tuple[str, str]:
    gone = bool(row.get("deleted_at", "").strip())
    return ("confirmed" if _true(row["subscribed_to_emails"]) and not gone else "unsubscribed", "")


def _mailchimp(row: Row) -> tuple[str, str]:
    if row.get("clean_time", "").strip():
        return "unsubscribed", "bounced"
    return ("unsubscribed" if row.get("unsub_time", "").strip() else "confirmed", "")


def _substack(row: Row) -> tuple[str, str]:
    return ("unsubscribed" if _true(row.get("email_disabled", "")) else "confirmed", "")


def _ours(row: Row) -> tuple[str, str]:
    status = row.get("status", "").strip().lower() or "confirmed"
    if status not in ("confirmed", "unsubscribed", "pending"):
        raise ValueError(f"status = {status[:40]!r}: expected confirmed, unsubscribed or pending")
    return status, _reason(row.get("suppressed", ""))


def _reason(text: str) -> str:
    word = re.sub(r"[^a-z_]+", "_", text.strip().lower()).strip("_")[:40]
    return SUPPRESSION_WORDS.get(word, word)


#: listmonk's words.
LISTMONK_STATUS = {
    "enabled": ("confirmed", ""),
    "disabled": ("unsubscribed", ""),
    "blocklisted": ("unsubscribed", "by_hand"),
    "unconfirmed": ("pending", ""),
    "unsubscribed": ("unsubscribed", ""),
}
#: Why an address may be suppressed, in our words.
REASONS = ("bounced", "complained", "by_hand")
#: What others call the reasons of a suppression.
SUPPRESSION_WORDS = {
    "bounce": "bounced",
    "hard_bounce": "bounced",
    "cleaned": "bounced",
    "complaint": "complained",
    "spam": "complained",
    "abuse": "complained",
    "unsubscribe": "by_hand",
    "blocklisted": "by_hand",
    "manual": "by_hand",
}
FORMATS_KNOWN = (
    Format("masthead", frozenset({"address"}), "address", ("name",), _ours, ("confirmed", "created")),
    Format(
        "mailchimp",
        frozenset({"email_address"}),
        "email_address",
        ("first_name", "last_name"),
        _mailchimp,
        ("confirm_time", "optin_time"),
        "language",
    ),
    Format("ghost", frozenset({"email", "subscribed_to_emails"}), "email", ("name",), _ghost, ("created_at",)),
    Format(
        "substack",
        frozenset({"email", "active_subscription"}),
        "email",
        ("name",),
        _substack,
        ("created_at",),
    ),
    Format("listmonk", frozenset({"email", "attributes"}), "email", ("name",), _listmonk, ("created_at",)),
    Format("plain", frozenset({"email"}), "email", ("name",), _listmonk, ("created_at",), "language"),
)


def normalise(column: str) -> str:
    """``Email Address`` → ``email_address``."""
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lstrip("\ufeff").lower()).strip("_")


def recognise(columns: Sequence[str]) -> Format:
    """The format of a file with these (normalised) columns.

    :raises SourceError: no column holds addresses; the message names the columns that would do.
    """
    present = frozenset(columns)
    for known in FORMATS_KNOWN:
        if known.needs <= present:
            return known
    raise SourceError("no column holds addresses; one is to be named address, email or Email Address")


def read_row(known: Format, row: Row, *, suppress_all: str = "") -> Incoming:
    """What one row says.

    :param suppress_all: every row is a suppression for this reason (a file that is a blocklist).
    :raises ValueError, BadAddress: one line that says what is wrong with it.
    """
    ours = known.name == "masthead"
    address = parse_address(unguarded(row.get(known.address, "")) if ours else row.get(known.address, ""))
    status, suppressed = known.status(row)
    if suppress_all:
        status, suppressed = "unsubscribed", _reason(row.get("reason", "")) or suppress_all
    parts = [text for name in known.names if (text := row.get(name, ""))]
    name = one_line(unguarded(" ".join(parts)))[:MAX_NAME] if parts else ""
    return Incoming(
        address,
        name,
        status,
        suppressed,
        _first_instant(row, known.created),
        _ours_asks(row) if ours else _language(row.get(known.language, "").strip()),
        row.get("digest", "").strip() if ours else "",
    )


def _language(tag: str) -> Mapping[str, str | int | float]:
    return {"language": tag} if tag and is_language_tag(tag) else {}


def _first_instant(row: Row, columns: Sequence[str]) -> float | None:
    for column in columns:
        text = row.get(column, "")
        if text and (found := _instant(text.strip())) is not None:
            return found
    return None


@lru_cache(maxsize=65536)
def _instant(text: str) -> float | None:
    """ISO 8601, or ``2026-11-20 12:00:00``; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        return found.timestamp()
    except (OverflowError, ValueError):
        return None


def _ours_asks(row: Row) -> Mapping[str, str | int | float]:
    wishes = wishes_from_cells(row)
    return {} if wishes is None else {**wishes.kept("subscriber"), **wishes.kept("subscription")}


def bad_row(line: int, row: Row, error: Exception) -> BadRow:
    """Set a row aside, naming what is wrong with it."""
    reason = f"address: {error}" if isinstance(error, BadAddress) else str(error)
    return BadRow(line, one_line(reason)[:200], row)
