"""A kind of source is one file, whatever it reads from: here rows in memory, with options and a counter."""

from __future__ import annotations

import sys

import pytest

from publisher.articles import sources
from publisher.errors import SettingsError
from publisher.pipeline.collecting import collect
from publisher.pipeline.site import open_site
from publisher.settings.publication import PublicationSettings, SourceSettings
from tests.factories import write_site

PUBLICATION = PublicationSettings(title="The Slow Post", base_url="https://slow.example")
SHELF = '''
"""Rows in memory."""

from pydantic import Field

from publisher.articles.documents import Document
from publisher.articles.sources import BaseSource, SourceReading
from publisher.settings.base import Table

ROWS = {}
CALLS = []


class Source(BaseSource):
    class Options(Table):
        shelf: str
        most: int = Field(default=10, ge=1)

    options: Options

    def cursor(self):
        CALLS.append("cursor")
        return str(ROWS.get("version", 0))

    def read(self):
        CALLS.append("read")
        rows = sorted(ROWS.get(self.options.shelf, {}).items())[: self.options.most]
        return SourceReading(tuple(
            Document(path=f"{self.options.shelf}/{key}", title=text, html=f"<p>{text}</p>", source=self.hash_of(text))
            for key, text in rows
        ))
'''


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The module of a kind that is there for as long as the test."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "shelf.py").write_text(SHELF)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    sources.open_source(SourceSettings(kind="shelf", shelf="new"), tmp_path, PUBLICATION)
    module = sys.modules["publisher.articles.sources.shelf"]
    yield module
    del sys.modules["publisher.articles.sources.shelf"]


@pytest.fixture
def site(tmp_path, shelf):
    table = {"kind": "shelf", "shelf": "new", "section": "Rows"}
    opened = open_site(write_site(tmp_path / "site", sources=[table]), clock=lambda: 1_795_000_000.0)
    yield opened
    opened.close()


def test_a_source_that_is_no_folder_is_read(site, shelf):
    shelf.ROWS["new"] = {"1": "First row", "2": "Second row"}
    found = collect(site)
    assert sorted(article.title for article in found.new) == ["First row", "Second row"]
    assert "feed.rss" in found.feed_files


def test_it_says_itself_whether_it_changed(site, shelf):
    shelf.ROWS["new"] = {"1": "First row"}
    assert len(collect(site, force=False).new) == 1
    shelf.CALLS.clear()
    shelf.ROWS["new"]["2"] = "Nobody was told of this row"
    assert collect(site, force=False) is None
    assert shelf.CALLS == ["cursor"]
    shelf.ROWS["version"] = 1
    assert [article.title for article in collect(site, force=False).new] == ["Nobody was told of this row"]
    assert collect(site, force=False) is None


def test_another_rendering_of_its_rows_is_no_news(site, shelf, monkeypatch):
    shelf.ROWS["new"] = {"1": "First row"}
    collect(site)
    monkeypatch.setattr(shelf, "Document", lambda **values: sources.Document(**{**values, "html": "<p>Other.</p>"}))
    again = collect(site)
    assert (again.changed, again.unchanged, again.rendered) == ([], 1, 1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "pigeon"}, "sources[0].kind = 'pigeon': expected one of markdown, page, shelf"),
        ({"kind": "shelf"}, "sources[0].shelf: missing; a value is required"),
        (
            {"kind": "shelf", "shelf": "a", "path": "b"},
            "sources[0].path: unknown key; the kind shelf knows shelf, most",
        ),
        ({"kind": "shelf", "shelf": "a", "most": 0}, "sources[0].most = 0: Input should be greater than or equal to 1"),
        ({"path": "../out"}, "sources[0].path = '../out': expected a directory inside the site, such as articles"),
        ({"ignroe": ["a"]}, "sources[0].ignroe: unknown key; the kind markdown knows path, ignore"),
    ],
)
@pytest.mark.usefixtures("shelf")
def test_wrong_options_are_one_line_when_the_site_is_opened(tmp_path, table, message):
    with pytest.raises(SettingsError) as caught:
        open_site(write_site(tmp_path / "site", sources=[table]))
    assert str(caught.value) == message


def test_todays_tables_of_files_keep_working(tmp_path):
    table = SourceSettings.model_validate({"kind": "page", "path": "pages", "ignore": ["notes/*"]})
    opened = sources.open_source(table, tmp_path, PUBLICATION)
    assert (opened.options.path, opened.options.ignore) == ("pages", ("notes/*",))
    assert sources.open_source(SourceSettings(), tmp_path, PUBLICATION).options.path == "articles"
