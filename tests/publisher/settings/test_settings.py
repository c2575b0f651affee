"""publication.toml: what is accepted, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import model_validator

from publisher.errors import SettingsError
from publisher.settings import describe_settings, load_settings
from publisher.settings.base import Secret, Table, read_options

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
        ("[web]\nprot = 8000\n", ["web.prot", "unknown key"]),
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


@pytest.mark.parametrize(
    ("addition", "key"),
    [
        ("[maill]\npassword = 'hunter2'\n", "maill"),
        ("[[maill]]\npassword = 'hunter2'\n", "maill"),
        ("[[mail]]\npassword = 'hunter2'\n", "mail"),
        ("[web]\npassword = 'hunter2'\n", "web.password"),
        ("[mail]\ntransport = 5\npassword = 'hunter2'\n", "mail.transport"),
        ("[mail.dkim]\nkey = { value = 'hunter2' }\n", "mail.dkim.key"),
        ("[mail.dkim]\nkey = ['hunter2']\n", "mail.dkim.key"),
        ("[mail.dkim]\nkey = { env = ['hunter2'] }\n", "mail.dkim.key.env"),
        ("[[digests]]\nname = 'a'\npassword = 'hunter2'\n", "digests[0].password"),
        ("[directory]\npassword = 'hunter2'\n", "directory"),
    ],
)
def test_the_value_of_a_key_in_the_wrong_place_is_not_repeated(tmp_path, addition, key):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, MINIMAL + addition)
    message = str(caught.value)
    assert f"publication.toml: {key}" in message
    assert "hunter2" not in message


class _Options(Table):
    token: Secret | None = None
    number: int = 0

    @model_validator(mode="after")
    def _rule(self) -> _Options:
        if self.number > 9:
            raise ValueError("number is too large")
        return self


@pytest.mark.parametrize(
    "values",
    [
        {"tokn": "hunter2"},
        {"token": "hunter2"},
        {"token": ["hunter2"]},
        {"token": 4711},
        {"token": {"value": "hunter2"}},
        {"token": {"env": ["hunter2"]}},
        {"number": {"token": "hunter2"}},
    ],
)
def test_options_of_a_member_repeat_no_secret(values):
    with pytest.raises(SettingsError) as caught:
        read_options(_Options, values, where="a", label="it")
    assert str(caught.value).startswith(f"a.{next(iter(values))}")
    assert "hunter2" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_the_environment_overrides_the_file(tmp_path):
    settings = load(tmp_path, MINIMAL, {"MASTHEAD_WEB__PORT": "9001", "MASTHEAD_DATABASE__URL": "sqlite://"})
    assert settings.web.port == 9001
    assert settings.database_url == "sqlite://"


def test_every_setting_has_a_description():
    assert [key for key, _, description in describe_settings() if not description] == []
