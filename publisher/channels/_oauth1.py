"""OAuth 1.0a: signing a request with HMAC-SHA1 (RFC 5849 §3.4). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit


@dataclass(frozen=True, slots=True)
class Credentials:
    """The app's key pair and the account's."""

    key: str
    key_secret: str = field(repr=False)
    token: str
    token_secret: str = field(repr=False)


def authorization(method: str, url: str, credentials: Credentials, *, nonce: str, timestamp: int) -> tuple[str, str]:
    """``(value of the Authorization header, the signature in it)`` for a request whose body is not a form."""
    values = {
        "oauth_consumer_key": credentials.key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(timestamp),
        "oauth_token": credentials.token,
        "oauth_version": "1.0",
    }
    parts = urlsplit(url)
    pairs = [*values.items(), *parse_qsl(parts.query, keep_blank_values=True)]
    parameters = "&".join(f"{name}={value}" for name, value in sorted((_escape(n), _escape(v)) for n, v in pairs))
    base = "&".join(map(_escape, (method, f"{parts.scheme}://{parts.netloc}{parts.path}", parameters)))
    key = f"{_escape(credentials.key_secret)}&{_escape(credentials.token_secret)}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode()
    values["oauth_signature"] = signature
    return "OAuth " + ", ".join(f'{name}="{_escape(value)}"' for name, value in sorted(values.items())), signature


def _escape(value: str) -> str:
    return quote(value, safe="")


def nonce() -> str:
    """32 hex digits that nobody has used."""
    return secrets.token_hex(16)
