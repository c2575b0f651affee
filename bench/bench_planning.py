"""Readers planned per second, by how alike they are; the reference is the plain way, reader by reader."""

from __future__ import annotations

import random
import time

from publisher.digests.planning import Reader, Released, next_slot, plan
from publisher.model import Cadence, Subscription

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


def _readers(count: int, topics: int) -> list[Reader]:
    rng = random.Random(2)
    readers = []
    for number in range(count):
        asked = Subscription(
            number,
            "digest",
            tags=tuple(sorted(rng.sample(TAGS, topics))) if topics else (),
            cadence=rng.choice(list(Cadence)),
            hour=rng.randint(0, 23),
            timezone=rng.choice(ZONES),
        )
        readers.append(Reader(asked, cursor=rng.randint(0, 5), due_at=NOW))
    return readers


def _plain(articles: list[Released], readers: list[Reader]) -> int:
    """Each reader by itself: every article compared, every next slot computed afresh, sets put together after."""
    variants: dict[tuple[str, ...], list[int]] = {}
    for number, reader in enumerate(readers):
        asked = reader.subscription
        wanted = frozenset(tag.casefold() for tag in asked.tags)
        chosen = tuple(
            article.article_id
            for article in articles
            if article.position > reader.cursor
            and (not wanted or not wanted.isdisjoint(tag.casefold() for tag in (article.section, *article.tags)))
        )
        variants.setdefault(chosen[:20][::-1], []).append(asked.subscriber_id)
        next_slot(asked, NOW + number / 1e6)  # a new instant each time, so nothing is remembered
    return len(variants)


def main() -> None:
    articles = _articles(30)
    print(f"{'readers':>9} {'topics each':>12} {'variants':>9} {'seconds':>8} {'plain':>8} {'ratio':>6}")
    for count, topics in ((1_000, 2), (10_000, 2), (100_000, 0), (100_000, 2), (100_000, 4)):
        readers = _readers(count, topics)
        started = time.perf_counter()
        made = plan("digest", articles, readers, NOW, 20)
        took = time.perf_counter() - started
        started = time.perf_counter()
        _plain(articles, readers[: count // 10])
        plain = (time.perf_counter() - started) * 10
        print(
            f"{count:>9} {topics:>12} {len(made.editions):>9} {took:>8.2f} {plain:>8.2f} {plain / took:>6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
