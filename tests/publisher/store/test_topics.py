"""Sections, tags and authors follow their articles."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from publisher.model import Article, Author
from publisher.store import articles, open_store, topics
from tests import factories

T0 = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store():
    opened = open_store("sqlite://")
    yield opened
    opened.close()


def piece(number: int, **values) -> Article:
    given = {"id": f"p{number}", "title": f"P {number}", "published": T0 + timedelta(hours=number)}
    return factories.article(number, **{**given, **values})


def save(store, *given: Article) -> None:
    with store.begin() as tx:
        for one in given:
            articles.save(tx, one, source_path=one.id, now=0.0)


def test_topics_are_listed_with_their_number_of_articles_the_largest_first(store):
    save(store, piece(1, tags=("Ice", "Rain")), piece(2, tags=("Ice",), section="Coast", authors=(Author("Ada"),)))
    with store.read() as tx:
        assert [(t.slug, t.name, t.articles) for t in topics.listing(tx, "tag")] == [
            ("ice", "Ice", 2),
            ("rain", "Rain", 1),
        ]
        assert topics.find(tx, "section", "coast") == topics.Topic("section", "coast", "Coast", 1)
        assert topics.find(tx, "author", "nobody") is None


def test_an_edit_moves_an_article_to_its_new_topics(store):
    one = piece(1, section="Coast", tags=("ice",))
    save(store, one)
    save(store, dataclasses.replace(one, section="Hills", tags=()))
    with store.read() as tx:
        assert [t.name for t in topics.listing(tx, "section")] == ["Hills"]
        assert topics.listing(tx, "tag") == []


def test_a_withdrawn_article_is_in_no_list(store):
    save(store, piece(1, tags=("ice",)), piece(2, tags=("ice",)))
    with store.begin() as tx:
        articles.withdraw(tx, ["p2"], now=1.0)
    with store.read() as tx:
        topic = topics.find(tx, "tag", "ice")
        assert topic is not None
        assert topic.articles == 1
        assert [a.id for a in topics.articles(tx, topic, limit=9)] == ["p1"]
        assert topics.total(tx) == 1


def test_pages_of_a_topic_follow_one_another_without_gap_or_overlap(store):
    save(store, *(piece(n, tags=("ice",) if n % 2 else ()) for n in range(1, 12)))
    with store.read() as tx:
        topic = topics.find(tx, "tag", "ice")
        pages = [topics.articles(tx, topic, limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [[a.id for a in page] for page in pages] == [["p11", "p9"], ["p7", "p5"], ["p3", "p1"]]


def test_names_that_share_a_slug_share_a_topic(store):
    assert topics.of_article(piece(1, tags=("Ice", "ice!", "ICE"))) == [("tag", "ice", "Ice")]


def test_addresses_are_read_without_bodies(store):
    save(store, piece(1, slug="one", url="https://a.example/one"), piece(2, slug="", url="https://b.example/ü?x=1"))
    with store.read() as tx:
        found = topics.addresses(tx, 9)
    assert [row[:4] for row in found] == [
        ("p2", "", "P 2", "https://b.example/ü?x=1"),
        ("p1", "one", "P 1", "https://a.example/one"),
    ]
