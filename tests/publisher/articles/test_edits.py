"""What counts as an edit, and what is only another rendering."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from publisher.articles.documents import Document, source_hash
from publisher.articles.edits import is_edited, plain_words
from publisher.model import Enclosure
from tests.factories import article

THEN = article(html="<p>Some words.</p>", enclosures=(Enclosure("https://slow.example/a.mp3", "audio/mpeg", 10),))
SOURCE = source_hash("markdown", "Some words.", {})
DOCUMENT = Document(path="articles/a.md", title=THEN.title, source=SOURCE)


def edited(now=THEN, *, document=DOCUMENT, stored=SOURCE, untouched=False) -> bool:
    return is_edited(document, stored, now, THEN, untouched=untouched)


def test_with_the_same_source_nothing_is_an_edit():
    assert not edited(replace(THEN, title="Other", html="<p>Other words.</p>", updated=THEN.updated + timedelta(1)))


def test_with_another_source_everything_is():
    assert edited(stored=source_hash("markdown", "Other words.", {}))


def test_without_anything_to_go_by_every_rendering_is():
    assert edited(document=replace(DOCUMENT, source=""))
    assert is_edited(DOCUMENT, SOURCE, THEN, None, untouched=True)


@pytest.mark.parametrize("stored", ["", "0:hash of an older way of counting"])
@pytest.mark.parametrize(
    ("changes", "given", "expected"),
    [
        ({}, {}, False),
        ({"html": '<div dir="auto"><p>Some\n words.</p><hr></div>'}, {}, False),
        ({"html": "<p>Some other words.</p>"}, {}, True),
        ({"title": "Other"}, {}, True),
        ({"title": "Other"}, {"derived": frozenset({"title"})}, False),
        ({"summary": "Other"}, {"derived": frozenset({"summary"})}, False),
        ({"summary": "Other"}, {}, True),
        ({"slug": "other"}, {}, False),
        ({"slug": "other"}, {"slug": "other"}, True),
        ({"published": THEN.published + timedelta(1)}, {}, False),
        ({"published": THEN.published + timedelta(1)}, {"published": THEN.published + timedelta(1)}, True),
        ({"tags": ("tea",)}, {}, True),
        ({"post_texts": (("x", "Look"),)}, {}, True),
    ],
)
def test_what_an_older_version_read_is_compared_by_what_its_author_wrote(stored, changes, given, expected):
    assert edited(replace(THEN, **changes), document=replace(DOCUMENT, **given), stored=stored) is expected
    assert not edited(replace(THEN, **changes), document=replace(DOCUMENT, **given), stored=stored, untouched=True)


def test_a_file_of_another_size_is_an_edit_though_no_text_was_touched():
    larger = replace(THEN, enclosures=(replace(THEN.enclosures[0], length=11),))
    assert edited(larger, stored="", untouched=True)


def test_a_setting_that_is_empty_changes_no_hash():
    assert source_hash("markdown", "a", {"section": "", "tags": ()}) == source_hash("markdown", "a", {})
    assert source_hash("markdown", "a", {"section": "x"}) != source_hash("markdown", "a", {})
    assert source_hash("markdown", "a", {}, (("a.mp3", 1),)) != source_hash("markdown", "a", {}, (("a.mp3", 2),))


def test_words_are_compared_without_markup_white_space_and_forms_of_a_character():
    assert plain_words("<p>A ﬁne\u00a0day</p><p>x</p>") == plain_words("<div>A fine day <b>x</b></div>")
