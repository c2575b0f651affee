"""Sources into articles and feeds: what is done, what is left, and what waits."""

from __future__ import annotations

import os
from itertools import count

import pytest

from publisher.pipeline.collecting import collect
from publisher.pipeline.site import Site, open_site
from publisher.store import articles
from tests.factories import write_site

NOW = 1_795_000_000.0  # 2026-11-18


@pytest.fixture
def directory(tmp_path):
    return write_site(tmp_path)


@pytest.fixture
def site(directory):
    opened = open_site(directory, clock=lambda: NOW)
    yield opened
    opened.close()


def write(directory, name: str, **front: str) -> None:
    lines = "\n".join(f"{key}: {value}" for key, value in {"title": name, "date": "2026-11-01", **front}.items())
    (directory / "articles" / f"{name}.md").write_text(f"---\n{lines}\n---\nWords.\n")


def test_nothing_is_done_while_nothing_changed(site, directory):
    write(directory, "one")
    assert len(collect(site, force=False).new) == 1
    assert collect(site, force=False) is None
    os.utime(directory / "articles" / "one.md", (1, 1))
    again = collect(site, force=False)
    assert (again.new, again.changed, again.unchanged, again.feed_files) == ([], [], 1, ())


def test_a_draft_is_not_saved_and_one_that_becomes_a_draft_is_withdrawn(site, directory):
    write(directory, "one")
    write(directory, "two", draft="true")
    first = collect(site)
    assert ([a.title for a in first.new], first.drafts) == (["one"], 1)
    write(directory, "one", draft="true")
    second = collect(site)
    assert second.withdrawn == 1
    with site.store.read() as tx:
        assert articles.newest(tx) == []


def test_an_article_dated_in_the_future_waits_until_then(site, directory):
    write(directory, "later", date="2026-11-20")
    assert collect(site, force=False).waiting == 1
    assert collect(site, force=False) is None
    later = Site(site.settings, site.store, lambda: NOW + 3 * 86400)
    assert [a.title for a in collect(later, force=False).new] == ["later"]


def test_one_bad_article_is_set_aside_and_the_others_go_on(site, directory):
    write(directory, "good")
    (directory / "articles" / "bad.md").write_bytes(b"---\ntitle: [\n---\nWords.\n")
    found = collect(site)
    assert [a.title for a in found.new] == ["good"]
    (problem,) = found.refused
    assert problem.path == "articles/bad.md"
    assert problem.line


def test_an_article_keeps_its_id_when_file_title_and_slug_change(site, directory):
    write(directory, "one")
    (before,) = collect(site).new
    (directory / "articles" / "one.md").unlink()
    write(directory, "renamed", slug="elsewhere")
    (after,) = collect(site).changed
    assert (after.id, after.title, after.slug) == (before.id, "renamed", "elsewhere")


def test_an_article_without_a_date_goes_out_at_once_by_a_clock_that_moves(tmp_path):
    """One instant decides a whole reading: by a second look at the clock the article would lie in the future."""
    site = write_site(tmp_path / "moving")
    (site / "articles" / "plain.md").write_text("# No date\n\nOnly words.\n", encoding="utf-8")
    ticks = count()
    opened = open_site(site, clock=lambda: NOW + next(ticks) / 1000)
    try:
        result = collect(opened)
        assert ([article.title for article in result.new], result.waiting) == (["No date"], 0)
    finally:
        opened.close()
