"""What providers report: only what is signed, of this moment, and ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from publisher.lib.tokens import Keyring
from publisher.mail.feedback import Kind, verp
from publisher.mail.feedback.webhooks import Refused, mailgun, postmark, sendgrid, ses
from publisher.mail.transport import Cause

NOW = 1_800_000_000.0
KEYS = Keyring((b"k" * 32,))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"


# -- Mailgun


def mailgun_body(event: dict, *, key: str = "secret", stamp: float = NOW, token: str = "t" * 50) -> bytes:
    signature = hmac.new(key.encode(), f"{int(stamp)}{token}".encode(), hashlib.sha256).hexdigest()
    return json.dumps(
        {"signature": {"timestamp": str(int(stamp)), "token": token, "signature": signature}, "event-data": event}
    ).encode()


FAILED = {
    "event": "failed",
    "severity": "permanent",
    "id": "G9Bn5sl1TC6nu79C8C0bwg",
    "recipient": "ada@example.org",
    "delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": "no such user ada@example.org"},
}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, Cause.DEAD),
        ({"severity": "temporary"}, Cause.SOFT),
        ({"delivery-status": {"enhanced-code": "5.7.1", "message": "policy"}}, Cause.OURS),
        ({"delivery-status": {"message": "552 5.2.2 full"}}, Cause.SOFT),
        ({"delivery-status": None}, Cause.SOFT),
        ({"delivery-status": {}, "reason": "suppress-bounce"}, Cause.DEAD),
    ],
)
def test_mailgun_failures_are_classed_by_what_they_say(change, cause) -> None:
    (found,) = mailgun.read(mailgun_body({**FAILED, **change}), key="secret", now=NOW)
    assert (found.kind, found.cause, found.address) == (Kind.BOUNCE, cause, "ada@example.org")
    assert "ada@" not in found.detail


@pytest.mark.parametrize(
    "body",
    [
        mailgun_body(FAILED, key="other"),
        mailgun_body(FAILED, stamp=NOW - 301),
        mailgun_body(FAILED, stamp=NOW + 301),
        b"{}",
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        mailgun_body(FAILED).replace(b'"signature": "', b'"signature": "\xc3\xa9'),
    ],
)
def test_mailgun_reports_that_are_not_genuine_are_refused(body) -> None:
    with pytest.raises(Refused):
        mailgun.read(body, key="secret", now=NOW)


def test_an_empty_mailgun_key_opens_nothing() -> None:
    with pytest.raises(Refused):
        mailgun.read(mailgun_body(FAILED, key=""), key="", now=NOW)


def test_mailgun_complaints_and_the_rest() -> None:
    for word, kind in mailgun.EVENTS.items():
        (found,) = mailgun.read(mailgun_body({"event": word, "recipient": "a@b.example"}), key="secret", now=NOW)
        assert found.kind is kind
    (found,) = mailgun.read(mailgun_body({"event": "opened"}), key="secret", now=NOW)
    assert found.kind is Kind.NOTHING
    assert found.signature


# -- Postmark


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def postmark_read(data: object, authorization: str = basic("hook", "secret")):
    return postmark.read(json.dumps(data).encode(), authorization=authorization, username="hook", password="secret")


@pytest.mark.parametrize(("kind", "cause"), [(k, c) for k, c in postmark.BOUNCES.items() if c is not Cause.NONE])
def test_postmark_bounces_are_classed_by_the_table(kind, cause) -> None:
    (found,) = postmark_read({"RecordType": "Bounce", "Type": kind, "ID": 42, "Email": "ada@example.org"})
    assert (found.kind, found.cause, found.event_id) == (Kind.BOUNCE, cause, "Bounce:42:")


def test_postmark_vacation_notes_report_nothing_and_policy_is_not_the_mailbox() -> None:
    assert postmark_read({"RecordType": "Bounce", "Type": "AutoResponder", "Email": "a@b.example"}) == []
    policy = {"RecordType": "Bounce", "Type": "HardBounce", "Email": "a@b.example", "Details": "550 5.7.26 refused"}
    assert postmark_read(policy)[0].cause is Cause.OURS
    assert postmark_read({"RecordType": "SpamComplaint", "Email": "a@b.example"})[0].kind is Kind.COMPLAINT


@pytest.mark.parametrize(
    "authorization", ["", "Basic", basic("hook", "wrong"), basic("", ""), "Bearer x", "Basic \xff"]
)
def test_postmark_needs_user_and_password(authorization) -> None:
    with pytest.raises(Refused):
        postmark_read({"RecordType": "Bounce"}, authorization)


# -- SendGrid

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


def sendgrid_read(events: object, *, stamp: float = NOW, private=PRIVATE, tamper: bytes = b"", key: str = PUBLIC):
    body = json.dumps(events).encode()
    timestamp = str(int(stamp))
    signature = base64.b64encode(private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    return sendgrid.read(body + tamper, signature=signature, timestamp=timestamp, key=key, now=NOW)


def test_sendgrid_events_are_read_in_one_request() -> None:
    found = sendgrid_read(
        [
            {"event": "bounce", "type": "bounce", "status": "5.1.1", "email": "a@b.example", "sg_event_id": "1"},
            {"event": "bounce", "type": "blocked", "status": "5.1.1", "email": "a@b.example", "sg_event_id": "2"},
            {"event": "bounce", "type": "bounce", "reason": "550 5.7.1 policy", "email": "a@b.example"},
            {"event": "deferred", "email": "a@b.example"},
            {"event": "dropped", "reason": "Bounced Address", "email": "a@b.example"},
            {"event": "dropped", "reason": "Unsubscribed Address", "email": "a@b.example"},
            {"event": "spamreport", "email": "a@b.example"},
            {"event": "open", "email": "a@b.example"},
            "nonsense",
        ]
    )
    causes = [Cause.DEAD, Cause.SOFT, Cause.OURS, Cause.SOFT, Cause.DEAD, Cause.NONE]
    assert [one.cause for one in found] == causes
    assert found[-1].kind is Kind.COMPLAINT


def test_sendgrid_reports_that_are_not_genuine_are_refused() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    for values in (
        {"private": other},
        {"stamp": NOW - 301},
        {"tamper": b" "},
        {"key": ""},
        {"key": "AAAA"},
    ):
        with pytest.raises(Refused):
            sendgrid_read([{"event": "spamreport", "email": "a@b.example"}], **values)
    with pytest.raises(Refused):
        sendgrid.read(b"[]", signature="é", timestamp="now", key=PUBLIC, now=NOW)
    with pytest.raises(Refused):
        sendgrid_read({"event": "bounce"})


# -- SES

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(private=RSA) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3000))
        .sign(private, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


CERTIFICATE = certificate()


def sns(message: object, *, private=RSA, **more: str) -> bytes:
    """A request of SNS, signed as its documentation says."""
    fields = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": json.dumps(message),
        "Timestamp": datetime.fromtimestamp(NOW, UTC).isoformat().replace("+00:00", "Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **more,
    }
    names = ses._SIGNED.get(fields["Type"], ())
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    algorithm = hashes.SHA1() if fields["SignatureVersion"] == "1" else hashes.SHA256()
    signature = private.sign(text.encode(), padding.PKCS1v15(), algorithm)
    fields["Signature"] = base64.b64encode(signature).decode()
    return json.dumps(fields).encode()


class Net:
    """Answers for the certificate's address and remembers every request."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return CERTIFICATE


def ses_read(body: bytes, net: Net | None = None) -> ses.Read:
    return ses.read(body, topics=[TOPIC], fetch=net or Net(), keyring=KEYS, now=NOW)


def bounce(**details: object) -> dict:
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": "ada@example.org", "status": "5.1.1", "diagnosticCode": "550 no"}],
            **details,
        },
        "mail": {"source": verp.bounce_address(KEYS, "bounce.example", 7, 3)},
    }


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_bounce_of_ses_names_its_subscriber_by_our_return_path(version) -> None:
    (found,) = ses_read(sns(bounce(), SignatureVersion=version)).reports
    assert (found.kind, found.cause, found.subscriber_id, found.edition_id) == (Kind.BOUNCE, Cause.DEAD, 7, 3)


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        ({"bounceType": "Transient"}, Cause.SOFT),
        ({"bounceSubType": "NoEmail", "bouncedRecipients": [{"emailAddress": "a@b.example"}]}, Cause.DEAD),
        ({"bouncedRecipients": [{"emailAddress": "a@b.example", "diagnosticCode": "smtp; 554 5.7.1 x"}]}, Cause.OURS),
        ({"bouncedRecipients": [{"emailAddress": "a@b.example"}]}, Cause.SOFT),
    ],
)
def test_bounces_of_ses_are_classed_by_what_they_say(details, cause) -> None:
    assert ses_read(sns(bounce(**details))).reports[0].cause is cause


def test_a_complaint_of_ses_and_a_subject_in_the_signature() -> None:
    message = {"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "a@b.example"}]}}
    (found,) = ses_read(sns(message, Subject="Amazon SES")).reports
    assert (found.kind, found.address, found.event_id) == (Kind.COMPLAINT, "a@b.example", "m-1:0")


def test_the_confirmation_of_our_own_topic_is_answered_at_snss_own_address() -> None:
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=x"
    body = sns({}, Type="SubscriptionConfirmation", Token="x", SubscribeURL=url)
    assert ses_read(body).confirm_url == url


BAD_URLS = [
    "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
    "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
    "https://evil.example\\@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-west-1.amazonaws.com:x/SimpleNotificationService-0123456789abcdef.pem",
    "https://s3.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-0123456789abcdef.pem",
    "https://sns.eu-west-1.amazonaws.com/../x/SimpleNotificationService-0123456789abcdef.pem",
    "https://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "",
    "https://[",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_no_request_ever_goes_to_an_address_that_is_not_snss(url) -> None:
    net = Net()
    with pytest.raises(Refused):
        ses_read(sns(bounce(), SigningCertURL=url), net)
    assert net.asked == []
    confirm = url.replace("SimpleNotificationService-0123456789abcdef.pem", "?Action=ConfirmSubscription")
    with pytest.raises(Refused):
        ses_read(sns({}, Type="SubscriptionConfirmation", Token="x", SubscribeURL=confirm), net)
    assert net.asked == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "body",
    [
        sns(bounce(), TopicArn="arn:aws:sns:eu-west-1:999999999999:bounces"),
        sns(bounce(), TopicArn=TOPIC + "x"),
        sns(bounce(), Timestamp="2020-01-01T00:00:00Z"),
        sns(bounce(), Timestamp="yesterday"),
        sns(bounce(), Type="Surprise"),
        b"{}",
        b"[]",
        b"\xff",
        b"{" * 50_000,
    ],
)
def test_a_foreign_topic_an_old_report_or_garbage_costs_no_request(body) -> None:
    net = Net()
    with pytest.raises(Refused):
        ses_read(body, net)
    assert net.asked == []


def test_a_report_that_another_key_signed_or_that_was_changed_is_refused() -> None:
    with pytest.raises(Refused):
        ses_read(sns(bounce(), private=OTHER_RSA))
    with pytest.raises(Refused):
        ses_read(sns(bounce()).replace(b"ada@example.org", b"bob@example.org"))
    with pytest.raises(Refused):
        ses_read(sns(bounce(), SignatureVersion="3"))


def test_mutated_requests_raise_nothing_else() -> None:
    rng = random.Random(3)
    good = {
        "mailgun": mailgun_body(FAILED),
        "ses": sns(bounce()),
        "postmark": json.dumps({"RecordType": "Bounce", "Type": "HardBounce", "Email": "a@b.example"}).encode(),
    }
    for _ in range(3000):
        kind = rng.choice(list(good))
        raw = bytearray(good[kind])
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(raw))
            raw[place : place + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 3))
        body = bytes(raw)
        try:
            if kind == "mailgun":
                mailgun.read(body, key="secret", now=NOW)
            elif kind == "ses":
                ses_read(body)
            else:
                postmark.read(body, authorization=basic("h", "s"), username="h", password="s")
        except Refused:
            pass
