"""The same content gives the same bytes: whatever the hash seed, the order, the cache, the process or the day."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import feeds
from feeds.cache import FileEntryCache, MemoryEntryCache
from publisher.settings.feeds import FeedsSettings

from .conftest import PUBLICATION, make_article
from .reading import NS, read, xml

PROGRAM = """
import hashlib, importlib.util, sys
import feeds
from publisher.settings.feeds import FeedsSettings
spec = importlib.util.spec_from_file_location("shared", sys.argv[1])
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
out = feeds.build(
    shared.PUBLICATION,
    [shared.make_article(number) for number in range(45)],
    feeds=[FeedsSettings(name="show", podcast=True, tags=("tea", "coffee"))],
    hubs=("https://hub.example/", "https://slow.example/websub"),
)
print(hashlib.sha256(repr(sorted(out.items())).encode()).hexdigest())
"""


def digest(out: dict[str, bytes]) -> str:
    return hashlib.sha256(repr(sorted(out.items())).encode()).hexdigest()


def build(chosen, cache=None) -> dict[str, bytes]:
    show = FeedsSettings(name="show", podcast=True, tags=("tea", "coffee"))
    hubs = ("https://hub.example/", "https://slow.example/websub")
    return feeds.build(PUBLICATION, chosen, feeds=[show], hubs=hubs, cache=cache)


@pytest.mark.parametrize(("seed", "zone", "language"), [("1", "UTC", "C"), ("77", "Asia/Tokyo", "C.UTF-8")])
def test_another_hash_seed_zone_and_locale_give_the_same_bytes(articles, seed, zone, language):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language}
    shared = Path(__file__).with_name("conftest.py")
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(shared)], env=environment, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == digest(build(articles(45)))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(40)))
def test_the_order_in_which_articles_come_makes_no_difference(order):
    straight = build([make_article(number) for number in range(40)])
    assert build([make_article(number) for number in order]) == straight


def test_kept_entries_give_the_bytes_that_fresh_ones_give(tmp_path, articles):
    fresh = build(articles(45))
    for cache in (MemoryEntryCache(), FileEntryCache(tmp_path / "entries.db"), MemoryEntryCache(limit_bytes=1)):
        build(articles(40), cache)
        assert build(articles(45), cache) == fresh
        assert build(articles(45), cache) == fresh


def test_an_entry_is_rendered_once_however_many_feeds_and_pages_hold_it(articles, monkeypatch):
    from feeds import building

    rendered = []
    original = building.entry_of
    monkeypatch.setattr(
        building, "entry_of", lambda article, *a, **k: rendered.append(article.id) or original(article, *a, **k)
    )
    cache = MemoryEntryCache()
    feeds.build(PUBLICATION, articles(60), cache=cache)
    assert len(rendered) == 60
    rendered.clear()
    feeds.build(PUBLICATION, articles(61), cache=cache)
    assert rendered == ["article-60"]


def test_updated_is_the_newest_articles_and_never_the_clocks(articles):
    out = feeds.build(PUBLICATION, articles(3))
    assert xml(out["feed.atom"]).findtext("a:updated", namespaces=NS) == "2025-01-01T22:05:00Z"
    assert xml(out["feed.rss"])[0].findtext("lastBuildDate") == "Wed, 01 Jan 2025 22:05:00 +0000"


def test_ids_survive_a_new_slug_a_new_base_url_and_an_edit(article):
    before = feeds.build(PUBLICATION, [article()])
    moved = replace(PUBLICATION, base_url="https://new.example")
    after = feeds.build(
        moved, [article(url="https://new.example/other", slug="other", title="Other", html="<p>Other</p>")]
    )
    for name in ("rss", "atom", "json"):
        assert read(name, before[f"feed.{name}"])[0]["id"] == read(name, after[f"feed.{name}"])[0]["id"]
    ids = [xml(out["feed.atom"]).findtext("a:id", namespaces=NS) for out in (before, after)]
    assert ids[0] == ids[1]


def test_a_file_cache_forgets_what_no_document_holds_when_there_is_much_of_it(tmp_path, monkeypatch):
    cache = FileEntryCache(tmp_path / "entries.db")
    cache.put({"a": b"1", "b": b"2"})
    cache.forget(keep=lambda: ["b", "c"])
    assert cache.get(["a", "b"]) == {"a": b"1", "b": b"2"}
    monkeypatch.setattr("feeds.cache.MAX_UNUSED", 1)
    cache.forget(keep=lambda: ["b", "c"])
    assert cache.get(["a", "b"]) == {"b": b"2"}
