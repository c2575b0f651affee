"""Amazon SES through SNS: an RSA signature by a certificate of AWS, from a topic that we allow.

Every AWS account can make valid signatures of AWS over what it likes. So the topic is checked against the
operator's list **before** anything is fetched, and both the certificate's and the confirmation's addresses must be
of ``sns.<region>.amazonaws.com`` in the region of that topic. Nothing else is ever requested.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import Field

from publisher.lib.tokens import Keyring
from publisher.mail.feedback import verp
from publisher.mail.feedback.reports import Kind, Report, cause_of, masked, status_in
from publisher.mail.feedback.webhooks._base import BaseProvider, Call, Fetch, Refused, check_time
from publisher.mail.transport import Cause
from publisher.settings.base import Table

#: The words of SES.
EVENTS = {"Bounce": Kind.BOUNCE, "Complaint": Kind.COMPLAINT, "Delivery": Kind.DELIVERED}
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_ARN = re.compile(r"arn:aws[a-z-]*:sns:([a-z]{2}(?:-[a-z]+)+-[0-9]):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{16,64}\.pem")


class SesOptions(Table):
    topics: tuple[str, ...] = Field(
        default=(), description="ARNs of the SNS topics that may report; none: the address does not exist."
    )


class Ses(BaseProvider):
    """Reports of SES through SNS; a topic's subscription is confirmed by itself."""

    Options: ClassVar[type[Table]] = SesOptions
    options: SesOptions

    @property
    def ready(self) -> bool:
        return bool(self.options.topics)

    def read(self, call: Call, now: float) -> list[Report]:
        found = read(call.body, topics=self.options.topics, fetch=self.fetch, keyring=self.keyring, now=now)
        if found.confirm_url:
            self.fetch(found.confirm_url)
        return list(found.reports)


PROVIDER = Ses


@dataclass(frozen=True, slots=True)
class Read:
    """The reports, or the address that confirms the subscription of our endpoint to one of our topics."""

    reports: tuple[Report, ...] = ()
    confirm_url: str = ""


def read(body: bytes, *, topics: Sequence[str], fetch: Fetch, keyring: Keyring, now: float) -> Read:
    """What one request reports.

    :param topics: the ARNs that may report.
    :raises Refused: another topic, no valid signature, not of this moment, or an address that is not SNS's.
    """
    try:
        data = json.loads(body)
        fields = {name: value for name, value in data.items() if isinstance(value, str)}
        kind, topic, version = fields["Type"], fields["TopicArn"], fields["SignatureVersion"]
        signature = base64.b64decode(fields["Signature"], validate=True)
        moment = datetime.fromisoformat(fields["Timestamp"]).timestamp()
        signed = "".join(f"{name}\n{fields[name]}\n" for name in _SIGNED[kind] if name in fields)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError, OverflowError):
        raise Refused("not the format of SNS") from None
    arn = _ARN.fullmatch(topic)
    if topic not in topics or arn is None:
        raise Refused("not one of our topics")
    check_time(moment, now)
    region = arn[1]
    certificate_url = _pinned(fields.get("SigningCertURL", ""), region)
    if not _CERTIFICATE_PATH.fullmatch(urlsplit(certificate_url).path):
        raise Refused("not a certificate of SNS")
    _verify(fetch(certificate_url), signed.encode(), signature, version)
    if kind == "SubscriptionConfirmation":
        url = _pinned(fields.get("SubscribeURL", ""), region)
        asked = parse_qs(urlsplit(url).query)
        if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [topic]:
            raise Refused("the confirmation is not of this topic")
        return Read(confirm_url=url)
    if kind != "Notification":
        return Read()
    return Read(tuple(_events(fields["Message"], fields["MessageId"], keyring)))


def _pinned(url: str, region: str) -> str:
    """``url`` when it is https, on SNS's own host of this region and the usual port; nothing else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("an address that is not SNS's") from None
    hosts = (f"sns.{region}.amazonaws.com", f"sns.{region}.amazonaws.com.cn")
    plain = parts.netloc == parts.hostname and not re.search(r"[\s\\@\x00-\x20]", url)
    if parts.scheme != "https" or parts.hostname not in hosts or port is not None or not plain or parts.fragment:
        raise Refused("an address that is not SNS's")
    return url


def _verify(pem: bytes, signed: bytes, signature: bytes, version: str) -> None:
    algorithm: hashes.HashAlgorithm
    if version == "2":
        algorithm = hashes.SHA256()
    elif version == "1":
        algorithm = hashes.SHA1()  # noqa: S303  what SNS signs with unless the topic asks for version 2
    else:
        raise Refused("an unknown version of signature")
    try:
        public = x509.load_pem_x509_certificate(pem).public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise Refused("the certificate holds no RSA key")
        public.verify(signature, signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        raise Refused("the signature does not fit") from None


def _events(text: str, message_id: str, keyring: Keyring) -> list[Report]:
    try:
        data = json.loads(text)
        word = str(data.get("eventType") or data.get("notificationType"))
    except (ValueError, AttributeError, RecursionError):
        return []
    kind = EVENTS.get(word)
    details = data.get(word.lower())
    if kind is None or not isinstance(details, dict):
        return []
    path = verp.find(keyring, _own_texts(data.get("mail")))
    who = details.get("bouncedRecipients") or details.get("complainedRecipients") or []
    if kind is Kind.DELIVERED:
        who = [{"emailAddress": one} for one in details.get("recipients") or []]
    found = []
    for number, one in enumerate(who[:50] if isinstance(who, list) else []):
        if not isinstance(one, dict):
            continue
        diagnostic = str(one.get("diagnosticCode") or "")
        status = status_in(str(one.get("status") or "")) or status_in(diagnostic)
        found.append(
            Report(
                kind,
                "ses",
                subscriber_id=path.subscriber_id if path else 0,
                edition_id=path.edition_id if path else 0,
                address=str(one.get("emailAddress") or "")[:320],
                cause=_cause(details, status, diagnostic) if kind is Kind.BOUNCE else Cause.NONE,
                status=status,
                detail=masked(diagnostic or str(details.get("complaintFeedbackType") or "")),
                event_id=f"{message_id}:{number}"[:200],
            )
        )
    return found


def _cause(details: dict[str, object], status: str, diagnostic: str) -> Cause:
    if details.get("bounceType") != "Permanent":
        return Cause.SOFT
    if details.get("bounceSubType") in ("NoEmail", "Suppressed", "OnAccountSuppressionList"):
        return Cause.DEAD
    return cause_of(status, diagnostic)


def _own_texts(mail: object) -> list[str]:
    """Where our own return path may stand in what SES repeats of the message."""
    if not isinstance(mail, dict):
        return []
    headers = mail.get("headers")
    texts = [str(mail.get("source") or "")]
    for one in headers[:100] if isinstance(headers, list) else []:
        if isinstance(one, dict) and str(one.get("name")).lower() in ("return-path", "list-unsubscribe"):
            texts.append(str(one.get("value")))
    return texts
