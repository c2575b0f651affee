"""WebSub: a thousand subscribers on loopback are verified, and told of an article."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from rich.table import Table

from bench.feed_site import article, console, free_port, process, settings_of

SUBSCRIBERS = 1_000


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

    port = free_port()
    code = f"from bench import bench_websub as b; b.serve_subscribers({port})"
    with tempfile.TemporaryDirectory() as name, process([sys.executable, "-c", code], port):
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
    fan_out()


if __name__ == "__main__":
    main()
