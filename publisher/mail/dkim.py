"""DKIM signatures (RFC 6376), rsa-sha256, and Ed25519 as a second one if asked (RFC 8463).

relaxed/relaxed, no ``l=``. ``From`` and every other field that a receiver trusts is *oversigned*: named once more
in ``h=`` than it occurs, so that nobody can add another one to a signed message. Both list headers of RFC 8058
are covered, which that RFC demands. The same message always gets the same signature: no time stamp, so a message
that is sent again is the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from publisher.errors import DeliveryError, SettingsError

MIN_BITS = 2048

#: Signed where present, and always named once more than present.
OVERSIGNED = ("from", "to", "subject", "date", "message-id", "reply-to", "cc", "mime-version", "content-type")
#: Signed where present.
SIGNED = ("list-id", "list-unsubscribe", "list-unsubscribe-post", "list-archive", "precedence", "feedback-id")

_WSP = re.compile(rb"[ \t]+")
_TRAILING = re.compile(rb"[ \t]+\r\n")
_UNFOLD = re.compile(rb"\r\n(?=[ \t])")

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Key:
    """A private key under its selector."""

    selector: str
    private: PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private, rsa.RSAPrivateKey) else "ed25519-sha256"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        # RFC 8463 section 3: Ed25519 signs the SHA-256 hash of the data.
        return self.private.sign(hashlib.sha256(data).digest())

    def dns_record(self) -> str:
        """The TXT record that belongs at ``<selector>._domainkey.<domain>``."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs messages for one domain with each of its keys."""

    domain: str
    keys: tuple[Key, ...]

    def sign(self, message: bytes) -> bytes:
        """``message`` with a DKIM-Signature of each key before it.

        :raises DeliveryError: permanent; the message has no empty line or not exactly one From.
        """
        head, separator, body = message.partition(b"\r\n\r\n")
        if not separator:
            raise DeliveryError("a message without an empty line after its headers cannot be signed", permanent=True)
        fields = _fields(head)
        if [name for name, _ in fields].count(b"from") != 1:
            raise DeliveryError("a message needs exactly one From to be signed", permanent=True)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
        names, canonical = _chosen(fields)
        return b"".join(self._signature(key, names, canonical, body_hash) for key in self.keys) + message

    def _signature(self, key: Key, names: bytes, canonical: bytes, body_hash: bytes) -> bytes:
        value = b"v=1; a=%s; c=relaxed/relaxed; d=%s; s=%s;\r\n h=%s;\r\n bh=%s;\r\n b=" % (
            key.algorithm.encode(),
            self.domain.encode(),
            key.selector.encode(),
            names,
            body_hash,
        )
        signature = base64.b64encode(key.sign(canonical + b"dkim-signature:" + _relaxed(value)))
        folded = b"\r\n ".join(signature[start : start + 72] for start in range(0, len(signature), 72))
        return b"DKIM-Signature: " + value + folded + b"\r\n"


def load_signers(*, domain: str, rsa: tuple[str, str] | None, ed25519: tuple[str, str] | None) -> Signer:
    """A signer from ``(selector, PEM)`` pairs.

    :raises SettingsError: a key cannot be read, is of the other kind, or has fewer than 2048 bits.
    """
    keys = []
    if rsa:
        keys.append(Key(rsa[0], _rsa(rsa[1])))
    if ed25519:
        keys.append(Key(ed25519[0], _ed25519(ed25519[1])))
    return Signer(domain, tuple(keys))


def _rsa(pem: str) -> rsa.RSAPrivateKey:
    key = _load(pem, "mail.dkim.key")
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SettingsError("mail.dkim.key: expected an RSA private key; make one with: masthead dkim new")
    if key.key_size < MIN_BITS:
        raise SettingsError(f"mail.dkim.key: has {key.key_size} bits; large receivers ask for {MIN_BITS} or more")
    return key


def _ed25519(pem: str) -> ed25519.Ed25519PrivateKey:
    key = _load(pem, "mail.dkim.ed25519_key")
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SettingsError(
            "mail.dkim.ed25519_key: expected an Ed25519 key; make one with: masthead dkim new --ed25519"
        )
    return key


def _load(pem: str, name: str) -> object:
    try:
        return serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError(f"{name}: expected a private key in PEM form without a pass phrase") from None


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4. Bodies of :mod:`publisher.mail.quoted_printable` need no work but at their end."""
    if b"  " in body or b"\t" in body or b" \r\n" in body:  # three searches are far faster than one pattern
        body = _WSP.sub(b" ", _TRAILING.sub(b"\r\n", body))
    end = len(body)
    while body.endswith(b"\r\n\r\n", 0, end):
        end -= 2
    body = body[:end]
    if body == b"\r\n":
        return b""
    return body if body.endswith(b"\r\n") or not body else body + b"\r\n"


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    fields = []
    for line in re.split(rb"\r\n(?![ \t])", head):
        name, colon, value = line.partition(b":")
        if not colon:
            raise DeliveryError("a header line without a name cannot be signed", permanent=True)
        fields.append((name.strip().lower(), value))
    return fields


def _chosen(fields: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """The value of ``h=``, folded, and the canonical form of what it names (RFC 6376 sections 3.7 and 5.4.2)."""
    names: list[bytes] = []
    canonical: list[bytes] = []
    for text in (*OVERSIGNED, *SIGNED):
        name = text.encode()
        # Instances are taken from the bottom up.
        for found, value in reversed(fields):
            if found == name:
                names.append(name)
                canonical.append(name + b":" + _relaxed(value) + b"\r\n")
        if text in OVERSIGNED:
            names.append(name)
    lines, line = [], b""
    for name in names:
        if len(line) + len(name) > 68:
            lines.append(line)
            line = b""
        line += (b":" if line or lines else b"") + name
    return b"\r\n ".join([*lines, line]), b"".join(canonical)


def _relaxed(value: bytes) -> bytes:
    return _WSP.sub(b" ", _UNFOLD.sub(b"", value)).strip(b" ")
