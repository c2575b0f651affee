"""The founders' sample page goes in; feeds, a digest and posts come out, once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import feedparser
import pytest

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the real sample page lies in ../shared/samples, which is absent"
)

TITLE = (
    "How clandestine diplomacy and backchannel talks can produce breakthroughs "
    "when official negotiations are stalled by public pressures."
)


@pytest.fixture
def published(site, publish):
    for sample in SAMPLES.glob("*.txt"):
        shutil.copy(sample, site / "pages" / sample.name)
    return publish()


def test_nothing_is_refused_and_one_article_is_new(published):
    assert not published.refused
    assert [article.title for article in published.collected.new] == [TITLE]


def test_the_three_feeds_say_the_same_of_it(published, site):
    rss, atom = (feedparser.parse((site / "state" / "feeds" / f"feed.{kind}").read_bytes()) for kind in ("rss", "atom"))
    (item,) = json.loads((site / "state" / "feeds" / "feed.json").read_text())["items"]
    for feed in (rss, atom):
        assert not feed.bozo
        (entry,) = feed.entries
        assert (entry.title, entry.link, entry.id) == (item["title"], item["url"], item["id"])
    assert item["title"] == TITLE
    assert item["date_published"].startswith("2025-07-1")
    assert item["content_html"].count("<p>") == 12
    assert item["content_html"].count("<h2>") == 4


def test_every_subscriber_gets_it_in_their_language_with_a_way_out(published, outbox, part):
    messages = outbox()
    assert [message["Delivered-To"] for message in messages] == [
        "anna@example.org",
        "bruno@example.org",
        "noor@example.org",
    ]
    for message in messages:
        assert message.get_content_type() == "multipart/alternative"
        assert [child.get_content_type() for child in message.get_payload()] == ["text/plain", "text/html"]
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = message["List-Unsubscribe"].partition(">")[0].lstrip("<")
        assert link.startswith("https://slow.example/unsubscribe/")
        assert link in part(message, "text/plain").replace("\n", "")
        assert link in part(message, "text/html")
    assert 'lang="it"' in part(messages[1], "text/html")
    assert 'dir="rtl"' in part(messages[2], "text/html")


def test_the_digest_links_to_the_composers_of_facebook_x_and_reddit(published, outbox, part):
    html = part(outbox()[0], "text/html")
    for composer in ("https://www.facebook.com/sharer/", "https://x.com/intent/", "https://www.reddit.com/submit"):
        assert composer in html


def test_run_twice_it_sends_nothing_twice(published, publish, outbox):
    again = publish()
    assert (len(again.collected.new), again.sent, again.posts) == (0, 0, [])
    assert len(outbox()) == 3


def test_each_channel_has_recorded_the_post_it_would_get(published):
    assert sorted(post.channel for post in published.posts) == ["facebook", "reddit", "x"]
    assert {post.status for post in published.posts} == {"recorded"}
