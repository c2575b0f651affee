"""The founders' sample page, read without hints."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from publisher.articles.sources import read
from publisher.settings.publication import PublicationSettings, SourceSettings

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the real sample page lies in ../shared/samples, which is absent"
)


@pytest.fixture(scope="module")
def reading():
    publication = PublicationSettings(title="The Slow Post", base_url="https://slow.example")
    return read(SourceSettings(kind="page", path="samples"), SAMPLES.parent, publication)


@pytest.fixture(scope="module")
def document(reading):
    (document,) = reading.documents
    return document


def test_nothing_of_it_is_missing(reading):
    assert reading.problems == ()


def test_the_headline_is_the_title_and_the_standfirst_the_summary(document):
    assert document.title.startswith("How clandestine diplomacy and backchannel talks can produce breakthroughs")
    assert document.title.endswith("stalled by public pressures.")
    assert document.summary.startswith("In moments when public pressure stalls formal talks")
    assert document.summary.endswith("reshaping timelines and outcomes.")


def test_it_was_published_on_16_july_2025(document):
    assert document.published == datetime(2025, 7, 16, tzinfo=UTC)


def test_its_share_targets_are_facebook_x_and_reddit(document):
    assert document.share_targets == ("facebook", "x", "reddit")


def test_it_has_12_paragraphs_and_4_subheads_and_no_advertisement(document):
    assert document.html.count("<p>") == document.html.count("</p>") == 12
    assert document.html.count("<h2>") == document.html.count("</h2>") == 4
    assert "ADVERTISEMENT" not in document.html
    assert (
        "<h2>Trusted intermediaries and neutral spaces enable patient, result-focused dialogue.</h2>" in document.html
    )
    assert document.html.startswith("<p>In many regional conflicts")
    assert "Related Articles" not in document.html


def test_it_has_20_related_articles_with_their_dates(document):
    assert len(document.related) == 20
    assert all(related.published for related in document.related)
    assert document.related[0].published == date(2025, 8, 8)
    assert document.related[0].summary.startswith("Local citizen oversight")
    assert document.related[-1].published == date(2025, 7, 18)
    assert document.related[-1].summary.startswith("Collaborative pacts among neighboring towns")
