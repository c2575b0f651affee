"""Every feed format keeps to the same contract, and a file in the folder is all that a new one needs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import feeds
from feeds.formats import check_formats, format_of, formats
from publisher.errors import SettingsError
from publisher.pipeline.site import Site, open_site
from publisher.settings.feeds import FeedSettings, FeedsSettings
from publisher.store import articles as stored
from publisher.web.app import create_app
from tests.factories import BASE_URL, write_site

NGINX = (Path(__file__).parents[2] / "deploy" / "nginx.conf").read_text(encoding="utf-8")
LINES = '''
"""One line a letter: the plainest feed there can be."""

from feeds.formats import BaseFormat, Glance, Pieces


class Format(BaseFormat):
    label = "Lines"
    version = "0.1"
    extension = "lines"
    media_type = "text/x-lines; charset=utf-8"

    def entry(self, entry):
        return f"{entry.url} {entry.title}\\n".encode()

    def document(self, head, entries):
        return f"# {head.title}\\n".encode() + b"".join(entries)

    def split(self, document):
        head, *entries = document.splitlines(keepends=True)
        return Pieces(head, entries, b"")

    def join(self, pieces):
        return pieces.before + b"".join(pieces.entries) + pieces.after

    def glance(self, document):
        return document.decode().splitlines()[0], []
'''


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """A format that is there for as long as the test."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "lines.py").write_text(LINES)
    monkeypatch.setattr(feeds.formats, "__path__", [*feeds.formats.__path__, str(folder)])
    yield
    sys.modules.pop("feeds.formats.lines", None)


@pytest.mark.parametrize("name", formats())
class TestEveryFormat:
    def test_it_says_what_it_is(self, name):
        form = formats()[name]
        assert form.name == name
        assert form.title.startswith(form.label)
        assert re.fullmatch(r"[a-z0-9]+", form.extension)
        assert re.fullmatch(r"[a-z]+/[a-z.+-]+(; charset=utf-8)?", form.media_type)
        assert format_of(f"feeds/tag/tea.{form.extension}") is form

    def test_its_documents_are_cut_and_joined_again_to_the_letter(self, name, publication, article):
        form = formats()[name]
        document = feeds.build(publication, [article(1), article(2)])[f"feed.{form.extension}"]
        pieces = form.split(document)
        assert len(pieces.entries) == 2
        assert form.join(pieces) == document

    def test_a_person_is_shown_its_entries(self, name, publication, article):
        form = formats()[name]
        title, entries = form.glance(feeds.build(publication, [article(1)])[f"feed.{form.extension}"])
        assert title == publication.title
        assert [(each.title, each.url) for each in entries] == [(article(1).title, article(1).url)]

    def test_nginx_serves_it_as_we_do(self, name):
        form = formats()[name]
        assert re.search(rf'"{re.escape(form.media_type)}"\s+{form.extension};', NGINX)
        location = next(each for each in re.findall(r"location ~ (\S+) {", NGINX) if "opml" in each)
        assert re.fullmatch(location, f"/feed.{form.extension}")
        assert re.fullmatch(location, f"/feeds/tag/tea.{form.extension}")


def test_no_two_formats_share_an_extension():
    extensions = [form.extension for form in formats().values()]
    assert len(set(extensions)) == len(extensions)


def test_they_are_listed_in_an_order_of_their_own():
    assert list(formats()) == ["rss", "atom", "json"]
    assert [form.title for form in formats().values()] == ["RSS 2.0", "Atom 1.0", "JSON Feed 1.1"]


@pytest.mark.usefixtures("lines")
def test_a_file_in_the_folder_is_a_format_that_is_built_listed_and_served(tmp_path, article):
    piece = article(1)
    site = open_site(write_site(tmp_path / "site", feed={"formats": ["atom", "lines"]}))
    try:
        with site.store.begin() as tx:
            stored.save(tx, piece, source_path="a.md", now=0.0)
        written = feeds.write_all(site.settings, [piece]).written
        assert {"feed.atom", "feed.lines", "feeds/tag/tea.lines"} <= set(written)
        expected = f"# The Slow Post\n{piece.url} {piece.title}\n".encode()
        assert (site.settings.state / "feeds" / "feed.lines").read_bytes() == expected

        built = feeds.load_catalogue(site.settings.state)
        assert built[0].urls["lines"] == f"{BASE_URL}/feed.lines"
        link = feeds.autodiscovery(built[:1])[1]
        assert (link.href, link.media_type) == (f"{BASE_URL}/feed.lines", "text/x-lines")
        assert link.title.endswith("(Lines)")
        assert b"feed.lines" not in (site.settings.state / "feeds" / "feeds.opml").read_bytes()

        client = reader_of(site)
        answer = client.get("/feed.lines")
        assert (answer.status_code, answer.content) == (200, expected)
        assert answer.headers["content-type"] == "text/x-lines; charset=utf-8"
        assert '<a href="/feed.lines">Lines<' in client.get("/feeds").text
        page = client.get("/feed.lines", headers={"sec-fetch-dest": "document"})
        assert page.headers["content-type"].startswith("text/html")
        assert "Atom" in page.text
    finally:
        site.close()


def reader_of(site: Site) -> TestClient:
    return TestClient(create_app(site), base_url=BASE_URL, client=("203.0.113.9", 4711), follow_redirects=False)


def test_a_format_that_is_none_is_one_line_when_the_site_is_opened(tmp_path):
    with pytest.raises(SettingsError) as caught:
        open_site(write_site(tmp_path, feed={"formats": ["rss", "rdf"]}))
    assert str(caught.value) == "feed.formats = 'rdf': expected one of atom, json, rss"
    with pytest.raises(SettingsError, match=r"^feeds\[0\]\.formats = 'rdf': expected one of"):
        check_formats(FeedSettings(), [FeedsSettings(name="calm", formats=("rdf",))])


@pytest.mark.usefixtures("lines")
def test_a_catalogue_of_a_format_that_is_gone_is_read_without_it(tmp_path, article, monkeypatch):
    site = open_site(write_site(tmp_path / "site", feed={"formats": ["atom", "lines"]}))
    try:
        feeds.write_all(site.settings, [article(1)])
        monkeypatch.setattr(feeds.formats, "__path__", list(feeds.formats.__path__)[:1])
        (main, *_) = feeds.load_catalogue(site.settings.state)
        assert [form.name for form, _ in feeds.in_formats(main)] == ["atom"]
    finally:
        site.close()
