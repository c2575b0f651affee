"""Links that stand in a subscriber's mails: made and read with the site's keys.

They hold ids, never an address (:mod:`publisher.lib.tokens`). The one for unsubscribing does not expire.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from publisher.lib.tokens import Keyring, Purpose, issue, read
from publisher.settings import Settings
from publisher.store import Store, keys, signups

CONFIRM_SECONDS = signups.KEPT_SECONDS

_keyrings: WeakKeyDictionary[Store, Keyring] = WeakKeyDictionary()


def keyring_of(store: Store) -> Keyring:
    """The site's keys; read from the database once a process."""
    if store not in _keyrings:
        with store.begin() as tx:
            _keyrings[store] = keys.keyring(tx)
    return _keyrings[store]


def confirm_url(settings: Settings, keyring: Keyring, signup_id: int, created: float) -> str:
    expires = int(created + CONFIRM_SECONDS)
    return f"{settings.publication.base_url}/confirm/{issue(keyring, Purpose.CONFIRM, signup_id, expires)}"


def subscriber_behind(store: Store, purpose: Purpose, token: str) -> int | None:
    """The subscriber's id in a preferences or unsubscribe link; ``None`` when it is not genuine."""
    numbers = read(keyring_of(store), purpose, token, 2 if purpose is Purpose.UNSUBSCRIBE else 1)
    return None if numbers is None else numbers[0]


def edition_behind(store: Store, token: str) -> int:
    """The edition whose message an unsubscribe link stood in; 0 where it names none, or is not genuine."""
    numbers = read(keyring_of(store), Purpose.UNSUBSCRIBE, token, 2)
    return 0 if numbers is None else numbers[1]
