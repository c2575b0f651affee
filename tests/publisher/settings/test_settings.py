"""publication.toml: what is accepted, and what a mistake says."""

from pathlib import Path

import pytest

from publisher.errors import SettingsError
from publisher.settings import describe_settings, load_settings

MINIMAL = """
[publication]
title = "The Slow Post"
base_url = "https://slow.example"
[sender]
address = "post@slow.example"
"""


def load(tmp_path: Path, text: str, environment: dict[str, str] | None = None):
    (tmp_path / "publication.toml").write_text(text, encoding="utf-8")
    return load_settings(tmp_path, environment or {})


def test_a_minimal_file_gets_defaults_that_just_work(tmp_path):
    settings = load(tmp_path, MINIMAL)
    assert settings.database_url == f"sqlite:///{tmp_path.resolve()}/state/masthead.db"
    assert settings.mail.transport == "maildir"
    assert [digest.name for digest in settings.digests] == ["digest"]


@pytest.mark.parametrize(
    ("addition", "parts"),
    [
        ("[web]\nport = 99999\n", ["web.port", "99999", "65535"]),
        ("[web]\nprot = 8000\n", ["web.prot", "8000", "unknown key"]),
        ("[design]\naccent = 'red'\n", ["design.accent", "red", "#rrggbb"]),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_names_key_value_and_what_was_expected(tmp_path, addition, parts):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, MINIMAL + addition)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, MINIMAL + "[mail.dkim]\nkey = 'hunter2'\n")
    assert "hunter2" not in str(caught.value)
    assert "env" in str(caught.value)


def test_the_environment_overrides_the_file(tmp_path):
    settings = load(tmp_path, MINIMAL, {"MASTHEAD_WEB__PORT": "9001", "MASTHEAD_DATABASE__URL": "sqlite://"})
    assert settings.web.port == 9001
    assert settings.database_url == "sqlite://"


def test_every_setting_has_a_description():
    assert [key for key, _, description in describe_settings() if not description] == []
