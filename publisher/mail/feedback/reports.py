"""A report: what it says, in the mail field's words, whoever brought it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from publisher.lib.text import one_line, shorten
from publisher.mail.smtp.replies import PERMANENT, TEMPORARY, cause_in_words
from publisher.mail.transport import Cause

_ADDRESS = re.compile(r"[^\s<>;:,\"]{1,64}@([A-Za-z0-9.-]{1,255})")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")


#: The source of reports that came as messages; every other is the name of a provider.
MAIL = "mail"


class Kind(StrEnum):
    BOUNCE = "bounce"  # RFC 3464: it was not delivered, or not yet
    COMPLAINT = "complaint"  # RFC 5965: the subscriber called it spam
    DOUBTFUL = "doubtful"  # a complaint that proves no more than that its sender had the message
    UNSUBSCRIBE = "unsubscribe"  # by mail, RFC 2369, or at the provider
    DELIVERED = "delivered"
    NOTHING = "nothing"  # genuine, and about nothing that we count


@dataclass(frozen=True, slots=True)
class Report:
    """One report about one message to one subscriber.

    :param subscriber_id: whom it is about; 0 where only ``address`` is known (a provider that proved itself).
    :param edition_id: which message; 0 where unknown.
    :param cause: for a bounce, whose matter it is; the same classes as for SMTP replies.
    :param status: enhanced status code (RFC 3463), empty where none was given.
    :param detail: the report's own words, one line, addresses masked.
    :param event_id: unique at its ``source``; empty where the source gives none.
    :param signature: what is signed in the event's place, and so is good for one event; empty where all is signed.
    :param at: when it happened, UTC epoch seconds; 0 where not told.
    """

    kind: Kind
    source: str
    subscriber_id: int = 0
    edition_id: int = 0
    address: str = ""
    cause: Cause = Cause.NONE
    status: str = ""
    detail: str = ""
    event_id: str = ""
    signature: str = ""
    at: float = 0.0

    @property
    def by_mail(self) -> bool:
        """Whether it came as a message; a provider's own report says what the receiving server told the provider."""
        return self.source == MAIL


def status_in(text: str) -> str:
    """The first enhanced status code in ``text``, normalised; empty where there is none."""
    found = _STATUS.search(text)
    return ".".join(str(int(part)) for part in found.groups()) if found else ""


def cause_of(status: str, words: str = "") -> Cause:
    """Whose matter a report is, by the table and the words of :mod:`publisher.mail.smtp.replies`.

    :param status: enhanced status code; empty where none was given, and then no words make an address dead.
    :param words: what the receiving server said; read where the status says no more than "no".
    """
    if status.startswith("5") and (told := cause_in_words(status, words)):
        return told
    for rule in (*PERMANENT, *TEMPORARY):
        if re.fullmatch(rule.status, status):
            # A relay in trouble (4.3.x) is, seen from a report, a mailbox that is not ready.
            return Cause.SOFT if rule.cause is Cause.RELAY else rule.cause
    return Cause.SOFT


def masked(text: str, limit: int = 200) -> str:
    """One line without the local part of any address: what may stand in a table and on the desk."""
    return shorten(_ADDRESS.sub(r"…@\1", one_line(text[:4000])), limit)
