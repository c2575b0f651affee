"""The README is true: it names everything that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.formats import formats
from publisher import channels
from publisher.articles import sources
from publisher.mail import transports

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_it_is_read_in_one_sitting():
    assert len(README.splitlines()) < 150
