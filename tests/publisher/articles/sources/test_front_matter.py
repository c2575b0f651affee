"""Where front matter ends and the body begins, whatever the fences, line ends and dashes look like."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.articles.sources import read
from publisher.articles.sources._yaml import MAX_FRONT_MATTER, split
from publisher.errors import HostileContent, SourceError
from publisher.settings.publication import PublicationSettings, SourceSettings

PUBLICATION = PublicationSettings(title="The Slow Post", base_url="https://slow.example")
WHITE = st.sampled_from(["", " ", "\t", "  "])
FENCES = st.builds(lambda dashes, blanks: "-" * dashes + blanks, st.integers(3, 7), WHITE)
#: Texts that look like fences and are none.
VALUES = st.sampled_from(["plain", "a --- b", "'---'", '"--- x"', "-- ", "---x", "é — ü"])
BLANKS = st.lists(WHITE, max_size=3)
BODIES = st.lists(
    st.sampled_from(["Words.", "---", "-----", "- - -", "key: value", "", "    code", "--- x"]), max_size=6
)


@given(FENCES, FENCES, st.lists(VALUES, max_size=4), BLANKS, BLANKS, BODIES)
def test_every_line_lands_on_its_side_of_the_fence(opening, closing, values, before, between, body):
    body = ["First.", *body]
    matter = [f"key{number}: {value}" for number, value in enumerate(values)]
    lines = [*before, opening, *matter, closing, *between, *body]
    found, rest, first = split("\n".join(lines))
    assert [node.text for node in found.items.values()] == [value.strip().strip("'\"") for value in values]
    assert [lines[number - 1].partition(":")[0] for number in found.lines.values()] == list(found.lines)
    assert rest == "\n".join(body)
    assert lines[first - 1] == "First."


@given(st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), FENCES, BODIES)
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path_factory, newline, mark, fence, body):
    lines = [fence, "title: Salt --- and pepper", "date: 2025-07-16", fence, "First.", "", "---", "", *body]
    plain, other = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("other")
    for site, data in (
        (plain, "\n".join(lines).encode()),
        (other, (codecs.BOM_UTF8 if mark else b"") + newline.join(lines).encode()),
    ):
        (site / "articles").mkdir()
        (site / "articles" / "a.md").write_bytes(data)
    (document,) = read(SourceSettings(), plain, PUBLICATION).documents
    assert document.title == "Salt --- and pepper"
    assert "<p>First.</p>\n<hr>" in document.html
    assert read(SourceSettings(), other, PUBLICATION).documents == (document,)


@pytest.mark.parametrize(
    "text", ["", "Words.", "--\nkey: v\n--\n", "--- x\nkey: v\n---\n", "Words.\n---\nkey: v\n---\n"]
)
def test_a_text_without_an_opening_fence_is_all_body(text):
    matter, body, first = split(text)
    assert (matter.items, body, first) == ({}, text, 1)


@pytest.mark.parametrize("text", ["---", "---\nkey: v", "\n\n---\nkey: v\n --- \n--\n---x\n"])
def test_front_matter_that_nothing_closes_is_refused_with_the_line_of_its_fence(text):
    with pytest.raises(SourceError, match="not closed") as caught:
        split(text)
    assert caught.value.line == text.split("\n").index("---") + 1


def test_front_matter_that_swallowed_the_article_is_refused():
    with pytest.raises(HostileContent, match="larger than 64 KB"):
        split(f"---\nkey: {'v' * MAX_FRONT_MATTER}\n---\nWords.\n")
