"""The personal links of a digest."""

from publisher.lib import links
from publisher.lib.tokens import Keyring, Purpose, read

KEYS = Keyring((b"k" * 32,))
BASE = "https://slow.example"


def token(url: str, what: str) -> str:
    before, _, found = url.rpartition("/")
    assert before == f"{BASE}/{what}"
    return found


def test_each_link_opens_its_own_purpose_and_no_other():
    unsubscribe = token(links.unsubscribe_url(BASE, KEYS, 7, 3), "unsubscribe")
    preferences = token(links.preferences_url(BASE, KEYS, 7), "preferences")
    view = token(links.web_version_url(BASE, KEYS, 3, 1), "view")
    assert read(KEYS, Purpose.UNSUBSCRIBE, unsubscribe, 2) == (7, 3)
    assert read(KEYS, Purpose.PREFERENCES, preferences, 1) == (7,)
    assert read(KEYS, Purpose.WEB_VERSION, view, 2) == (3, 1)
    assert read(KEYS, Purpose.PREFERENCES, unsubscribe, 2) is None


def test_an_unsubscribe_link_is_long_enough_not_to_be_guessed():
    assert len(token(links.unsubscribe_url(BASE, KEYS, 1), "unsubscribe")) >= 22
