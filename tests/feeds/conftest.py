"""Articles and feed readers that the feed tests share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.model import Article, Author, Enclosure, Image, Publication
from publisher.settings import Settings
from tests import factories

PUBLICATION = Publication(
    id="tag:slow.example,2025:post",
    title="The Slow Post",
    base_url="https://slow.example",
    language="en",
    description="Letters & other <slow> things",
    author="The Editors",
    logo_url="https://slow.example/logo.png",
    copyright="© 2025 The Slow Post",
)
HOME = "https://slow.example/letters"
START = datetime(2025, 1, 1, 8, tzinfo=UTC)


def make_article(number: int = 0, **changes) -> Article:
    published = START + timedelta(hours=7 * number)
    given = {
        "title": f"Letter {number}: tea & toast",
        "url": f"https://slow.example/letters/{number}",
        "published": published,
        "updated": published + timedelta(minutes=5),
        "html": f'<p>Body of <a href="{HOME}/{number}#more" rel="noopener noreferrer">letter {number}</a>.</p>',
        "summary": f"What letter {number} says & why",
        "slug": f"letter-{number}",
        "authors": (Author("Ann Lee", "https://slow.example/ann", "ann@slow.example"), Author("Bo Öst")),
        "section": "Letters",
        "tags": ("tea", "Slow Living"),
        "image": Image("https://slow.example/tea.jpg", "A pot of tea", 640, 480, "image/jpeg"),
        "enclosures": (
            Enclosure("https://slow.example/letter.mp3", "audio/mpeg", 12345, "Read aloud", 61),
            Enclosure("https://slow.example/letter.pdf", "application/pdf", 777),
        ),
    }
    return factories.article(number, **{**given, **changes})


@pytest.fixture
def publication() -> Publication:
    return PUBLICATION


@pytest.fixture
def article():
    return make_article


@pytest.fixture
def articles():
    return lambda count: [make_article(number) for number in range(count)]


@pytest.fixture
def settings(tmp_path: Path):
    def make(**tables) -> Settings:
        return factories.settings(tmp_path, publication={"id": PUBLICATION.id}, **tables)

    return make
