"""DKIM: another implementation verifies what we sign, and sees every change."""

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.errors import DeliveryError, SettingsError
from publisher.mail.dkim import Signer, load_signers, relaxed_body

MESSAGE = (
    b"From: The Slow Post <post@slow.example>\r\nTo: a@b.example\r\nSubject: One\r\n  two\tthree \r\n"
    b"Message-ID: <1@slow.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n"
    b"List-Unsubscribe: <https://slow.example/u/1>,\r\n <mailto:post@slow.example>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello  there \r\n\r\nend\r\n\r\n\r\n"
)


def pem(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return load_signers(
        domain="slow.example",
        rsa=("rsa1", pem(rsa.generate_private_key(65537, 2048))),
        ed25519=("ed1", pem(ed25519.Ed25519PrivateKey.generate())),
    )


def verifies(signer: Signer, message: bytes, index: int = 0) -> bool:
    records = {f"{key.selector}._domainkey.{signer.domain}.": key.dns_record().encode() for key in signer.keys}
    try:
        return dkim.DKIM(message).verify(idx=index, dnsfunc=lambda name, timeout=5: records[name.decode()])
    except dkim.ValidationError:
        return False


@pytest.mark.parametrize("index", [0, 1])
def test_both_signatures_verify_with_dkimpy(signer, index):
    assert verifies(signer, signer.sign(MESSAGE), index)


def test_rsa_with_sha256_comes_first_and_ed25519_second(signer):
    head = signer.sign(MESSAGE).split(b"\r\nFrom:")[0]
    assert head.count(b"DKIM-Signature:") == 2
    assert head.index(b"a=rsa-sha256") < head.index(b"a=ed25519-sha256")
    assert b" l=" not in head


@pytest.mark.parametrize("name", ["From", "Subject", "To", "Date", "Message-ID", "Reply-To", "Content-Type"])
def test_a_header_added_to_a_signed_message_breaks_the_signature(signer, name):
    signed = signer.sign(MESSAGE)
    at = signed.index(b"From: The")
    assert not verifies(signer, signed[:at] + name.encode() + b": x <evil@evil.example>\r\n" + signed[at:])


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"u/1>", b"u/2>"), (b"One-Click", b"Two-Click"), (b"Hello", b"Hallo"), (b"<mailto:post@", b"<mailto:past@")],
)
def test_a_change_of_the_body_or_of_a_list_header_breaks_the_signature(signer, before, after):
    assert not verifies(signer, signer.sign(MESSAGE).replace(before, after))


def test_the_same_message_always_gets_the_same_signature(signer):
    assert signer.sign(MESSAGE) == signer.sign(MESSAGE)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"x", b"y z"]), max_size=30).map(b"".join))
def test_the_relaxed_body_is_the_one_that_dkimpy_makes(body):
    body += b"\r\n"
    assert relaxed_body(body) == dkim.canonicalization.Relaxed.canonicalize_body(body)


def test_a_message_without_exactly_one_from_is_not_signed(signer):
    for message in (b"To: a@b.example\r\n\r\nx", b"From: a@b\r\nFrom: c@d\r\n\r\nx", b"From: a@b\r\n"):
        with pytest.raises(DeliveryError):
            signer.sign(message)


def test_a_key_that_is_weak_or_of_the_wrong_kind_is_refused_without_showing_it():
    weak = pem(rsa.generate_private_key(65537, 1024))
    with pytest.raises(SettingsError, match="1024 bits"):
        load_signers(domain="a.example", rsa=("s", weak), ed25519=None)
    with pytest.raises(SettingsError, match="RSA"):
        load_signers(domain="a.example", rsa=("s", pem(ed25519.Ed25519PrivateKey.generate())), ed25519=None)
    with pytest.raises(SettingsError, match="PEM") as caught:
        load_signers(domain="a.example", rsa=("s", "hunter2"), ed25519=None)
    assert "hunter2" not in str(caught.value)


def test_a_key_never_stands_in_a_repr(signer):
    assert "PRIVATE" not in repr(signer)
    assert "object at" not in repr(signer.keys[0])
