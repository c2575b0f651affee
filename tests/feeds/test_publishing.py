"""Feeds on disk: written only when they differ, whole at every moment, with their compressed twins."""

import gzip
import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta

import brotli
import pytest

import feeds
from feeds.files import write_file
from publisher.errors import FeedError


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_feed_stands_with_a_gzip_and_a_brotli_twin(settings, articles):
    site = settings()
    report = feeds.write_all(site, articles(3))
    folder = site.state / "feeds"
    assert {"feed.rss", "feed.atom", "feed.json", "feeds/section/letters.rss", "feeds.opml"} <= set(report.written)
    for path in report.written:
        plain = (folder / path).read_bytes()
        assert gzip.decompress((folder / f"{path}.gz").read_bytes()) == plain
        assert brotli.decompress((folder / f"{path}.br").read_bytes()) == plain


def test_a_second_run_touches_nothing(settings, articles):
    site = settings()
    feeds.write_all(site, articles(60))
    before = snapshot(site.state / "feeds")
    report = feeds.write_all(site, articles(60))
    assert (report.written, report.removed, report.changed) == ((), (), ())
    assert snapshot(site.state / "feeds") == before


def test_a_rebuild_without_cache_and_manifest_touches_nothing_either(settings, articles):
    site = settings()
    feeds.write_all(site, articles(60))
    before = snapshot(site.state / "feeds")
    shutil.rmtree(site.state / "feed-cache")
    assert feeds.write_all(site, articles(60)).written == ()
    assert snapshot(site.state / "feeds") == before


def test_a_new_article_changes_the_live_feeds_it_belongs_to_and_no_archive_page(settings, articles, article):
    site = settings()
    feeds.write_all(site, articles(100))
    report = feeds.write_all(site, [*articles(100), article(100, section="News", tags=(), authors=())])
    assert set(report.changed) == {
        f"https://slow.example/{path}.{name}" for path in ("feed", "feeds/section/news") for name in site.feed.formats
    }
    assert not [path for path in report.written if "archive/tag" in path or "archive/section" in path]
    assert report.removed == ()


def test_a_withdrawn_section_takes_its_feed_and_its_twins_away(settings, articles):
    site = settings()
    feeds.write_all(site, articles(2))
    report = feeds.write_all(site, [replace(each, section="") for each in articles(2)])
    assert "feeds/section/letters.rss" in report.removed
    assert not list((site.state / "feeds" / "feeds").glob("section/letters*"))


def test_what_is_left_over_when_the_manifest_was_lost_goes_too(settings, articles):
    site = settings()
    feeds.write_all(site, articles(2))
    shutil.rmtree(site.state / "feed-cache")
    report = feeds.write_all(site, [replace(each, section="") for each in articles(2)])
    assert "feeds/section/letters.atom" in report.removed
    assert not list((site.state / "feeds" / "feeds").glob("section/letters*"))


def test_the_time_of_a_file_is_the_newest_articles(settings, articles):
    site = settings()
    feeds.write_all(site, articles(3))
    assert (site.state / "feeds" / "feed.rss").stat().st_mtime == articles(3)[-1].updated.timestamp()


def test_different_bytes_never_have_the_same_time_and_size(settings, article):
    site = settings()
    path = site.state / "feeds" / "feed.rss"
    seen = set()
    for title in ("aaaa", "bbbb", "cccc", "aaaa"):
        feeds.write_all(site, [article(title=title)])
        seen.add((path.stat().st_mtime_ns, path.stat().st_size))
    assert len(seen) == 4


def test_a_file_changed_by_hand_is_mended(settings, articles):
    site = settings()
    feeds.write_all(site, articles(3))
    path = site.state / "feeds" / "feed.rss"
    right = path.read_bytes()
    path.write_bytes(b"oops")
    assert "feed.rss" in feeds.write_all(site, articles(3)).written
    assert path.read_bytes() == right


def test_a_full_disk_leaves_the_old_feed_whole_and_no_litter(tmp_path, article, monkeypatch):
    path = tmp_path / "feed.rss"
    write_file(path, b"old", article().updated)

    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(FeedError, match="No space left on device"):
        write_file(path, b"new", article().updated + timedelta(days=1))
    assert path.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["feed.rss", "feed.rss.br", "feed.rss.gz"]


def test_the_catalogue_is_read_back_as_it_was(settings, articles):
    site = settings()
    feeds.write_all(site, articles(3))
    found = feeds.load_catalogue(site.state)
    assert found == feeds.catalogue(site.as_publication(), site.feed, site.feeds, articles(3))
    assert found[0].urls["atom"] == "https://slow.example/feed.atom"


def test_a_catalogue_that_cannot_be_read_is_an_empty_one(tmp_path):
    assert feeds.load_catalogue(tmp_path) == ()
    (tmp_path / "feed-cache").mkdir()
    (tmp_path / "feed-cache" / "catalogue.json").write_text(json.dumps([{"surprise": 1}]))
    assert feeds.load_catalogue(tmp_path) == ()


def test_autodiscovery_names_every_format(settings, articles):
    site = settings()
    found = feeds.catalogue(site.as_publication(), site.feed, site.feeds, articles(1))
    links = [(link.href, link.media_type) for link in feeds.autodiscovery(found[:1])]
    assert links == [
        ("https://slow.example/feed.rss", "application/rss+xml"),
        ("https://slow.example/feed.atom", "application/atom+xml"),
        ("https://slow.example/feed.json", "application/feed+json"),
    ]
