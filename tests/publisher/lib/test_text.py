"""Words as a part of an address: feeds and pages of sections, tags and authors stand at these for good."""

from __future__ import annotations

import pytest

from publisher.lib.text import slugify


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("The Slow Post", "the-slow-post"),
        ("Tomás Ferreira", "tomás-ferreira"),
        ("Straße", "strasse"),
        ("The lamplighters' round", "the-lamplighters-round"),
        ("Don’t panic", "dont-panic"),
        ("C++ & C#", "c-c"),
        ("ﬁne ½", "fine-1-2"),
        ("snake_case", "snake-case"),
        ("الميناء القديم", "الميناء-القديم"),
        ("東京 タワー", "東京-タワー"),
        ("İstanbul", "i-stanbul"),
        ("!!!", "article"),
        ("word " * 30, "word-" * 15 + "word"),
        ("w" * 100, "w" * 80),
    ],
)
def test_a_name_has_the_same_address_in_every_version(name, slug):
    assert slugify(name) == slug
