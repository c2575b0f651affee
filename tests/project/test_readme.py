"""The README is true: it names everything that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.formats import formats
from publisher import channels
from publisher.articles import sources
from publisher.mail import transports
from publisher.settings import describe_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [key for key, _, _ in describe_settings()])
def test_it_names_every_setting(key):
    assert f"| `{key}` |" in README


def test_it_describes_every_setting_as_the_code_does():
    rows = {m["key"]: m["text"] for m in re.finditer(r"^\| `(?P<key>[^`]+)` \| .*? \| (?P<text>.*) \|$", README, re.M)}
    stale = [key for key, _, text in describe_settings() if rows.get(key) != text]
    assert stale == [], "run: python -m publisher.settings"


@pytest.mark.parametrize("kind", [*sources.kinds(), *formats(), *channels.kinds(), *transports.kinds()])
def test_it_names_every_kind(kind):
    assert f"`{kind}`" in README


DESIGNS = sorted(path.parent.name for path in (ROOT / "templates" / "email").glob("[!_]*/body.html"))


@pytest.mark.parametrize("design", DESIGNS)
def test_it_names_every_mail_design(design):
    assert f"`{design}`" in README


def test_every_file_it_points_to_is_there():
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
