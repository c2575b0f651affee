"""Tokens in links: what opens what."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.lib.tokens import Keyring, Purpose, hash_secret, issue, new_secret, read

KEYS = Keyring((b"k" * 32,))
NUMBERS = st.lists(st.integers(0, 2**62), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(Purpose), NUMBERS)
def test_a_token_gives_back_its_numbers_for_its_own_purpose_only(purpose: Purpose, numbers: list[int]) -> None:
    token = issue(KEYS, purpose, *numbers)
    assert len(token) >= 22
    assert token.replace("-", "").replace("_", "").isalnum()
    for other in Purpose:
        assert read(KEYS, other, token, len(numbers)) == (tuple(numbers) if other is purpose else None)
    assert read(KEYS, purpose, token, len(numbers) + 1) is None


@settings(max_examples=200, deadline=None)
@given(NUMBERS, st.data())
def test_a_token_with_one_bit_changed_opens_nothing(numbers: list[int], data: st.DataObject) -> None:
    import base64

    token = issue(KEYS, Purpose.UNSUBSCRIBE, *numbers)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << place % 8
    assert read(KEYS, Purpose.UNSUBSCRIBE, base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), len(numbers)) is None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_rubbish_opens_nothing_and_raises_nothing(text: str) -> None:
    assert read(KEYS, Purpose.CONFIRM, text, 1) is None


def test_another_sites_key_opens_nothing() -> None:
    assert read(Keyring((b"x" * 32,)), Purpose.CONFIRM, issue(KEYS, Purpose.CONFIRM, 1), 1) is None


def test_an_old_key_still_opens_old_links_and_the_new_one_signs() -> None:
    both = Keyring((b"n" * 32, *KEYS.keys))
    assert read(both, Purpose.UNSUBSCRIBE, issue(KEYS, Purpose.UNSUBSCRIBE, 7), 1) == (7,)
    assert read(KEYS, Purpose.UNSUBSCRIBE, issue(both, Purpose.UNSUBSCRIBE, 7), 1) is None


def test_keys_are_never_shown() -> None:
    assert "kkk" not in repr(KEYS)


def test_secrets_are_stored_as_a_hash() -> None:
    secret = new_secret()
    assert len(secret) >= 43
    assert secret not in hash_secret(secret)
    assert hash_secret(secret) == hash_secret(secret)


def test_a_token_has_one_spelling_although_its_last_character_holds_bits_that_say_nothing() -> None:
    ring = Keyring((b"k" * 32,))
    token = issue(ring, Purpose.PREFERENCES, 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    opening = [last for last in alphabet if read(ring, Purpose.PREFERENCES, token[:-1] + last, 1) is not None]
    assert opening == [token[-1]]


def test_a_token_has_one_spelling_although_the_octet_that_names_the_key_is_not_signed() -> None:
    import base64

    raw = base64.urlsafe_b64decode(issue(KEYS, Purpose.PREFERENCES, 12345) + "==")
    spellings = (base64.urlsafe_b64encode(raw[:1] + bytes((octet,)) + raw[2:]).rstrip(b"=") for octet in range(256))
    opening = [text for text in spellings if read(KEYS, Purpose.PREFERENCES, text.decode(), 1) is not None]
    assert len(opening) == 1
