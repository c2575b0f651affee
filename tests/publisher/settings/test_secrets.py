"""What counts as a secret that the settings name."""

from __future__ import annotations

from publisher.settings.secrets import named_secrets
from tests import factories


def test_a_table_whose_one_key_is_called_file_is_a_secret_only_among_options(tmp_path):
    settings = factories.settings(
        tmp_path,
        audience={"file": "people.csv"},
        mail={"dkim": {"key": {"file": "dkim.pem"}}},
        feedback={"mailgun": {"key": {"env": "MAILGUN"}}},
        channels=[{"name": "m", "kind": "mastodon", "options": {"token": {"file": "token"}}}],
    )
    named = {secret.file or secret.env for secret in named_secrets(settings)}
    assert named == {"dkim.pem", "MAILGUN", "token"}
