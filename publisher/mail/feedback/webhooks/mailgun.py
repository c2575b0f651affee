"""Mailgun's webhooks: HMAC-SHA256 over time stamp and token, with the account's signing key.

The event itself is not signed. A token is therefore spent by the first event that comes with it, also by one that is
not counted: with a signature that was seen once, no other event is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import ClassVar

from pydantic import Field

from publisher.mail.feedback.reports import Kind, Report, cause_of, masked, status_in
from publisher.mail.feedback.webhooks._base import BaseProvider, Call, Refused, check_time
from publisher.mail.transport import Cause
from publisher.settings.base import Secret, Table

#: Mailgun's words.
EVENTS = {
    "failed": Kind.BOUNCE,
    "complained": Kind.COMPLAINT,
    "unsubscribed": Kind.UNSUBSCRIBE,
    "delivered": Kind.DELIVERED,
}


class MailgunOptions(Table):
    key: Secret | None = Field(default=None, description="The HTTP webhook signing key.")


class Mailgun(BaseProvider):
    """One report a request."""

    Options: ClassVar[type[Table]] = MailgunOptions
    options: MailgunOptions

    @property
    def ready(self) -> bool:
        return self.options.key is not None

    def read(self, call: Call, now: float) -> list[Report]:
        key = self.options.key
        return read(call.body, key=key.reveal(self.site) if key else "", now=now)


PROVIDER = Mailgun


def read(body: bytes, *, key: str, now: float) -> list[Report]:
    """The report of one request.

    :param key: the HTTP webhook signing key.
    :param now: UTC epoch seconds.
    :raises Refused: not signed with the key, or not of this moment.
    """
    try:
        data = json.loads(body)
        signature = data["signature"]
        stamp, token, given = str(signature["timestamp"]), str(signature["token"]), str(signature["signature"])
        event = data["event-data"]
        moment = float(stamp)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("not Mailgun's format") from None
    expected = hmac.new(key.encode(), (stamp + token).encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    if not key or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise Refused("the signature does not fit")
    check_time(moment, now)
    signed = (stamp + token)[:200]  # as one: what ends the one and begins the other is not signed
    return [_event(event if isinstance(event, dict) else {}, token, signed=signed)]


def _event(event: dict[str, object], token: str, *, signed: str) -> Report:
    kind = EVENTS.get(str(event.get("event")), Kind.NOTHING)
    told = event.get("delivery-status")
    status = told if isinstance(told, dict) else {}
    words = str(status.get("message") or status.get("description") or event.get("reason") or "")
    enhanced = status_in(str(status.get("enhanced-code") or "")) or status_in(words)
    cause = Cause.NONE
    if kind is Kind.BOUNCE:
        permanent = event.get("severity") == "permanent"
        cause = cause_of(enhanced, words) if permanent else Cause.SOFT
        if permanent and event.get("reason") == "suppress-bounce":
            cause = Cause.DEAD  # Mailgun's own list: the address was refused before
    return Report(
        kind,
        "mailgun",
        address=str(event.get("recipient") or "")[:320],
        cause=cause,
        status=enhanced,
        detail=masked(words),
        event_id=str(event.get("id") or token)[:200],
        signature=signed,
    )
