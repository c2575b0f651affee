"""RFC 5005: every article can be reached, and a page never changes unless its articles do."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import feeds
from feeds.archives import pages
from feeds.formats import formats
from feeds.known import newest_first
from publisher.settings.feeds import FeedSettings, FeedsSettings

from .conftest import PUBLICATION, make_article
from .reading import NS, read, xml

FORMATS = sorted(formats())


def previous(name: str, data: bytes) -> str | None:
    if name == "json":
        return json.loads(data).get("next_url")
    links = xml(data).iter(f"{{{NS['a']}}}link")
    return next((link.get("href") for link in links if link.get("rel") == "prev-archive"), None)


def walk(out: dict[str, bytes], name: str, start: str = "feed") -> list[str]:
    """The ids met from the live feed back to the first page, as an archiving feed reader goes."""
    url, found, seen = f"https://slow.example/{start}.{name}", [], set()
    while url:
        assert url not in seen, "the chain runs in a circle"
        seen.add(url)
        data = out[url.removeprefix("https://slow.example/")]
        found += [each["id"] for each in read(name, data)]
        url = previous(name, data)
    return found


@pytest.mark.parametrize("count", [0, 1, 30, 31, 61, 200])
@pytest.mark.parametrize("name", FORMATS)
def test_every_article_is_reached_through_prev_archive_in_every_format(articles, count, name):
    out = feeds.build(PUBLICATION, articles(count))
    assert set(walk(out, name)) == {feeds.entry_id(f"article-{number}", PUBLICATION.id) for number in range(count)}
    assert len(read(name, out[f"feed.{name}"])) == min(count, 30)


def test_topics_and_selections_have_archives_of_their_own(articles):
    out = feeds.build(PUBLICATION, articles(90), feeds=[FeedsSettings(name="tea-time", tags=("TEA",), size=20)])
    for start in ("feeds/section/letters", "feeds/tag/tea", "feeds/author/ann-lee", "feeds/tea-time"):
        assert len(set(walk(out, "atom", start))) == 90


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), st.integers(20, 50), st.randoms(use_true_random=False))
def test_pages_hold_every_older_article_exactly_once_and_are_never_larger_than_the_live_feed(count, size, rng):
    chosen = [make_article(rng.randrange(5000)) for _ in range(count)]
    [info, *_] = feeds.catalogue(PUBLICATION, FeedSettings(size=size), (), chosen)
    ordered = newest_first(chosen)
    live, *archive = pages(info, ordered)
    archived = [article.id for page in archive for article in page.articles]
    assert [article.id for article in live.articles] == [article.id for article in ordered[:size]]
    assert len(archived) == len(set(archived))
    assert set(archived) >= {article.id for article in ordered[size:]}
    assert all(0 < len(page.articles) <= size for page in archive)
    assert [page.path for page in archive] == [page.previous for page in (live, *archive)][: len(archive)]
    assert len({page.path for page in archive}) == len(archive)


KEPT = feeds.MemoryEntryCache()


def documents(chosen):
    out = feeds.build(PUBLICATION, chosen, feed=FeedSettings(formats=("atom",)), cache=KEPT)
    return {path: data for path, data in out.items() if path.startswith("feeds/archive/feed/")}


@settings(max_examples=15, deadline=None)
@given(st.integers(31, 150), st.integers(1, 40))
def test_new_articles_change_no_page(count, more):
    before = documents([make_article(number) for number in range(count)])
    after = documents([make_article(number) for number in range(count + more)])
    assert {path: after.get(path) for path in before} == before


def test_an_edit_changes_its_own_page_and_no_other(articles):
    before = documents(articles(200))
    edited = [replace(each, title="Mended") if each.id == "article-50" else each for each in articles(200)]
    after = documents(edited)
    assert before.keys() == after.keys()
    assert len([path for path in before if before[path] != after[path]]) == 1


@pytest.mark.parametrize("change", ["insert", "withdraw"])
def test_an_old_article_that_comes_or_goes_touches_its_page_and_its_neighbours_only(articles, change):
    rng = random.Random(7)
    for _ in range(10):
        number = rng.randrange(10, 190)
        chosen = articles(200)
        before = documents(chosen)
        if change == "insert":
            moment = chosen[number].published + timedelta(hours=1)
            after = documents([*chosen, make_article(number + 10_000, published=moment, updated=moment)])
        else:
            after = documents([each for each in chosen if each.id != f"article-{number}"])
        untouched = [path for path in before if after.get(path) == before[path]]
        assert len(before) - len(untouched) <= 5
        assert len(before) >= 8


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_a_page_says_that_it_is_an_archive_and_where_the_live_feed_is(articles, name):
    out = feeds.build(PUBLICATION, articles(70))
    path = previous(name, out[f"feed.{name}"]).removeprefix("https://slow.example/")
    root = xml(out[path])
    assert root.find(".//fh:archive", NS) is not None
    links = {link.get("rel"): link.get("href") for link in root.iter(f"{{{NS['a']}}}link") if link.get("rel")}
    assert links["current"] == f"https://slow.example/feed.{name}"
    assert links["self"] == f"https://slow.example/{path}"
    assert xml(out[f"feed.{name}"]).find(".//fh:archive", NS) is None


def test_live_feed_and_archive_have_one_atom_id(articles):
    out = feeds.build(PUBLICATION, articles(70))
    ids = {xml(data).findtext("a:id", namespaces=NS) for path, data in out.items() if path.endswith(".atom")}
    feed_ids = [feed.path for feed in feeds.catalogue(PUBLICATION, FeedSettings(), (), articles(70))]
    assert len(ids) == len(feed_ids)
