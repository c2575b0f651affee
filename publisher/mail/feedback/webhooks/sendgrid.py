"""SendGrid's signed event webhook: ECDSA P-256 over time stamp and body."""

from __future__ import annotations

import base64
import binascii
import json
from typing import ClassVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field

from publisher.mail.feedback.reports import Kind, Report, cause_of, masked, status_in
from publisher.mail.feedback.webhooks._base import MAX_REPORTS, BaseProvider, Call, Refused, check_time
from publisher.mail.transport import Cause
from publisher.settings.base import Table

SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"
#: SendGrid's words.
EVENTS = {
    "bounce": Kind.BOUNCE,
    "dropped": Kind.BOUNCE,
    "deferred": Kind.BOUNCE,
    "spamreport": Kind.COMPLAINT,
    "unsubscribe": Kind.UNSUBSCRIBE,
    "group_unsubscribe": Kind.UNSUBSCRIBE,
    "delivered": Kind.DELIVERED,
}


class SendGridOptions(Table):
    key: str = Field(default="", description="The verification key (public, base64).")


class SendGrid(BaseProvider):
    """Many reports a request."""

    Options: ClassVar[type[Table]] = SendGridOptions
    options: SendGridOptions

    @property
    def ready(self) -> bool:
        return bool(self.options.key)

    def read(self, call: Call, now: float) -> list[Report]:
        return read(
            call.body,
            signature=call.headers.get(SIGNATURE_HEADER, ""),
            timestamp=call.headers.get(TIMESTAMP_HEADER, ""),
            key=self.options.key,
            now=now,
        )


PROVIDER = SendGrid


def read(body: bytes, *, signature: str, timestamp: str, key: str, now: float) -> list[Report]:
    """The reports of one request.

    :param key: the verification key as SendGrid shows it: base64 of a DER public key.
    :raises Refused: not signed by that key, or not of this moment.
    """
    try:
        public = serialization.load_der_public_key(base64.b64decode(key, validate=True))
        given = base64.b64decode(signature, validate=True)
        moment = float(timestamp)
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused("no usable signature") from None
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise Refused("the verification key is not an elliptic curve's")
    try:
        public.verify(given, timestamp.encode("utf-8", "replace") + body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("the signature does not fit") from None
    check_time(moment, now)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("not SendGrid's format") from None
    if not isinstance(data, list):
        raise Refused("not SendGrid's format")
    return [found for one in data[:MAX_REPORTS] if isinstance(one, dict) and (found := _event(one))]


def _event(one: dict[str, object]) -> Report | None:
    word = str(one.get("event"))
    kind = EVENTS.get(word)
    if kind is None:
        return None
    words = str(one.get("reason") or one.get("response") or "")
    status = status_in(str(one.get("status") or "")) or status_in(words)
    cause = Cause.NONE
    if kind is Kind.BOUNCE:
        if word == "deferred":
            cause = Cause.SOFT
        elif word == "dropped":
            if not words.startswith(("Bounced Address", "Invalid", "Spam Reporting Address")):
                return None  # unsubscribed there, or no content: nothing about the mailbox
            cause = Cause.DEAD
        elif one.get("type") == "blocked":
            cause = cause_of(status, words)
            cause = Cause.SOFT if cause is Cause.DEAD else cause  # SendGrid itself does not call it a bounce
        else:
            cause = cause_of(status, words)
    return Report(
        kind,
        "sendgrid",
        address=str(one.get("email") or "")[:320],
        cause=cause,
        status=status,
        detail=masked(words),
        event_id=str(one.get("sg_event_id") or "")[:200],
    )
