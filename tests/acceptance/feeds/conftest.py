"""A published site behind a real server on loopback, and programs that are there or are owed."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

import feeds
from publisher.model import Article
from publisher.pipeline.site import Site
from publisher.settings import Settings, load_settings
from publisher.store import Store, articles, open_store
from publisher.web.app import create_app
from tests.factories import write_site


def program(name: str) -> str:
    """The path of a Debian program; in CI its absence is a failure, elsewhere a reason to skip."""
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed; .ci/packages names it")
        pytest.skip(f"{name} is not installed")
    return found


@dataclass
class Published:
    """A site that is served at ``url`` and can be published again."""

    settings: Settings
    store: Store
    url: str

    def publish(self, *given: Article) -> feeds.WriteReport:
        with self.store.begin() as tx:
            for article in given:
                articles.save(tx, article, source_path=f"articles/{article.id}.md", now=0.0)
        with self.store.read() as tx:
            return feeds.write_all(self.settings, articles.newest(tx))

    @property
    def folder(self) -> Path:
        return self.settings.state / "feeds"


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    """The site's ``base_url`` is where it is really served, so that feed readers can follow every link."""
    yield from serve(tmp_path, lambda port: f"http://127.0.0.1:{port}")


def serve(site: Path, base_url: Callable[[int], str]) -> Iterator[Published]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    write_site(site, publication={"id": "tag:slow.example,2025:post", "base_url": base_url(port)})
    settings = load_settings(site, {})
    store = open_store(settings.database_url)
    app = create_app(Site(settings, store))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", proxy_headers=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        yield Published(settings, store, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        store.close()
