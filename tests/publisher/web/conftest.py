"""A site in a temporary directory with a few articles, and clients that stand near and far."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from publisher.model import Article, Author, Image
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import articles, open_store
from publisher.web.app import create_app
from publisher.web.frame.paths import article_path
from tests.factories import BASE_URL as BASE
from tests.factories import article, write_site


def make_article(number: int = 1, **values) -> Article:
    day = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(days=number)
    piece = article(
        number,
        **{
            "id": f"piece-{number}",
            "title": f"Piece number {number}",
            "url": "",
            "published": day,
            "html": "<p>Some words that were sanitised.</p>",
            "section": "Coast" if number % 2 else "Hills",
            "tags": ("boats", "ice") if number % 2 else ("rain",),
            "authors": (Author("Ada Moretti"),),
            "summary": f"What piece {number} is about.",
            **values,
        },
    )
    return piece if piece.url else dataclasses.replace(piece, url=BASE + article_path(piece))


@pytest.fixture
def site_dir(tmp_path):
    write_site(tmp_path, publication={"description": "Reports that were given time.", "timezone": "Europe/Rome"})
    (tmp_path / "media").mkdir()
    return tmp_path


@pytest.fixture
def store(site_dir, migrated):
    (site_dir / "state").mkdir(exist_ok=True)
    shutil.copy(migrated, site_dir / "state" / "masthead.db")
    opened = open_store(load_settings(site_dir).database_url)
    yield opened
    opened.close()


@pytest.fixture
def add(store):
    def put(*given: Article) -> None:
        with store.begin() as tx:
            for one in given:
                articles.save(tx, one, source_path=f"articles/{one.id}.md", now=0.0)

    return put


@pytest.fixture
def app(site_dir, store):
    return create_app(Site(load_settings(site_dir), store))


@pytest.fixture
def far(app):
    """A subscriber somewhere on the network."""
    return TestClient(
        app, base_url=BASE, client=("203.0.113.9", 4711), follow_redirects=False, raise_server_exceptions=False
    )


def on_loopback(settings):
    """The same settings where ``base_url`` is loopback: the desk of a public site is served to nobody."""
    publication = settings.publication.model_copy(update={"base_url": "http://127.0.0.1:8000"})
    return settings.model_copy(update={"publication": publication})


@pytest.fixture
def near(site_dir, store):
    """The operator: a browser on the very machine whose loopback address the site has."""
    return TestClient(
        create_app(Site(on_loopback(load_settings(site_dir)), store)),
        base_url="http://127.0.0.1:8000",
        client=("127.0.0.1", 4711),
        follow_redirects=False,
        raise_server_exceptions=False,
    )


@pytest.fixture
def picture():
    return Image(f"{BASE}/media/quay.jpg", "The quay at dawn", 1200, 800)


@pytest.fixture
def article_of():
    """Makes sample articles; see :func:`make_article`."""
    return make_article
