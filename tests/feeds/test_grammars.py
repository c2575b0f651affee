"""Every document passes a grammar of its format, whatever its articles hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

import feeds
from publisher.settings.feeds import FeedsSettings

from .conftest import PUBLICATION
from .reading import xml
from .test_hostile_articles import ARTICLES

HERE = Path(__file__).parent / "grammars"
ATOM = etree.RelaxNG(etree.parse(HERE / "atom.rng"))
JSON_FEED = jsonschema.Draft202012Validator(json.loads((HERE / "json_feed_1_1.json").read_text(encoding="utf-8")))
HUBS = ("https://hub.example/",)


def build(articles):
    show = FeedsSettings(name="show", podcast=True, category="Arts > Books")
    return feeds.build(PUBLICATION, articles, feeds=[show], hubs=HUBS)


def check(out: dict[str, bytes]) -> None:
    for path, data in out.items():
        if path.endswith(".atom"):
            assert ATOM.validate(xml(data)), (path, ATOM.error_log)
        elif path.endswith(".json"):
            JSON_FEED.validate(json.loads(data))


def test_live_feeds_and_archive_pages_pass(articles):
    check(build(articles(80)))


def test_a_feed_without_articles_and_one_of_a_bare_publication_pass(article):
    check(build([]))
    check(feeds.build(replace(PUBLICATION, author="", description="", logo_url="", copyright=""), [article()]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ARTICLES)
def test_a_feed_of_any_article_passes(hostile):
    check(build([hostile]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<updated>", b"<updated>yesterday "),
        (b' rel="alternate"', b' rel="elsewhere"'),
        (b"<id>urn:uuid:", b"<id>no uri "),
        (b"<entry>", b"<entry><entry/>"),
    ],
)
def test_the_grammar_finds_what_is_wrong(article, old, new):
    good = build([article()])["feed.atom"]
    assert old in good
    assert not ATOM.validate(xml(good.replace(old, new, 1)))


def test_the_schema_finds_what_is_wrong(article):
    good = json.loads(build([article()])["feed.json"])
    for change in ({"version": "1.0"}, {"author": {}}, {"items": [{"id": "x"}]}, {"next_url": "/relative"}):
        assert not JSON_FEED.is_valid({**good, **change})
