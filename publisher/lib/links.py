"""The personal links of a digest: one subscriber, one purpose, no address in them, nothing to log in to.

Each is ``{base_url}/<what>/<token>``; the token is opaque, bound to its purpose and checked by its MAC
(:mod:`publisher.lib.tokens`). The unsubscribe link is RFC 8058's: it never expires, and opening it changes nothing.
"""

from __future__ import annotations

from publisher.lib.tokens import Keyring, Purpose, issue

#: Subscriber and edition of a test message: ids begin at 1, so its links are genuine and about nobody.
NOBODY = 0
UNSUBSCRIBE = "unsubscribe"
PREFERENCES = "preferences"
WEB_VERSION = "view"


def unsubscribe_url(base_url: str, keyring: Keyring, subscriber_id: int, edition_id: int = 0) -> str:
    """Ends the subscription: GET asks, POST does it (RFC 8058)."""
    return f"{base_url}/{UNSUBSCRIBE}/{issue(keyring, Purpose.UNSUBSCRIBE, subscriber_id, edition_id)}"


def preferences_url(base_url: str, keyring: Keyring, subscriber_id: int) -> str:
    """Everything this subscriber can decide, behind one link."""
    return f"{base_url}/{PREFERENCES}/{issue(keyring, Purpose.PREFERENCES, subscriber_id)}"


def web_version_url(base_url: str, keyring: Keyring, edition_id: int, variant: int) -> str:
    """The same digest as a page, with nothing personal in it."""
    return f"{base_url}/{WEB_VERSION}/{issue(keyring, Purpose.WEB_VERSION, edition_id, variant)}"
