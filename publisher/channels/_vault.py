"""Secrets: revealed when they are needed, and masked in whatever is shown afterwards."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, urlsplit

from publisher.errors import SettingsError
from publisher.settings.base import Secret

MASK = "***"


class Vault:
    """Reveals secrets when they are needed and masks whatever it has revealed, also encoded."""

    def __init__(self, site: Path | None = None, *, dry_run: bool = False) -> None:
        self._site = site
        self.dry_run = dry_run
        self._known: set[str] = set()

    def reveal(self, secret: Secret | None) -> str:
        """The secret; for a dry run the mask where it is not set.

        :raises SettingsError: it is not set; names only where it should be.
        """
        try:
            if secret is None:
                raise SettingsError("a secret is missing")
            value = secret.reveal(self._site)
        except SettingsError:
            if self.dry_run:
                return MASK
            raise
        return self.keep(value)

    def keep(self, value: str) -> str:
        """Mask ``value`` from now on: a session token is as secret as the password that bought it."""
        secrets = {value}
        if value.startswith(("http://", "https://")):  # a webhook: a request line shows its path alone
            path = urlsplit(value).path.strip("/")
            secrets |= {path, *path.rsplit("/", 1)[1:]}
        for secret in secrets:
            if len(secret) >= 4 and secret != MASK:
                encoded = base64.b64encode(secret.encode()).decode()
                self._known |= {secret, quote(secret, safe=""), encoded, json.dumps(secret)[1:-1]}
        return value

    def mask(self, text: str) -> str:
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def mask_bytes(self, data: bytes) -> bytes:
        for value in sorted(self._known, key=len, reverse=True):
            data = data.replace(value.encode(), MASK.encode())
        return data
