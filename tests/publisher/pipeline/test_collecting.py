"""Sources into articles and feeds: what is done, what is left, and what waits."""

from __future__ import annotations

import os

import pytest

from publisher.pipeline.collecting import collect
from publisher.pipeline.site import Site, open_site
from publisher.store import articles

NOW = 1_795_000_000.0  # 2026-11-18
PUBLICATION = """
[publication]
title = "The Slow Post"
base_url = "https://slow.example"
[sender]
address = "post@slow.example"
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "articles").mkdir()
    (tmp_path / "publication.toml").write_text(PUBLICATION)
    return tmp_path


@pytest.fixture
def context(site):
    opened = open_site(site, clock=lambda: NOW)
    yield opened
    opened.close()


def write(site, name: str, **front: str) -> None:
    lines = "\n".join(f"{key}: {value}" for key, value in {"title": name, "date": "2026-11-01", **front}.items())
    (site / "articles" / f"{name}.md").write_text(f"---\n{lines}\n---\nWords.\n")


def test_nothing_is_done_while_nothing_changed(context, site):
    write(site, "one")
    assert len(collect(context, force=False).new) == 1
    assert collect(context, force=False) is None
    os.utime(site / "articles" / "one.md", (1, 1))
    again = collect(context, force=False)
    assert (again.new, again.changed, again.unchanged, again.feed_files) == ([], [], 1, ())


def test_a_draft_is_not_saved_and_one_that_becomes_a_draft_is_withdrawn(context, site):
    write(site, "one")
    write(site, "two", draft="true")
    first = collect(context)
    assert ([a.title for a in first.new], first.drafts) == (["one"], 1)
    write(site, "one", draft="true")
    second = collect(context)
    assert second.withdrawn == 1
    with context.store.read() as tx:
        assert articles.newest(tx) == []


def test_an_article_dated_in_the_future_waits_until_then(context, site):
    write(site, "later", date="2026-11-20")
    assert collect(context, force=False).waiting == 1
    assert collect(context, force=False) is None
    later = Site(context.settings, context.store, lambda: NOW + 3 * 86400)
    assert [a.title for a in collect(later, force=False).new] == ["later"]


def test_one_bad_article_is_set_aside_and_the_others_go_on(context, site):
    write(site, "good")
    (site / "articles" / "bad.md").write_bytes(b"---\ntitle: [\n---\nWords.\n")
    found = collect(context)
    assert [a.title for a in found.new] == ["good"]
    (problem,) = found.refused
    assert problem.path == "articles/bad.md"
    assert problem.line


def test_an_article_keeps_its_id_when_file_title_and_slug_change(context, site):
    write(site, "one")
    (before,) = collect(context).new
    (site / "articles" / "one.md").unlink()
    write(site, "renamed", slug="elsewhere")
    (after,) = collect(context).changed
    assert (after.id, after.title, after.slug) == (before.id, "renamed", "elsewhere")
