"""Feeds: what a rebuild costs against plain feedgen, what serving costs against nginx, and how soon news are out.

Four tables, each against a reference in the same run; read the ratios, not the seconds:

1. a full build, and a rebuild with one new article, against feedgen used as its README shows (RSS and Atom);
2. answering 200 and 304 from our own server against nginx, one worker each, over the same file;
3. from an article to the bytes on the disk: 2,000 articles, 20 feeds of tags and authors, every format;
4. WebSub: a thousand subscribers on loopback are told of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from rich.console import Console
from rich.table import Table

from publisher.model import Article, Author, Enclosure, Image, Publication
from publisher.settings import Settings

SIZES = (20, 200, 2_000, 20_000)
SUBSCRIBERS = 1_000
PUBLISHES = 40
START = datetime(2020, 1, 1, tzinfo=UTC)
PUBLICATION = Publication("tag:slow.example,2020:post", "The Slow Post", "https://slow.example", author="The Editors")
console = Console(width=110)


def article(number: int, tags: tuple[str, ...] = (), authors: tuple[str, ...] = ("Ada Moretti",)) -> Article:
    """About 5 kB of HTML, with what articles have."""
    words = f"Sentence {number} about tea, toast &amp; the slow life of a harbour town in winter. " * 6
    url = f"https://slow.example/letters/{number}"
    return Article(
        id=f"letter-{number}",
        title=f"Letter {number}: tea & toast",
        url=url,
        published=START + timedelta(hours=number),
        updated=START + timedelta(hours=number),
        html=f'<p>{words}</p><h2>More</h2><p>{words} <a href="{url}#x" rel="noopener noreferrer">{number}</a></p>' * 5,
        summary=f"What letter {number} says",
        authors=tuple(Author(name) for name in authors),
        tags=tags,
        image=Image("https://slow.example/tea.jpg", "A pot of tea", 640, 480, "image/jpeg"),
        enclosures=(Enclosure("https://slow.example/letter.mp3", "audio/mpeg", 12_345),),
    )


# ------------------------------------------------------------------------------------------------ 1. builds


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


# ----------------------------------------------------------------------------------------------- 2. serving


def serving() -> None:
    wrk, nginx = shutil.which("wrk"), shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if wrk is None or nginx is None:
        console.print("Serving: not measured, wrk and nginx are needed (Debian packages of these names)")
        return
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        settings = settings_of(site)
        import feeds

        feeds.write_all(settings, [article(number) for number in range(50)])
        ours, theirs = _free_port(), _free_port()
        with _app(site, ours), _nginx(nginx, site, theirs):
            rates: dict[tuple[str, str], float] = {}
            for _ in range(2):
                for door, port in (("nginx", theirs), ("ours", ours)):
                    tag = _etag(port)
                    for kind, headers in (("200", []), ("304", ["-H", f"If-None-Match: {tag}"])):
                        rate = _wrk(wrk, port, headers)
                        rates[door, kind] = max(rate, rates.get((door, kind), 0.0))
    table = Table(title="Serving /feed.rss, one worker each, wrk on the same cores (requests/s)")
    for column in ("answer", "nginx, same file", "our server", "of nginx"):
        table.add_column(column, justify="right")
    for kind in ("200", "304"):
        theirs_rate, ours_rate = rates["nginx", kind], rates["ours", kind]
        table.add_row(kind, f"{theirs_rate:,.0f}", f"{ours_rate:,.0f}", f"{ours_rate / theirs_rate:.3f}x")
    console.print(table)


def settings_of(site: Path, **tables: object) -> Settings:
    return Settings.model_validate(
        {
            "directory": site,
            "publication": {"title": "The Slow Post", "base_url": "https://slow.example", "id": PUBLICATION.id},
            "sender": {"address": "post@slow.example"},
            "feed": {"downloads_per_minute": 0},
            **tables,
        }
    )


@contextlib.contextmanager
def _app(site: Path, port: int) -> Iterator[None]:
    code = (
        "import sys, uvicorn\nfrom pathlib import Path\nfrom bench.bench_feeds import settings_of\n"
        "from publisher.pipeline import Site\nfrom publisher.store import open_store\n"
        "from publisher.web.app import create_app\n"
        "settings = settings_of(Path(sys.argv[1]))\n"
        "app = create_app(Site(settings, open_store(settings.database_url)))\n"
        "uvicorn.run(app, port=int(sys.argv[2]), log_level='error', access_log=False, lifespan='off')\n"
    )
    with _process([sys.executable, "-c", code, str(site), str(port)], port):
        yield


@contextlib.contextmanager
def _nginx(nginx: str, site: Path, port: int) -> Iterator[None]:
    folder = site / "nginx"
    folder.mkdir()
    text = (Path(__file__).parents[1] / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    text = text.replace("/srv/masthead/state/feeds", f"{site}/state/feeds").replace("listen 80;", f"listen {port};")
    text = re.sub(r"\n\s*limit_req zone[^\n]*", "", text)  # what is measured is how fast, not how often
    module = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")
    load = f"load_module {module};\n" if module.exists() else ""
    text = text if load else text.replace("brotli_static on;", "")
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{load}{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{ }}\nhttp {{\naccess_log off;\n{places}{text}\n}}\n",
        encoding="utf-8",
    )
    command = [nginx, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    with _process(command, port):
        yield


@contextlib.contextmanager
def _process(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _etag(port: int) -> str:
    import httpx

    headers = {"accept-encoding": "identity", "host": "slow.example"}
    return str(httpx.get(f"http://127.0.0.1:{port}/feed.rss", headers=headers).headers["etag"])


def _wrk(wrk: str, port: int, headers: list[str]) -> float:
    command = [wrk, "-t1", "-c32", "-d3", "-H", "Host: slow.example", *headers, f"http://127.0.0.1:{port}/feed.rss"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out and not headers:
        raise SystemExit(f"the server refused: {out}")
    match = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return float(match[1]) if match else 0.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---------------------------------------------------------------------------------------------- 3. to the disk


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


# ------------------------------------------------------------------------------------------------- 4. WebSub


class _Subscriber(asyncio.Protocol):
    """As lean as can be: what is measured is our hub, and both share the cores."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            if head.startswith(b"GET "):
                query = urlsplit(head.split(b" ", 2)[1].decode()).query
                body = parse_qs(query)["hub.challenge"][0].encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
                return
            length = re.search(rb"(?i)content-length: (\d+)", head)
            self._left = int(length[1] if length else 0) - len(rest)
        if self._left <= 0:
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def serve_subscribers(port: int) -> None:
    """Run apart, so that the subscribers' work is not counted as ours."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Subscriber, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(run())


def fan_out() -> None:
    import feeds
    from publisher.store import open_store
    from publisher.store import websub as rows
    from publisher.websub import announce, fan_out_due

    port = _free_port()
    code = f"from bench import bench_feeds as b; b.serve_subscribers({port})"
    with tempfile.TemporaryDirectory() as name, _process([sys.executable, "-c", code], port):
        settings = settings_of(Path(name), net={"allow_private": ["127.0.0.0/8"]})
        store = open_store(settings.database_url)
        articles = [article(number) for number in range(30)]
        feeds.write_all(settings, articles)
        topic = "https://slow.example/feed.rss"
        now = time.time()
        with store.begin() as tx:
            for number in range(SUBSCRIBERS):
                callback = f"http://127.0.0.1:{port}/{number}"
                rows.ask(tx, "subscribe", topic, callback, host="127.0.0.1", secret="s", lease_seconds=9_999, now=now)
        start = time.perf_counter()
        verified = fan_out_due(store, settings)
        verifying = time.perf_counter() - start
        report = feeds.write_all(settings, [*articles, article(31)])
        size = (settings.state / "feeds" / "feed.rss").stat().st_size
        start = time.perf_counter()
        with store.begin() as tx:
            announce(tx, settings, report.changed, now=time.time())
        delivered = fan_out_due(store, settings)
        sending = time.perf_counter() - start
        store.close()
    table = Table(title=f"WebSub: {SUBSCRIBERS:,} subscribers on loopback, {size / 1000:.0f} kB each, signed")
    for column in ("", "done", "time", "a second"):
        table.add_column(column, justify="right")
    table.add_row("verified", f"{verified.verified:,}", f"{verifying:.2f} s", f"{verified.verified / verifying:,.0f}")
    table.add_row("notified", f"{delivered.delivered:,}", f"{sending:.2f} s", f"{delivered.delivered / sending:,.0f}")
    console.print(table)


def main() -> None:
    builds()
    serving()
    to_disk()
    fan_out()


if __name__ == "__main__":
    main()
