"""Messages composed per second: byte segments against Jinja and premailer for every subscriber, in the same run.

The edition grows until its HTML part, before inlining, has the size in the table. Signed means one RSA-2048 DKIM
signature a message, which is then nearly all of the time: sign in several processes, or let the relay sign.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from publisher.digests.composing import Recipient, compose
from publisher.mail.dkim import Key, Signer
from publisher.model import Article, Author, Edition
from publisher.rendering.digest_values import Shown, article_body, digest_values
from publisher.rendering.digests import SUBSCRIBER_FIELDS
from publisher.rendering.inlining import inline
from publisher.rendering.languages import speech_for
from publisher.rendering.templates import environment, render
from publisher.settings import Settings

DAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
SIZES = (14, 30, 100)
SECONDS = 1.5
PARAGRAPH = "<p>There are forty-one lamps along the wall, and each of them <em>hums</em> a little. He listens.</p>"


def settings() -> Settings:
    return Settings.model_validate(
        {
            "publication": {"title": "The Slow Post", "base_url": "https://slow.example"},
            "sender": {"address": "post@slow.example", "postal_address": "1 Quiet Lane"},
        }
    )


def article(number: int, paragraphs: int) -> Article:
    return Article(
        id=f"a{number}",
        title=f"The man who mends the harbour lamps, part {number}",
        url=f"https://slow.example/a{number}",
        published=DAY,
        updated=DAY,
        html=PARAGRAPH * paragraphs,
        summary="Every evening somebody walks the whole length of the wall.",
        section="Portraits",
        authors=(Author("Ada Marini"),),
    )


def recipient(number: int) -> Recipient:
    token = f"{number:022d}"
    return Recipient(
        key=str(number),
        address=f"reader{number}@example.org",
        unsubscribe_url=f"https://slow.example/u/{token}",
        preferences_url=f"https://slow.example/p/{token}",
        web_url=f"https://slow.example/w/{token}",
        date=DAY,
        name=f"Subscriber {number}",
        topics=("Portraits", "Coast"),
    )


def source(edition: Edition, number: int = 0) -> str:
    """The edition's HTML before inlining, with one subscriber's values: what others make for each message."""
    site = settings()
    frame = speech_for("en")
    bodies = {item.id: article_body(item) for item in edition.articles}
    subscriber = {name: f"https://slow.example/{name}/{number}" for name in SUBSCRIBER_FIELDS}
    shown = [Shown(item) for item in edition.articles]
    values = digest_values(edition, site, site.digests[0], frame, bodies, shown, share_links={}, subscriber=subscriber)
    return render(environment(), "email/letter/body.html", values)


def edition_of(kilobytes: int) -> Edition:
    """An edition whose HTML source has about that size."""
    paragraphs = 1
    while True:
        made = Edition(1, "digest", 1, "The Slow Post", DAY, tuple(article(n, paragraphs) for n in range(6)))
        if len(source(made).encode()) >= kilobytes * 1000:
            return made
        paragraphs += max(1, (kilobytes * 1000 - len(source(made).encode())) // (len(PARAGRAPH) * 6))


def rate(work: Callable[[int], object], seconds: float = SECONDS) -> float:
    """Calls a second, warm."""
    work(0)
    done, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        done += 1
        work(done)
    return done / elapsed


def main() -> None:
    from publisher.rendering import digests

    digests.MAX_HTML = 10**9  # here the long edition is to stay long
    signer = Signer("slow.example", (Key("bench", rsa.generate_private_key(65537, 2048)),))
    subscribers = [recipient(number) for number in range(2000)]
    print(" source  inlined  compose once  each anew   segments   ratio   signed")
    print("     KB       KB            ms      msg/s      msg/s            msg/s")
    for size in SIZES:
        edition = edition_of(size)
        compose(edition, settings())
        started = time.perf_counter()
        compiled = compose(edition, settings()).compiled
        once = (time.perf_counter() - started) * 1000
        anew = rate(lambda number, made=edition: inline(source(made, number)))
        plain = rate(lambda number, made=compiled: made.message(subscribers[number % 2000]))
        signed = rate(lambda number, made=compiled: signer.sign(made.message(subscribers[number % 2000])))
        kilobytes = len(source(edition).encode()) / 1000
        print(
            f"{kilobytes:7.0f} {compiled.html_bytes / 1000:8.0f} {once:13.0f} {anew:10.1f} {plain:10.0f} "
            f"{plain / anew:6.0f}x {signed:8.0f}"
        )


if __name__ == "__main__":
    main()
