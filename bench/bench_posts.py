"""Posts formatted per second and kind: template, count, cut and facets; the reference is the text cut by ``len``.

The reference renders the same template and slices the text at the limit, as most tools do: it counts wrongly and
splits links, and is what correct counting must be compared with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from publisher.channels import kinds, open_channel
from publisher.model import Article, Publication
from publisher.posting.compose import compose
from publisher.rendering.posts import post_text
from publisher.settings.channels import ChannelSettings

PUBLICATION = Publication(id="p", title="The Paper", base_url="https://example.org")
WHEN = datetime(2026, 3, 1, tzinfo=UTC)
ARTICLES = [
    Article(
        id=f"a{number}",
        title=f"Story {number}: 漢字 & 👨‍👩‍👧‍👦 on the quay",
        url=f"https://example.org/stories/{number}?a=1&b=2#top",
        published=WHEN,
        updated=WHEN,
        summary="The harbour master counted the boats and then the gulls; nobody counted the fish. " * (1 + number % 9),
        tags=("sea level", "harbour", "gulls"),
    )
    for number in range(200)
]


def _rate(work: Callable[[Article], object]) -> float:
    for article in ARTICLES[:20]:
        work(article)
    started = time.perf_counter()
    for article in ARTICLES:
        work(article)
    return len(ARTICLES) / (time.perf_counter() - started)


def main() -> None:
    print(f"{'kind':<10} {'posts/s':>9} {'by len()':>9} {'ratio':>6}")
    for kind in kinds():
        table = ChannelSettings(name=kind, kind=kind, dry_run=True)
        channel = open_channel(table)

        def ours(article: Article, channel=channel, table=table) -> object:  # type: ignore[no-untyped-def]
            made = compose(article, channel, table, PUBLICATION, None)
            return [channel.facets(text) for text in made.texts]

        def plain(article: Article, kind: str = kind, limit: int = channel.limit) -> object:
            values = {"title": article.title, "summary": article.summary, "url": article.url, "hashtags": "#a #b"}
            return post_text(None, kind, values)[:limit]

        fast, reference = _rate(ours), _rate(plain)
        print(f"{kind:<10} {fast:>9,.0f} {reference:>9,.0f} {fast / reference:>6.2f}")


if __name__ == "__main__":
    main()
