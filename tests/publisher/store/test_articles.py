"""Articles in the store: a revision that is known does no work."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from publisher.lib.text import body_hash
from publisher.model import Article, Author
from publisher.store import articles, editions, open_store, planning
from tests.factories import article

NOW = 1_700_000_000.0


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/masthead.db")
    yield store
    store.close()


def an_article(number: int = 1, **changes) -> Article:
    given = {
        "published": datetime(2026, 1, number, 8, tzinfo=UTC),
        "html": f"<p>Body {number}</p>",
        "slug": f"title-{number}",
        "authors": (Author("Ada"),),
    }
    return article(number, **{**given, **changes})


def test_an_article_is_new_then_unchanged_then_changed(store):
    first = an_article()
    with store.begin() as tx:
        assert articles.save(tx, first, source_path="articles/a.md", now=NOW) == "new"
        assert articles.save(tx, first, source_path="articles/a.md", now=NOW + 1) == "unchanged"
        assert articles.save(tx, replace(first, title="Better"), source_path="articles/a.md", now=NOW + 2) == "changed"
        assert articles.by_id(tx, first.id).title == "Better"


@pytest.mark.parametrize(
    ("source", "title", "edited", "change"),
    [
        ("1:a", "Title 1", True, "unchanged"),
        ("1:b", "Title 1", True, "unchanged"),
        ("1:a", "Other", False, "rendered"),
        ("1:b", "Other", True, "changed"),
    ],
)
def test_the_revision_moves_only_with_an_edit(store, source, title, edited, change):
    with store.begin() as tx:
        articles.save(tx, an_article(title="Title 1"), source_path="a", now=NOW, source="1:a")
        before = articles.revision_of(tx, "article-1")
        now = an_article(title=title)
        assert articles.save(tx, now, source_path="a", now=NOW + 1, source=source, edited=edited) == change
        assert (articles.revision_of(tx, "article-1") != before) is (change == "changed")
        assert articles.by_id(tx, "article-1").title == title
        assert [known.source for known in articles.known(tx)] == [source]
        assert articles.revisions(tx) == {"article-1": articles.revision_of(tx, "article-1")}
        assert articles.revision_of(tx, "nobody") == ""


def test_a_file_that_moved_is_remembered_where_it_is_now(store):
    with store.begin() as tx:
        articles.save(tx, an_article(), source_path="articles/a.md", now=NOW)
        assert articles.save(tx, an_article(), source_path="articles/b.md", now=NOW) == "unchanged"
        assert [known.source_path for known in articles.known(tx)] == ["articles/b.md"]


def test_what_is_read_back_is_what_was_saved(store):
    with store.begin() as tx:
        articles.save(tx, an_article(), source_path="a", now=NOW)
        assert articles.by_key(tx, "article-1") == an_article()
        (known,) = articles.known(tx)
    assert (known.id, known.slug, known.published) == ("article-1", "title-1", an_article().published)
    assert known.body_hash == body_hash("<p>Body 1</p>")


def test_the_newest_come_first_and_the_future_can_be_left_out(store):
    with store.begin() as tx:
        for number in (2, 3, 1):
            articles.save(tx, an_article(number), source_path=str(number), now=NOW)
        assert [a.id for a in articles.newest(tx)] == ["article-3", "article-2", "article-1"]
        assert [a.id for a in articles.newest(tx, 1, before=datetime(2026, 1, 2, 9, tzinfo=UTC))] == ["article-2"]


def test_a_withdrawn_article_is_offered_no_more_and_comes_back_as_changed(store):
    with store.begin() as tx:
        articles.save(tx, an_article(), source_path="a", now=NOW)
        assert articles.withdraw(tx, ["article-1", "unknown"], now=NOW) == 1
        assert articles.newest(tx) == []
        assert articles.by_key(tx, "article-1") is None
        assert [known.withdrawn for known in articles.known(tx)] == [True]
        assert articles.save(tx, an_article(), source_path="a", now=NOW) == "changed"
        assert len(articles.newest(tx)) == 1


def test_editions_are_numbered_per_digest_and_keep_the_order_of_their_articles(store):
    three = [an_article(n) for n in (1, 2, 3)]
    with store.begin() as tx:
        for one in three:
            articles.save(tx, one, source_path=one.id, now=NOW)
        first = editions.create(tx, "weekly", "One", [three[2], three[0]], now=NOW)
        second = editions.create(tx, "weekly", "Two", [three[1]], now=NOW)
        other = editions.create(tx, "daily", "One", three, now=NOW)
        assert [editions.get(tx, e).number for e in (first, second, other)] == [1, 2, 1]
        assert [a.id for a in editions.get(tx, first).articles] == ["article-3", "article-1"]
        assert editions.by_number(tx, "weekly", 2).id == second


def test_an_old_article_that_is_imported_takes_no_place_in_the_order_of_release(store):
    with store.begin() as tx:
        articles.save(tx, an_article(1), source_path="a", now=NOW)
        articles.save(tx, an_article(2), source_path="b", now=NOW, release=False)
        articles.save(tx, an_article(3), source_path="c", now=NOW)
        assert articles.newest_position(tx) == 2
        assert [(row.position, row.article_id) for row in planning.released(tx, 0)] == [
            (1, "article-1"),
            (2, "article-3"),
        ]


def test_the_first_compiled_variant_stays(store):
    with store.begin() as tx:
        articles.save(tx, an_article(), source_path="a", now=NOW)
        made = editions.create(tx, "weekly", "One", [an_article()], now=NOW)
        editions.save_variant(tx, made, "en", b"first", now=NOW)
        editions.save_variant(tx, made, "en", b"second", now=NOW)
        assert editions.variant(tx, made, "en") == b"first"
        assert editions.variant(tx, made, "it") is None
        assert editions.composed(tx, made) == ["en"]
