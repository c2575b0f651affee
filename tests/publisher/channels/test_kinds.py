"""What single kinds promise in their options."""

from __future__ import annotations

import base64

import pytest

from publisher.channels import load
from publisher.channels.webhook import key_of, sign
from publisher.errors import SettingsError


def test_linkedins_version_is_one_that_was_seen_not_a_guess() -> None:
    assert load("linkedin").Options().version == "202607"  # type: ignore[attr-defined]


@pytest.mark.parametrize("scope", ["tweet.read", "tweet.write", "users.read", "media.write"])
def test_the_scopes_that_x_needs_are_named(scope: str) -> None:
    assert scope in str(load("x").Options.model_fields["token"].description)


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("fifteen-bytes-x", "too short: expected a key of 16 bytes"),
        ("whsec_" + base64.b64encode(b"fifteen-bytes-x").decode(), "too short: expected a key of 16 bytes"),
        ("whsec_not/base64!", "not base64"),
    ],
)
def test_a_webhooks_secret_that_cannot_sign_is_a_fault_of_the_settings_and_not_shown(secret: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        sign(secret, "id", "1", b"{}")
    assert secret not in str(refused.value)


def test_a_webhooks_secret_is_a_text_or_base64() -> None:
    assert key_of("sixteen-bytes-xx") == b"sixteen-bytes-xx"
    assert key_of("whsec_" + base64.b64encode(b"sixteen-bytes-xx").decode()) == b"sixteen-bytes-xx"
