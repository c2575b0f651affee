"""Every golden edition goes before two DKIM verifiers and a spam filter."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.mail import headers
from publisher.mail.dkim import Key, Signer
from tests.conftest import absent
from tests.golden_editions import Golden, golden_editions

pytestmark = pytest.mark.server

GOLDEN = golden_editions()


@cache
def signer(domain: str) -> Signer:
    return Signer(
        domain,
        (
            Key("rsa1", rsa.generate_private_key(65537, 2048)),
            Key("ed1", ed25519.Ed25519PrivateKey.generate()),
        ),
    )


def message(golden: Golden) -> bytes:
    return golden.compose().compiled.message(golden.recipient)


def signed(golden: Golden) -> tuple[Signer, bytes]:
    domain = golden.settings.sender.address.rpartition("@")[2]
    return signer(domain), signer(domain).sign(message(golden))


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        absent(name)
    return found


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_both_signatures_of_every_golden_edition_verify_with_dkimpy(golden):
    by, raw = signed(golden)
    records = {f"{key.selector}._domainkey.{by.domain}.": key.dns_record().encode() for key in by.keys}
    for index in range(2):
        assert dkim.DKIM(raw).verify(idx=index, dnsfunc=lambda name, timeout=5: records[name.decode()])


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_the_rsa_signature_of_every_golden_edition_verifies_with_opendkim(golden, tmp_path):
    opendkim = program("opendkim")
    by, raw = signed(golden)
    (tmp_path / "keys").write_text(
        "".join(f"{key.selector}._domainkey.{by.domain} {key.dns_record()}\n" for key in by.keys), encoding="ascii"
    )
    (tmp_path / "opendkim.conf").write_text(
        f"Mode v\nTestPublicKeys {tmp_path}/keys\nSyslog no\nAlwaysAddARHeader yes\nAuthservID test\n", encoding="ascii"
    )

    def judged(data: bytes) -> str:
        path = tmp_path / "message.eml"
        path.write_bytes(data.replace(b"\r\n", b"\n"))
        command = [opendkim, "-x", str(tmp_path / "opendkim.conf"), "-t", str(path), "-v"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return re.sub(r"\s+", " ", done.stdout)

    assert f"verification (s=rsa1, d={by.domain}, 2048-bit key) succeeded" in judged(raw)
    tampered = raw.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: x=y")
    assert "failed: signature verification failed" in judged(tampered)


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_spamassassin_scores_every_golden_edition_at_most_zero(golden, tmp_path):
    done = subprocess.run(
        [program("spamassassin"), "--local", "--test-mode"],
        input=message(golden),
        capture_output=True,
        timeout=110,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    report = done.stdout.decode("utf-8", "replace")
    status = re.search(r"X-Spam-Status: \w+, score=(-?[\d.]+).*?tests=([\s\S]*?) autolearn", report)
    assert status, report[:500]
    assert float(status.group(1)) <= 0, status.group(2)


_TOKENS = (
    "=?utf-8?q?=0ABcc:_e?=", "=?", "?=", "\r\n", "\n ", "\r", "\u2028", "\x85", "\x00", "\ud800", "Bcc: e", "<", ">",
    '"', ",", "@", "\\", "(", ";", " ", "é", "مرحبا", "x" * 80, "a",
)  # fmt: skip


def _check_headers_of(value: str) -> None:
    name = headers.phrase(value, used=9)
    block = headers.header_block(
        (
            ("From", headers.mailbox(value, "post@slow.example")),
            ("Subject", headers.unstructured(value)),
            ("List-Id", name + b"\r\n <digest.slow.example>" if name else b"<digest.slow.example>"),
        )
    )
    assert block.isascii()
    lines = block.removesuffix(b"\r\n").split(b"\r\n")
    assert [line.partition(b":")[0] for line in lines if not line.startswith(b" ")] == [b"From", b"Subject", b"List-Id"]
    assert re.search(rb"[\x00-\x1f\x7f]", b"".join(lines)) is None
    sender = block.partition(b"\r\nSubject:")[0]
    assert sender.endswith((b"<post@slow.example>", b"From: post@slow.example"))


@settings(max_examples=2_000, deadline=None, database=None)
@given(st.integers(min_value=0))
def test_a_hundred_thousand_titles_names_and_tags_make_no_header_that_is_not_ours(seed):
    # Fifty values an example: Hypothesis chooses the seeds, because drawing each token through it takes minutes.
    source = random.Random(seed)
    for _ in range(50):
        _check_headers_of("".join(source.choices(_TOKENS, k=source.randrange(8))))
