"""The page of settings is true: it names every setting as the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from publisher.mail.check import describe_mail
from publisher.settings import describe_settings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [key for key, _, _ in (*describe_settings(), *describe_mail())])
def test_it_names_every_setting(key):
    assert f"| `{key}` |" in PAGE


def test_it_describes_every_setting_as_the_code_does():
    rows = {(m["key"], m["text"]) for m in re.finditer(r"^\| `(?P<key>[^`]+)` \| .*? \| (?P<text>.*) \|$", PAGE, re.M)}
    described = (*describe_settings(), *describe_mail())
    stale = [key for key, _, text in described if (key, text) not in rows]
    assert stale == [], "run: python -m publisher.settings, python -m publisher.mail"
