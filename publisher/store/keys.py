"""The keyring of the site's links and return paths; made by the database at the first call."""

from __future__ import annotations

from sqlalchemy import Connection

from publisher.lib.tokens import Keyring
from publisher.store import meta


def keyring(tx: Connection) -> Keyring:
    """The keys that sign our links, newest first. ``tx`` may be a reading one once they exist."""
    return Keyring((meta.secret_key(tx, "links"),))
