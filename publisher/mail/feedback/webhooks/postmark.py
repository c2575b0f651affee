"""Postmark's webhooks: basic authentication, an id for each record."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import ClassVar

from pydantic import Field

from publisher.mail.feedback.reports import Kind, Report, cause_of, masked, status_in
from publisher.mail.feedback.webhooks._base import BaseProvider, Call, Refused
from publisher.mail.transport import Cause
from publisher.settings.base import Secret, Table

#: Postmark's bounce types.
BOUNCES = {
    "HardBounce": Cause.DEAD,
    "BadEmailAddress": Cause.DEAD,
    "ManuallyDeactivated": Cause.DEAD,
    "SoftBounce": Cause.SOFT,
    "Transient": Cause.SOFT,
    "DnsError": Cause.SOFT,
    "Undeliverable": Cause.SOFT,
    "Unknown": Cause.SOFT,
    "ChallengeVerification": Cause.NONE,
    "AutoResponder": Cause.NONE,
    "AddressChange": Cause.NONE,
    "OpenRelayTest": Cause.NONE,
    "Blocked": Cause.OURS,
    "DMARCPolicy": Cause.OURS,
    "SMTPApiError": Cause.OURS,
    "TemplateRenderingFailed": Cause.OURS,
    "InboundError": Cause.OURS,
    "VirusNotification": Cause.OURS,
}


class PostmarkOptions(Table):
    username: str = Field(default="", description="User name of the webhook (basic auth); you choose it.")
    password: Secret | None = Field(default=None, description="Password of the webhook; you choose it.")


class Postmark(BaseProvider):
    """One report a request."""

    Options: ClassVar[type[Table]] = PostmarkOptions
    options: PostmarkOptions

    @property
    def ready(self) -> bool:
        return self.options.password is not None

    def read(self, call: Call, now: float) -> list[Report]:
        secret = self.options.password
        return read(
            call.body,
            authorization=call.headers.get("authorization", ""),
            username=self.options.username,
            password=secret.reveal(self.site) if secret else "",
        )


PROVIDER = Postmark


def read(body: bytes, *, authorization: str, username: str, password: str) -> list[Report]:
    """The report of one request.

    :param authorization: the request's ``Authorization`` header.
    :raises Refused: user or password are wrong, or it is not Postmark's format.
    """
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    expected = f"{username}:{password}".encode()
    if scheme.lower() != "basic" or not password or not hmac.compare_digest(given, expected):
        raise Refused("user or password are wrong")
    try:
        data = json.loads(body)
        record = str(data["RecordType"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("not Postmark's format") from None
    address = str(data.get("Email") or data.get("Recipient") or "")[:320]
    words = masked(f"{data.get('Description') or ''} {data.get('Details') or ''}")
    status = status_in(str(data.get("Details") or ""))
    event_id = f"{record}:{data.get('ID') or data.get('MessageID') or ''}:{data.get('ChangedAt') or ''}"[:200]
    if record == "SpamComplaint" or data.get("Type") in ("SpamNotification", "SpamComplaint"):
        return [Report(Kind.COMPLAINT, "postmark", address=address, detail=words, event_id=event_id)]
    if record == "Bounce":
        kind = str(data.get("Type"))
        if kind in ("Unsubscribe", "Subscribe"):
            left = [Report(Kind.UNSUBSCRIBE, "postmark", address=address, event_id=event_id)]
            return left if kind == "Unsubscribe" else []
        cause = BOUNCES.get(kind, Cause.SOFT)
        if cause is Cause.NONE:
            return []
        # Postmark calls policy refusals hard bounces, too: the enhanced status knows better.
        if cause is Cause.DEAD and status and cause_of(status) is Cause.OURS:
            cause = Cause.OURS
        return [
            Report(
                Kind.BOUNCE, "postmark", address=address, cause=cause, status=status, detail=words, event_id=event_id
            )
        ]
    if record == "SubscriptionChange" and data.get("SuppressSending") is True:
        kind_of = {"SpamComplaint": Kind.COMPLAINT, "ManualSuppression": Kind.UNSUBSCRIBE}
        found = kind_of.get(str(data.get("SuppressionReason")))
        return [Report(found, "postmark", address=address, event_id=event_id)] if found else []
    return []
