"""A new DKIM key: made here, kept in a file that its owner alone can read."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from publisher.errors import SiteError
from publisher.mail.dkim import MIN_BITS, Key


def make_key(selector: str, *, modern: bool = False) -> Key:
    """An RSA key of 2048 bits, which every receiver verifies; ``modern``: Ed25519 (RFC 8463), which some do."""
    if modern:
        return Key(selector, ed25519.Ed25519PrivateKey.generate())
    return Key(selector, rsa.generate_private_key(public_exponent=65537, key_size=MIN_BITS))


def save_key(key: Key, path: Path) -> None:
    """Write the private key as PEM (PKCS #8), mode 600.

    :raises SiteError: there is a file already, which may be in use; or it cannot be written.
    """
    text = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
    except FileExistsError:
        raise SiteError(f"{path} exists and may be in use; choose another --selector or --out") from None
    except OSError as error:
        raise SiteError(f"{path} cannot be written: {error.strerror}") from None


def zone_line(key: Key, domain: str) -> str:
    """The record as a zone file takes it: strings of at most 255 octets (RFC 1035 §3.3)."""
    record = key.dns_record()
    parts = " ".join(f'"{record[at : at + 250]}"' for at in range(0, len(record), 250))
    return f"{key.selector}._domainkey.{domain}. IN TXT ( {parts} )"
