"""What the benches of feeds measure on: a site, its articles, and processes that are gone at the end."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from publisher.model import Article, Author, Enclosure, Image, Publication
from publisher.settings import Settings

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
def process(command: list[str], port: int) -> Iterator[None]:
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
