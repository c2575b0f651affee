"""The text of a post: threads, own texts, hashtags, UTM, and which articles a channel gets."""

from __future__ import annotations

from typing import Any

import pytest

from publisher.posting.compose import hashtags, with_utm
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article


def sentences(number: int) -> str:
    return " ".join(f"Sentence {n} stands here and is long enough to count." for n in range(number))


def test_a_long_text_becomes_a_thread_whose_first_post_bears_the_link(site_of: Any) -> None:
    site = site_of(FAKES["mastodon"], FAKES["bluesky"], mastodon={"thread": 6}, bluesky={"thread": 6})
    site.queue(article(summary=sentences(20)))
    site.send()
    for name, fake in site.fakes.items():
        texts = [post["text"] for post in fake.holds]
        assert 2 < len(texts) <= 6, name
        assert [article().url in text for text in texts] == [True, *[False] * (len(texts) - 1)]
        assert all(text.endswith(("count.", "#harbour")) for text in texts), "a post ends with a sentence"
    masts = site.fakes["mastodon"].holds
    assert [post["reply"] for post in masts] == [None, *[post["id"] for post in masts[:-1]]]
    blue = site.fakes["bluesky"].holds
    assert all(post["reply"]["root"]["uri"].endswith(next(iter(site.fakes["bluesky"].records))) for post in blue[1:])


def test_a_lost_answer_inside_a_thread_doubles_nothing_and_keeps_the_order(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"thread": 4, "template": "mastodon"})
    site.queue(article(summary=sentences(16)))
    site.fakes["x"].faults += ["", "lost", "error_before"]
    site.send()
    site.settle(rounds=12)
    held = site.fakes["x"].holds
    assert len(held) == 4
    assert [post.get("reply", {}).get("in_reply_to_tweet_id") for post in held] == [None, *[p["id"] for p in held[:-1]]]


def test_an_articles_own_text_goes_before_the_template_and_gets_the_link(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["mastodon"])
    own = article(post_texts=(("x", "Read this. {{ 7*7 }}"), ("mastodon", "{title}: {url} {hashtags}")))
    site.queue(own)
    site.send()
    assert site.fakes["x"].holds[0]["text"] == f"Read this. {{{{ 7*7 }}}}\n\n{own.url}"
    assert site.fakes["mastodon"].holds[0]["text"] == f"{own.title}: {own.url} #SeaLevel #harbour"


def test_hashtags_are_made_of_letters_and_never_twice() -> None:
    assert hashtags(("climate change", "2024", "Sea", "sea", "C++ & C", "日本 語", ""), 9) == (
        "ClimateChange",
        "Sea",
        "CC",
        "日本語",
    )
    assert hashtags(("a", "b", "c"), 2) == ("a", "b")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.org/a", "https://e.org/a?utm_source=x&utm_medium=social&utm_campaign=s"),
        ("https://e.org/a?", "https://e.org/a?utm_source=x&utm_medium=social&utm_campaign=s"),
        ("https://e.org/a?b=%C3%A9#c?d", "https://e.org/a?b=%C3%A9&utm_source=x&utm_medium=social&utm_campaign=s#c?d"),
        ("https://e.org/a?UTM_source=mine#c", "https://e.org/a?UTM_source=mine#c"),
    ],
)
def test_utm_values_are_added_once_and_change_nothing_else(url: str, expected: str) -> None:
    assert with_utm(url, "x", article(slug="s")) == expected
    assert with_utm(expected, "x", article(slug="s")) == expected


def test_utm_is_off_unless_it_is_asked_for(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["reddit"], reddit={"utm": True})
    site.queue(article(slug="tide"))
    site.send()
    assert "utm_" not in site.fakes["x"].holds[0]["text"]
    assert site.fakes["reddit"].holds[0]["url"].endswith("&utm_source=reddit&utm_medium=social&utm_campaign=tide#top")


def test_sections_and_tags_choose_what_a_channel_gets(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["matrix"], x={"sections": ["coast"]}, matrix={"tags": ["harbour"]})
    site.queue(article(1, section="coast", tags=()), article(2, section="hills"))
    site.send()
    assert [post["text"][:7] for post in site.fakes["x"].holds] == ["Story 1"]
    assert [post["body"][:7] for post in site.fakes["matrix"].holds] == ["Story 2"]


@pytest.mark.parametrize(("backfill", "posted"), [("none", 0), ("newest", 1), ("all", 3)])
def test_backfill_says_what_a_new_channel_posts(site_of: Any, backfill: str, posted: int) -> None:
    site = site_of(FAKES["x"], connect=False, x={"backfill": backfill})
    site.queue(article(1), article(2), article(3))
    site.send()
    assert len(site.fakes["x"].holds) == posted
