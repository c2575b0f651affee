"""Whatever an article holds, every feed stays well-formed, the article appears, and no bad URL leaves."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import feedparser
import lxml.html
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import feeds
from feeds.entries import absolute_url, entry_id
from feeds.formats import formats
from publisher.lib.sanitise import safe_url
from publisher.model import Article, Author, Enclosure, Image, Publication

from .conftest import PUBLICATION, make_article
from .reading import NS, read, xml

NASTY = st.sampled_from(
    [
        "\x00", "\x08", "\x1b[31m", "\ufffe", "\uffff", "\ud800", "\udfff", "\U0001fffe", "\u2028", "\x85", "\r",
        "\r\n", "]]>", "<![CDATA[", "<!--", "-->", "<?xml", "<?php", "<!DOCTYPE x [<!ENTITY a 'b'>]>",
        "&a;", "&#0;", "&#1;",
        "&#xD800;", "&#xFFFE;", "&nbsp;", "&", "<", ">", '"', "'", "\\", "</item>", "</entry>", "</channel>", "\n]}",
        "<p>", "<b", "</", "<script>alert(1)</script>", "<svg onload=x>", "<a href='//evil.example/x'>",
        "<img src=/x.png>", "<a href=javascript:alert(1)>", "<a href='jav&#9;ascript:x'>", "<base href=//evil>",
        "<iframe src=data:text/html,x>", "<style>", "<video poster=../x src=x.mp4>", "<math><mi//xlink:href='data:x'>",
        "{{ 7*7 }}", "\u202e", "\ufeff", "e\u0301", "👨‍👩‍👧", "中文", "a" * 300, "<div>" * 300,
    ]
)  # fmt: skip
HOSTILE = st.lists(st.one_of(NASTY, st.text(st.characters(categories=None), max_size=8)), max_size=5).map("".join)
URLS = st.one_of(
    HOSTILE,
    st.sampled_from(
        [
            "/x", "x", "../x", "?q", "#f", "//evil.example/x", "javascript:alert(1)", "data:text/html,x", "http:", "http://",
            "https://ok.example/a b", "https://ok.example/\u00e9", "https://ex\u00e4mple.example/", "https://[::1]/",
            "https://[", "https://ok.example:99999/", "https://a@b@c/", "vbscript:x", " https://ok.example/ ", "ftp://x/y",
            "https://ok.example/%zz", 'https://ok.example/"><script>', "file:///etc/passwd", "h\nttps://ok.example/",
        ]
    ),
)  # fmt: skip
MOMENTS = st.datetimes(
    min_value=datetime(1000, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-11))]),
)
AUTHORS = st.builds(Author, HOSTILE, URLS, HOSTILE)
IMAGES = st.none() | st.builds(Image, URLS, HOSTILE, st.integers(-5, 5000), st.integers(-5, 5000), HOSTILE)
ENCLOSURES = st.builds(Enclosure, URLS, HOSTILE, st.integers(-5, 2**40), HOSTILE, st.integers(-5, 10**6))
ARTICLES = st.builds(
    Article,
    id=HOSTILE,
    title=HOSTILE,
    url=URLS,
    published=MOMENTS,
    updated=MOMENTS,
    html=HOSTILE,
    summary=HOSTILE,
    authors=st.lists(AUTHORS, max_size=3).map(tuple),
    section=HOSTILE,
    tags=st.lists(HOSTILE, max_size=4).map(tuple),
    image=IMAGES,
    enclosures=st.lists(ENCLOSURES, max_size=3).map(tuple),
    language=st.one_of(HOSTILE, st.just("it")),
)
RELATIVE_OR_DANGEROUS = re.compile(r"(?!https?://[^/]|mailto:)", re.IGNORECASE)


def urls_of(name: str, data: bytes) -> list[str]:
    """Every URL a document holds: of its elements and attributes, and inside the bodies."""
    found, bodies = [], [each["body"] for each in read(name, data)]
    if name == "json":

        def walk(value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    if key in ("url", "feed_url", "home_page_url", "next_url", "icon", "image", "current_url"):
                        found.append(inner)
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(json.loads(data))
    else:
        for element in xml(data).iter():
            found += [value for key, value in element.attrib.items() if key in ("href", "url", "src")]
            if isinstance(element.tag, str) and element.tag.rpartition("}")[2] in (
                "link",
                "uri",
                "url",
                "logo",
                "icon",
            ):
                found += [element.text] if element.text else []
    for body in bodies:
        if body:
            root = lxml.html.fragment_fromstring(body, create_parent="div")
            for element in root.iter():
                if isinstance(element.tag, str):
                    assert element.tag not in ("script", "style", "iframe", "svg", "math", "object", "base", "form")
                    assert not [key for key in element.attrib if key.startswith("on")]
                    found += [
                        element.get(key) for key in ("href", "src", "cite", "poster") if element.get(key) is not None
                    ]
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ARTICLES)
def test_any_article_appears_in_well_formed_feeds_that_hold_absolute_harmless_urls_only(hostile):
    plain = make_article(1)
    out = feeds.build(PUBLICATION, [hostile, plain])
    expected = {entry_id(hostile.id, PUBLICATION.id), entry_id(plain.id, PUBLICATION.id)}
    for name in formats():
        said = read(name, out[f"feed.{name}"])
        assert {each["id"] for each in said} == expected
        assert all(each["title"] for each in said)
        for url in urls_of(name, out[f"feed.{name}"]):
            assert not RELATIVE_OR_DANGEROUS.match(url), url
            assert url.isascii()
            assert not re.search(r"[\s<>\"{}|\\^`]", url), url
    for path, data in out.items():
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", data.decode("utf-8"))
        if path.endswith((".rss", ".atom", ".opml")):
            xml(data)
        else:
            json.loads(data)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ARTICLES)
def test_the_three_formats_say_the_same_of_any_article(hostile):
    out = feeds.build(PUBLICATION, [hostile])
    rss, atom, js = (read(name, out[f"feed.{name}"])[0] for name in ("rss", "atom", "json"))
    titles = {each.pop("title") for each in (atom, js)}
    assert len(titles) == 1
    rss.pop("title")  # RSS has no way to say which reading is meant; tested apart
    assert rss == atom == js


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ARTICLES)
def test_feedparser_finds_no_fault_with_any_article(hostile):
    out = feeds.build(PUBLICATION, [hostile])
    for name in ("rss", "atom"):
        parsed = feedparser.parse(out[f"feed.{name}"])
        assert not parsed.bozo, parsed.bozo_exception
        assert [entry.id for entry in parsed.entries] == [entry_id(hostile.id, PUBLICATION.id)]


@pytest.mark.parametrize("name", sorted(formats()))
def test_a_title_of_a_megabyte_leaves_shortened(name):
    out = feeds.build(PUBLICATION, [make_article(title="word " * 200_000)])[f"feed.{name}"]
    [said] = read(name, out)
    assert said["title"].startswith("word word")
    assert said["title"].endswith("…")
    assert len(said["title"]) <= 500


def test_a_body_of_a_megabyte_or_of_a_thousand_nested_elements_leaves_as_its_words():
    for body in ("<p>" + "word " * 250_000, "<div>" * 1_000 + "deep"):
        out = feeds.build(PUBLICATION, [make_article(html=body)])
        for name in formats():
            [said] = read(name, out[f"feed.{name}"])
            assert said["body"].startswith("<p>")
            assert "word" in said["body"] or "deep" in said["body"]


def test_an_article_without_any_text_is_still_an_entry():
    nothing = {"title": "", "summary": "", "html": "", "section": "", "authors": (), "tags": (), "enclosures": ()}
    bare = replace(make_article(), image=None, **nothing)
    out = feeds.build(replace(PUBLICATION, author=""), [bare])
    for name in formats():
        assert [each["title"] for each in read(name, out[f"feed.{name}"])] == ["Untitled"]


def test_a_hostile_publication_still_has_feeds():
    hostile = Publication(
        id="\ud800\x00",
        title="\x00<b>]]>&\ufffe",
        base_url="https://slow.example/",
        description="\x01<x",
        author="\x02",
        logo_url="javascript:x",
        copyright="\x03©",
        language="no language",
    )
    out = feeds.build(hostile, [make_article()])
    for path, data in out.items():
        _ = json.loads(data) if path.endswith(".json") else xml(data)
    assert xml(out["feed.rss"])[0].find("image") is None
    assert xml(out["feed.atom"]).findtext("a:title", namespaces=NS)


def test_an_id_that_is_an_absolute_uri_is_kept_and_any_other_becomes_a_uuid_of_the_publication():
    assert entry_id("https://old.example/?p=12", "x") == "https://old.example/?p=12"
    assert entry_id("tag:old.example,2020:a", "x") == "tag:old.example,2020:a"
    assert entry_id("urn:isbn:0451450523", "x") == "urn:isbn:0451450523"
    for odd in ("12", "javascript:alert(1)", "https://", "https://x/ y", "//x/y", "tag:", "https://x/\u00e9", "\ud800"):
        assert entry_id(odd, "x").startswith("urn:uuid:")
        assert entry_id(odd, "x") != entry_id(odd, "y")
        assert entry_id(odd, "x") == entry_id(odd, "x")


@given(URLS, st.sampled_from(["https://slow.example/a/b", ""]))
@settings(max_examples=150, deadline=None)
def test_an_absolute_url_is_one_or_nothing(url, base):
    found = absolute_url(url, base)
    assert found == "" or re.fullmatch(r"https?://[A-Za-z0-9\[][^\s<>\"{}|\\^`]*", found)
    assert absolute_url(found, "") == found
    assert found == "" or safe_url(found) == found


@pytest.mark.parametrize(
    "moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=timezone(timedelta(hours=-9)))]
)
def test_the_first_and_last_days_of_the_calendar_are_dates_too(moment):
    out = feeds.build(PUBLICATION, [make_article(published=moment, updated=moment)])
    assert {len(read(name, out[f"feed.{name}"])) for name in ("atom", "json")} == {1}
    assert xml(out["feed.rss"]) is not None
