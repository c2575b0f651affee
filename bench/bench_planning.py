"""Subscribers planned per second, by how alike they are; the reference is the plain way, subscriber by subscriber.

Then a whole planning on SQLite, and for how long nobody else could write meanwhile.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from publisher.digests.planning import Released, SubscriptionState, next_slot, plan
from publisher.model import Article, Cadence, Subscription
from publisher.pipeline.planning import plan_editions
from publisher.pipeline.site import Site
from publisher.settings import Settings
from publisher.store import Store, Tx, articles, editions, open_store
from publisher.store.subscribers import NewSubscriber

NOW = 1_800_000_000.0
ZONES = ("Europe/Rome", "America/New_York", "Asia/Tokyo", "Africa/Cairo", "Australia/Sydney", "America/Sao_Paulo")
TAGS = tuple(f"tag{number}" for number in range(40))


def _articles(count: int) -> list[Released]:
    rng = random.Random(1)
    return [
        Released(
            number, NOW - 3600, f"a{number}", rng.choice(TAGS[:8]), tuple(rng.sample(TAGS, 3)), (rng.choice("abc"),)
        )
        for number in range(1, count + 1)
    ]


def _states(count: int, topics: int) -> list[SubscriptionState]:
    rng = random.Random(2)
    subscribers = []
    for number in range(count):
        asked = Subscription(
            number,
            "digest",
            tags=tuple(sorted(rng.sample(TAGS, topics))) if topics else (),
            cadence=rng.choice(list(Cadence)),
            hour=rng.randint(0, 23),
            timezone=rng.choice(ZONES),
        )
        subscribers.append(SubscriptionState(asked, cursor=rng.randint(0, 5), due_at=NOW))
    return subscribers


def _plain(articles: list[Released], subscribers: list[SubscriptionState]) -> int:
    """Each subscriber by itself: every article compared, every next slot computed afresh, sets put together after."""
    variants: dict[tuple[str, ...], list[int]] = {}
    for number, subscriber in enumerate(subscribers):
        asked = subscriber.subscription
        wanted = frozenset(tag.casefold() for tag in asked.tags)
        chosen = tuple(
            article.article_id
            for article in articles
            if article.position > subscriber.cursor
            and (not wanted or not wanted.isdisjoint(tag.casefold() for tag in (article.section, *article.tags)))
        )
        variants.setdefault(chosen[:20][::-1], []).append(asked.subscriber_id)
        next_slot(asked, NOW + number / 1e6)  # a new instant each time, so nothing is remembered
    return len(variants)


def _filled(directory: Path, count: int, subscribers: int) -> Store:
    """A database with ``count`` articles of 20 kB, all after everybody's cursor, and an edition before them."""
    store = open_store(f"sqlite:///{directory / 'masthead.db'}")
    people = (NewSubscriber(f"reader{number}@example.org") for number in range(subscribers))
    with store.begin() as tx:
        subscribers.import_list(tx, people, now=NOW - 7200, digests=["digest"])
        editions.create(tx, "digest", "The one before", [], now=NOW - 7200)
        for number in range(count):
            moment = datetime.fromtimestamp(NOW - 3600 + number / 1000, UTC)
            one = Article(f"a{number}", f"Story {number}", f"https://x.example/{number}", moment, moment)
            articles.save(
                tx, replace(one, html="<p>words</p>" * 1700, tags=(TAGS[number % 40],)), source_path="", now=NOW
            )
    return store


def _whole(count: int, subscribers: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = _filled(Path(name), count, subscribers)
        settings = Settings.model_validate(
            {
                "directory": name,
                "publication": {"title": "The Slow Post", "base_url": "https://slow.example"},
                "sender": {"address": "post@slow.example"},
                "digests": [{"name": "digest", "max_articles": 20}],
            }
        )
        held: list[float] = []
        begin = Store.begin

        @contextmanager
        def timed(self: Store, *, snapshot: bool = False) -> Iterator[Tx]:
            with begin(self, snapshot=snapshot) as tx:
                started = time.perf_counter()
                yield tx
            held.append(time.perf_counter() - started)

        Store.begin = timed  # type: ignore[method-assign]
        try:
            started = time.perf_counter()
            plan_editions(Site(settings, store, lambda: NOW))
            took = time.perf_counter() - started
        finally:
            Store.begin = begin  # type: ignore[method-assign]
            store.close()
    print(f"{count:>9} {subscribers:>9} {took:>8.2f} {max(held):>14.2f}", flush=True)


def main() -> None:
    released = _articles(30)
    print(f"{'subscribers':>9} {'topics each':>12} {'variants':>9} {'seconds':>8} {'plain':>8} {'ratio':>6}")
    for count, topics in ((1_000, 2), (10_000, 2), (100_000, 0), (100_000, 2), (100_000, 4)):
        subscribers = _states(count, topics)
        started = time.perf_counter()
        made = plan("digest", released, subscribers, NOW, 20)
        took = time.perf_counter() - started
        started = time.perf_counter()
        _plain(released, subscribers[: count // 10])
        plain = (time.perf_counter() - started) * 10
        print(
            f"{count:>9} {topics:>12} {len(made.editions):>9} {took:>8.2f} {plain:>8.2f} {plain / took:>6.1f}",
            flush=True,
        )
    print(f"\n{'articles':>9} {'subscribers':>9} {'seconds':>8} {'write held s':>14}")
    for count, people in ((100, 1_000), (2_000, 1_000), (2_000, 100_000)):
        _whole(count, people)


if __name__ == "__main__":
    main()
