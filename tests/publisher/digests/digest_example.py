"""A small publication and edition that the tests of digests share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from publisher.digests.composing import Recipient
from publisher.model import Article, Author, Edition
from publisher.settings import Settings
from tests import factories

DAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
TOKEN = "AbCdEfGhIjKlMnOpQrStUv"
NONCE = "0123456789abcdef"


def settings(**digest: Any) -> Settings:
    return factories.settings(
        publication={"timezone": "Europe/Rome"}, sender={"postal_address": "1 Quiet Lane, 00100 Rome"}, digests=[digest]
    )


def article(number: int, **changes: Any) -> Article:
    values: dict[str, Any] = {
        "id": f"a{number}",
        "title": f"The harbour at dawn, part {number}",
        "url": f"https://slow.example/a{number}",
        "published": DAY,
        "html": f"<p>The {number}th boat comes in.</p>",
        "summary": "What the fishermen know.",
        "section": "Coast",
        "authors": (Author("Ada Lovelace"),),
    }
    return factories.article(number, **{**values, **changes})


def edition(*articles: Article, **changes: Any) -> Edition:
    values: dict[str, Any] = {"id": 7, "digest": "digest", "number": 12, "title": "The Slow Post", "created": DAY}
    return Edition(**{**values, **changes}, articles=articles or (article(1), article(2)))


def recipient(**changes: Any) -> Recipient:
    values: dict[str, Any] = {
        "key": "42",
        "address": "ada@reader.example",
        "unsubscribe_url": f"https://slow.example/u/{TOKEN}",
        "preferences_url": f"https://slow.example/p/{TOKEN}",
        "web_url": f"https://slow.example/w/{TOKEN}",
        "date": DAY,
        "name": "Ada",
    }
    return Recipient(**{**values, **changes})
