"""Feeds: what a rebuild costs against plain feedgen, and how soon news are on the disk.

Two tables, each against a reference in the same run; read the ratios, not the seconds:

1. a full build, and a rebuild with one new article, against feedgen used as its README shows (RSS and Atom);
2. from an article to the bytes on the disk: 2,000 articles, 20 feeds of tags and authors, every format.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.table import Table

from bench.feed_site import PUBLICATION, article, console, settings_of
from publisher.model import Article

SIZES = (20, 200, 2_000, 20_000)
PUBLISHES = 40


def measure_feedgen(count: int) -> dict[str, float]:
    """feedgen as its README shows, everything at once; the reference."""
    from feedgen.feed import FeedGenerator

    articles = [article(number) for number in range(count)]
    times = []
    for _ in range(_runs(count)):
        start = time.perf_counter()
        generator = FeedGenerator()
        generator.id(PUBLICATION.id)
        generator.title(PUBLICATION.title)
        generator.link(href=PUBLICATION.base_url, rel="alternate")
        generator.description("Letters")
        generator.updated(articles[-1].updated)
        for each in reversed(articles):
            entry = generator.add_entry(order="append")
            entry.id(each.id)
            entry.title(each.title)
            entry.link(href=each.url)
            entry.updated(each.updated)
            entry.published(each.published)
            entry.author(name=each.authors[0].name)
            entry.summary(each.summary)
            entry.content(each.html, type="html")
            entry.enclosure(each.enclosures[0].url, str(each.enclosures[0].length), each.enclosures[0].media_type)
        size = len(generator.rss_str()) + len(generator.atom_str())
        times.append(time.perf_counter() - start)
    return {"full": min(times), "bytes": size, "peak": _peak()}


def measure_ours(count: int) -> dict[str, float]:
    """Ours: live feed and archive, RSS and Atom; then with one new article, kept entries, only what changed."""
    from feeds.building import Builder
    from feeds.cache import MemoryEntryCache
    from publisher.settings.feeds import FeedSettings

    both = FeedSettings(formats=("rss", "atom"))
    articles = [article(number) for number in range(count + _runs(count))]
    full, again, size = [], [], 0
    for _ in range(max(1, _runs(count) // 2)):
        cache = MemoryEntryCache()
        start = time.perf_counter()
        builder = Builder(PUBLICATION, articles[:count], feed=both, cache=cache)
        documents = list(builder.documents())
        size = sum(len(data) for _, data in builder.render(documents))
        full.append(time.perf_counter() - start)
    known = {document.signature for document in documents}
    for extra in range(1, _runs(count) + 1):
        start = time.perf_counter()
        builder = Builder(PUBLICATION, articles[: count + extra], feed=both, cache=cache)
        documents = list(builder.documents())
        for _ in builder.render(each for each in documents if each.signature not in known):
            pass
        again.append(time.perf_counter() - start)
        known = {document.signature for document in documents}
    return {"full": min(full), "again": statistics.median(again), "bytes": size, "peak": _peak()}


def _runs(count: int) -> int:
    return {20: 9, 200: 7, 2_000: 3}.get(count, 1)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _apart(what: str, count: int) -> dict[str, float]:
    """In a process of its own, so that the peak of memory is its own too."""
    code = f"import json; from bench import bench_feeds as b; print(json.dumps(b.measure_{what}({count})))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(out.stdout)
    return found


def builds() -> None:
    table = Table(title="Build, RSS and Atom, 5 kB an article (x = of feedgen's time)")
    for column in ("articles", "feedgen", "ours, full", "one new", "feedgen MB", "ours MB"):
        table.add_column(column, justify="right")
    for count in SIZES:
        theirs, ours = _apart("feedgen", count), _apart("ours", count)
        table.add_row(
            f"{count:,}",
            f"{theirs['full'] * 1e3:,.1f} ms",
            f"{ours['full'] * 1e3:,.1f} ms  {ours['full'] / theirs['full']:.2f}x",
            f"{ours['again'] * 1e3:,.1f} ms  {ours['again'] / theirs['full']:.3f}x",
            f"{theirs['peak']:,.0f}",
            f"{ours['peak']:,.0f}",
        )
    console.print(table)


def to_disk() -> None:
    import feeds

    tags = [f"Tag {number}" for number in range(10)]
    authors = [f"Author {number}" for number in range(10)]

    def one(number: int) -> Article:
        return article(number, (tags[number % 10], tags[number * 7 % 10]), (authors[number % 10],))

    with tempfile.TemporaryDirectory() as name:
        settings = settings_of(Path(name))
        articles = [one(number) for number in range(2_000)]
        start = time.perf_counter()
        first = feeds.write_all(settings, articles)
        whole = time.perf_counter() - start
        times = []
        for number in range(PUBLISHES):
            articles.append(one(2_000 + number))
            start = time.perf_counter()
            report = feeds.write_all(settings, articles)
            times.append(time.perf_counter() - start)
        reference = measure_feedgen_once(articles)
    times.sort()
    table = Table(title="Article to bytes on disk: 2,000 articles, 20 tag and author feeds, 3 formats, .gz and .br")
    for column in ("", "time", "of one feedgen build"):
        table.add_column(column, justify="right")
    for label, seconds in (
        (f"first build, {len(first.written):,} files", whole),
        ("one new article, median", statistics.median(times)),
        ("one new article, p95", times[int(len(times) * 0.95)]),
    ):
        table.add_row(label, f"{seconds * 1e3:,.0f} ms", f"{seconds / reference:.2f}x")
    table.add_row("feedgen: the whole feed, RSS and Atom, in memory", f"{reference * 1e3:,.0f} ms", "1x")
    console.print(table)
    console.print(f"each publish wrote about {len(report.written)} files and left {report.unchanged:,} documents alone")


def measure_feedgen_once(articles: list[Article]) -> float:
    return measure_feedgen(len(articles))["full"]


def main() -> None:
    builds()
    to_disk()


if __name__ == "__main__":
    main()
