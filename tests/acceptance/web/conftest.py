"""A site that is served for real, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from PIL import Image as Picture
from sqlalchemy import text

import feeds
from publisher import posting
from publisher.channels import share_links
from publisher.digests.composing import compose
from publisher.lib.addresses import parse_address
from publisher.lib.links import preferences_url, unsubscribe_url
from publisher.mail.personal import Recipient
from publisher.mail.transport import Outgoing
from publisher.mail.transports.maildir import MaildirTransport
from publisher.model import Article, Author, EditionStatus, Enclosure, Image, RelatedArticle
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.settings.base import Table
from publisher.store import articles, editions, open_store, subscribers
from publisher.store.subscribers import NewSubscriber
from publisher.store.tables import chunk, delivery, subscriber
from publisher.store.tables import edition as edition_table
from publisher.subscribers.personal_links import confirm_url, keyring_of
from publisher.subscribers.subscribing import ask
from publisher.subscribers.wishes import Wishes
from publisher.web.app import create_app
from publisher.web.frame.paths import article_path, edition_mail_path
from tests.factories import article, write_site

BODY = """
<p>The harbour wakes before the town does. By half past four the first boats have their lights on, and the
<a href="https://example.org/ice">ice house</a> is already humming.</p>
<h2>What the ledger says</h2>
<p>For eleven years the cooperative has kept <em>one</em> book. <strong>Three of nine</strong> skippers sell direct.</p>
<blockquote><p>You trust the person who will tell you when it changes.</p></blockquote>
<p><img src="BASE/media/quay.png" alt="The quay at dawn"></p>
<p><img src="https://tracker.example/p.gif" alt="A map of the bay"></p>
<ul><li>Landed: 4,120</li><li>Disputed: 3</li></ul>
<pre><code>crates = landed - disputed  # much longer than any telephone is wide, so it scrolls</code></pre>
<table><tr><th>Year</th><th>Crates</th></tr><tr><td>2025</td><td>4,120</td></tr></table>
<p>Averyverylongwordthatnoboundarybreaksanditgoesonandonuntiltheendofthelineandbeyonditandfurther</p>
"""


def needed(found: bool, what: str) -> None:
    """Skip where a program is absent, fail where it must be there."""
    if found:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is absent; .ci/run installs it")
    pytest.skip(f"{what} is absent")


@dataclass
class Served:
    """A running site; ``edition`` is the number of the one that was sent."""

    url: str
    edition: int
    messages: list[str] = field(default_factory=list)
    preferences: str = ""
    unsubscribe: str = ""
    confirm: str = ""


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    number, names, store, settings = _publish(folder, url)
    config = uvicorn.Config(create_app(Site(settings, store)), log_level="critical", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield Served(url, number, names, **_subscriber(store, settings))
    server.should_exit = True
    thread.join(10)
    store.close()


def _subscriber(store, settings) -> dict[str, str]:
    """One subscriber's links, and the link of someone who has yet to confirm."""
    keys = keyring_of(store)
    with store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("reader@post.example")], now=0.0, digests=["digest"])
        row = tx.execute(subscriber.select()).one()
    now = time.time()
    ask(store, settings, parse_address("new@post.example"), Wishes(), network="192.0.2.1", now=now)
    return {
        "preferences": preferences_url("", keys, row.id),
        "unsubscribe": unsubscribe_url("", keys, row.id),
        "confirm": confirm_url(settings, keys, 1, now).removeprefix(settings.publication.base_url),
    }


def _publish(folder: Path, url: str):
    (folder / "media").mkdir()
    Picture.linear_gradient("L").resize((600, 400)).convert("RGB").save(folder / "media" / "quay.png")
    write_site(
        folder,
        publication={
            "base_url": url,
            "description": "Reports that were given the time they needed.",
            "copyright": "Reprint freely, with our name.",
        },
        sender={"postal_address": "1 Quay Street, Port"},
        channels=[{"name": kind, "kind": kind, "dry_run": True} for kind in ("facebook", "x", "reddit")],
    )
    settings = load_settings(folder)
    store = open_store(settings.database_url)
    made = [_article(number, url) for number in range(9)]
    with store.begin() as tx:
        for one in made:
            articles.save(tx, one, source_path=one.id, now=0.0)
        number = editions.create(tx, "digest", "The Slow Post", made[:4], now=made[0].published.timestamp())
        edition = editions.get(tx, number)
        links = {
            a.id: tuple((s.label, s.url) for s in share_links.links_for(a, settings.publication.share_targets))
            for a in edition.articles
        }
        compiled = compose(edition, settings, share_links=links).compiled
        editions.save_variant(tx, number, "en", compiled.to_bytes(), now=0.0)
        editions.move(tx, number, EditionStatus.DRAFT, to=EditionStatus.DONE)
        _ledger(tx, number)
    feeds.write_all(settings, made)
    posting.queue_posts(store, settings, made, made[0].published)
    with store.begin() as tx:
        tx.execute(text("UPDATE post SET status = 'unknown', reason = 'the answer was lost' WHERE id = 1"))
        tx.execute(text("UPDATE channel SET paused = 1, reason = 'a dead token' WHERE name = 'x'"))
    transport = MaildirTransport(Table(), settings)
    for key, name in (("1", "Mara Lindqvist"), ("2", "Tomás Ó Néill"), ("3", "")):
        subscriber = Recipient(
            key=key,
            address=f"reader{key}@post.example",
            name=name,
            unsubscribe_url="https://slow.example/u/abcdefghijklmnopqrstuvwx",
            preferences_url="https://slow.example/p/abcdefghijklmnopqrstuvwx",
            web_url=url + edition_mail_path(number),
            date=edition.created,
        )
        message_id = compiled.message_id(key)
        transport.send(Outgoing(0, "post@slow.example", subscriber.address, compiled.message(subscriber), message_id))
    names = sorted(path.name for path in (settings.state / "outbox" / "new").iterdir())
    return number, names, store, settings


def _ledger(tx, number: int) -> None:
    """An edition half sent: a bit of everything."""
    counts = {"sent": 90, "failed": 4, "suppressed": 2, "in_doubt": 1}
    tx.execute(
        edition_table.update().values(status="paused", audience=120, frozen=1.0, reason="paused by the operator")
    )
    tx.execute(chunk.insert().values(id=1, edition_id=number, ordinal=0, due=1.0, size=120, **counts))
    for index, (state, reply) in enumerate(((6, "cut off after DATA"), (3, "550 5.1.1 no such user")), start=1):
        row = {"id": index, "edition_id": number, "chunk_id": 1, "subscriber_id": index, "state": state}
        row |= {"address": f"reader{index}@post.example", "address_hash": str(index), "variant": "0", "attempts": 1}
        tx.execute(delivery.insert().values(**row, code=550 if state == 3 else None, reply=reply))


def _article(number: int, url: str) -> Article:
    when = datetime(2026, 11, 20, 7, 30, tzinfo=UTC) - timedelta(days=2 * number)
    piece = article(
        number,
        id=f"piece-{number}",
        title="The quay keeps one book, and it is never wrong for long" if number == 0 else f"Piece {number} & others",
        url="",
        published=when,
        updated=when + timedelta(days=2 if number == 0 else 0),
        html=BODY.replace("BASE", url),
        summary="How a small cooperative settles its disputes before breakfast." if number % 3 else "",
        authors=(Author("Ada Moretti"), Author("Jun Okafor")) if number % 2 == 0 else (),
        section=("Coast", "Hills", "Work")[number % 3],
        tags=("harbours", "book-keeping")[: 1 + number % 2],
        image=Image(f"{url}/media/quay.png", "The quay at dawn", 600, 400) if number % 2 == 0 else None,
        enclosures=(Enclosure(f"{url}/media/talk.mp3", "audio/mpeg", 9_000_000, "Hear it", 900),)
        if number == 0
        else (),
        related=(RelatedArticle("A pointer to another piece, elsewhere.", date(2025, 7, 24)),) if number == 0 else (),
        share_targets=("facebook", "x", "reddit", "mastodon", "email") if number == 0 else (),
    )
    return replace(piece, url=url + article_path(piece))


@pytest.fixture(scope="session")
def axe_source():
    """axe-core's script: where ``AXE_PATH`` says, or from npm into a temporary directory in CI."""
    path = Path(
        os.environ.get("AXE_PATH", Path(tempfile.gettempdir()) / "masthead-axe/node_modules/axe-core/axe.min.js")
    )
    needed(path.is_file(), "axe-core (set AXE_PATH to axe.min.js)")
    return path.read_text(encoding="utf-8")
