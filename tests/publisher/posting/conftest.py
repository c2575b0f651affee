"""A site with one channel per fake, and a clock that tests turn by hand."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from publisher import posting
from publisher.channels import BaseChannel
from publisher.model import Article, Image
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Store, open_store, posts
from publisher.store import articles as saved
from tests import factories
from tests.fakes import Fake


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def article(number: int = 1, **values: Any) -> Article:
    given = {
        "title": f"Story {number}: the tide & its table",
        "url": f"https://paper.example.org/stories/{number}?a=1&b=2#top",
        "summary": "What the harbour master saw.",
        "tags": ("sea level", "harbour"),
        "image": Image("https://paper.example.org/i.png", "A harbour at low tide"),
    }
    return factories.article(number, **{**given, **values})


def png(width: int = 1800, height: int = 1200) -> bytes:
    out = io.BytesIO()
    Pillow.effect_noise((width, height), 90).convert("RGB").save(out, "PNG")
    return out.getvalue()


@dataclass
class Site:
    """A publication whose channels lead to fakes."""

    path: Path
    store: Store
    fakes: dict[str, Fake]
    clock: Clock
    tables: dict[str, dict[str, Any]]
    zone: str = "UTC"
    private: list[str] = field(default_factory=lambda: ["127.0.0.0/8"])

    @property
    def settings(self) -> Settings:
        channels = [
            {"name": name, "kind": fake.kind, "options": fake.options(), **self.tables.get(name, {})}
            for name, fake in self.fakes.items()
        ]
        publication = {"title": "The Paper", "base_url": "https://paper.example.org", "timezone": self.zone}
        return factories.settings(
            self.path, publication=publication, channels=channels, net={"allow_private": self.private}
        )

    def connect(self) -> None:
        """Let every channel be seen while there is nothing to post."""
        posting.queue_posts(self.store, self.settings, [], self.clock())

    def save(self, *articles: Article) -> None:
        with self.store.begin() as tx:
            for one in articles:
                saved.save(tx, one, source_path=one.id, now=self.clock().timestamp())

    def queue(self, *articles: Article) -> posting.QueueReport:
        self.save(*articles)
        return posting.queue_posts(self.store, self.settings, articles, self.clock())

    def send(self, **more: Any) -> posting.SendReport:
        return posting.send_due(self.store, self.settings, clock=self.clock, **more)

    def settle(self, rounds: int = 7, step: float = 700) -> None:
        """Let a long time pass, with a tick every now and then."""
        for _ in range(rounds):
            self.clock.advance(step)
            self.send()

    def known(self, name: str) -> tuple[BaseChannel, ChannelSettings]:
        """The channel with what its platform has told, for a look that sends nothing; and its table."""
        table = posting.channel_table(self.settings, name)
        with self.store.read() as tx:
            return posting.open_known(tx, self.settings, table, dry_run=True), table

    def row(self, name: str, number: int = 1) -> Any:
        with self.store.read() as tx:
            return posts.of_article(tx, name, f"article-{number}")[0]


@pytest.fixture
def site_of(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make a site of fakes: ``site_of(FakeX, FakeFacebook, x={"spacing_minutes": 5})``."""
    with ExitStack() as stack:

        def make(*kinds: type[Fake], connect: bool = True, url: str = "", **tables: dict[str, Any]) -> Site:
            fakes = {kind.kind: stack.enter_context(kind()) for kind in kinds}
            for fake in fakes.values():
                for name, value in fake.environment().items():
                    monkeypatch.setenv(name, value)
            if not url:
                shutil.copy(migrated, tmp_path / "masthead.db")
            store = open_store(url or f"sqlite:///{tmp_path / 'masthead.db'}")
            stack.callback(store.close)
            site = Site(tmp_path, store, fakes, Clock(), tables)
            if connect:
                site.connect()
            return site

        yield make
