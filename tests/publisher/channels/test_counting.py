"""How each platform counts, from its own documentation, case by case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.channels import BaseChannel, Draft, open_channel
from publisher.channels._counting import (
    grapheme_count,
    mastodon_length,
    threads_length,
    utf16_units,
    x_links,
    x_valid,
    x_weight,
)
from publisher.channels.bluesky import record_key
from publisher.channels.linkedin import escape as little_text
from publisher.channels.slack import sections
from publisher.settings.channels import ChannelSettings

FAMILY = "👨‍👩‍👧‍👦"
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=80)


def channel(kind: str, **options: Any) -> BaseChannel:
    return open_channel(ChannelSettings(name=kind, kind=kind, dry_run=True, options=options))


def draft(text: str, **values: Any) -> Draft:
    base: dict[str, Any] = {"key": "ab" * 32, "title": "T", "url": "", "created": datetime(2026, 3, 1, tzinfo=UTC)}
    return Draft(text=text, **{**base, **values})


# X: the rules of its configuration v3; the lengths as its own libraries give them.


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("Hello, world", 12),
        ("Größe", 5),
        ("e\u0301", 1),  # NFC first
        ("漢字かな", 8),
        ("한국어", 6),
        ("\u2014 and \u201cquotes\u201d", 14),
        ("…", 2),
        ("\u200b\u200d", 2),
        ("€", 2),
        ("½ ©®", 4),
        ("™", 2),
        ("ﷺ", 2),
        (FAMILY, 2),
        ("👍🏽", 2),
        ("🇮🇹🇫🇷", 4),
        ("1️⃣", 2),
        ("❤️", 2),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 2),
        ("👩🏽‍💻 works", 8),
        ("https://example.org", 23),
        ("https://example.org/" + "a" * 300, 23),
        ("http://a.co", 23),
        ("HTTPS://EXAMPLE.ORG/A?B=C#D", 23),
        ("see https://example.org/a.", 28),
        ("(https://example.org/a)", 25),
        ("https://en.wikipedia.org/wiki/A_(b)", 23),
        ("https://example.org/a(b(c)d)e", 23),
        ("https://example.org/漢字", 27),
        ("https://例え.jp/x", 23),
        ("日本https://example.com語", 29),
        ("https://example.org:8080/x?y=z", 23),
        ("https://xn--r8jz45g.jp/x", 23),
        ("https://example.photography/long/path/of/many/words", 23),
        ("example.com", 23),
        ("see example.com/x, then", 33),
        ("www.foo.it", 23),
        ("foo.it/x", 23),
        ("user@example.com", 16),
        ("@user.name", 10),
        ("#tag.com", 8),
        ("http://localhost:8000/x", 23),
        ("https://printer.local/status", 28),
        ("3.14 and 1.5", 12),
        ("end.", 4),
        ("a\nb", 3),
    ],
)
def test_x_weighs_as_its_own_libraries_do(text: str, weight: int) -> None:
    assert x_weight(text) == weight


def test_a_bare_name_that_may_be_a_domain_is_counted_as_the_longer_of_both() -> None:
    assert x_weight("Mr.Smith") == 23
    assert x_weight("foo.it") == 23
    assert x_weight("w" * 40 + ".unknownending") == 54


def test_x_refuses_three_characters_at_any_length() -> None:
    assert not any(x_valid(f"a{bad}") for bad in "\ufeff\ufffe\uffff")
    assert x_valid("a")


def test_x_bills_what_holds_a_link() -> None:
    x = channel("x")
    assert (x.price("No link here."), x.price("https://example.org"), x.price("see example.com")) == (
        15000,
        200000,
        200000,
    )
    assert channel("x", price_link=0.5).price("https://a.org") == 500000
    assert not x_links("3.14")


@settings(max_examples=150, deadline=None)
@given(texts, texts)
def test_a_space_between_two_texts_never_weighs_less_than_both(one: str, two: str) -> None:
    assert x_weight(f"{one} {two}") <= x_weight(one) + 1 + x_weight(two)
    assert x_weight(one) >= 0


# Mastodon.


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("Hello", 5),
        (FAMILY, 1),
        ("e\u0301\u0323", 1),
        ("https://example.org/" + "a" * 200, 23),
        ("see https://example.org/a?b=c#d.", 28),
        ("@anna@social.example hi", 8),
        ("@anna hi", 8),
        ("example.org", 11),
        ("http://localhost/x", 18),
        ("https://" + "a" * 64 + ".org/", 77),  # a label that is too long is no link
        ("https://example.org/" + "a" * 4200, 4220),  # nor is a link that is too long
        ("漢字", 2),
    ],
)
def test_mastodon_counts_graphemes_links_and_remote_mentions(text: str, length: int) -> None:
    assert mastodon_length(text) == length


def test_mastodon_takes_its_limits_from_the_instance_and_counts_the_warning() -> None:
    mastodon = channel("mastodon", spoiler_text="politics")
    mastodon.recall({"max_characters": 1000, "url_units": 30})
    assert (mastodon.limit, mastodon.count("https://example.org/")) == (1000, 38)
    fixed = channel("mastodon", limit=300)
    fixed.recall({"max_characters": 1000})
    assert fixed.limit == 300


# Bluesky.


def test_bluesky_counts_graphemes_and_bytes() -> None:
    bluesky = channel("bluesky")
    assert bluesky.fits("a" * 300)
    assert not bluesky.fits("a" * 301)
    assert grapheme_count(FAMILY * 100) == 100
    assert bluesky.fits(FAMILY * 120)  # 120 graphemes, 3,000 bytes
    assert not bluesky.fits(FAMILY * 121)
    assert bluesky.fits(bluesky.cut(FAMILY * 300))


def test_blueskys_facets_are_byte_positions_of_whole_links_and_tags() -> None:
    text = f"漢字 {FAMILY} https://example.org/ä?x=(1), #Größe #2024 @anna.example"
    data = text.encode()
    facets = channel("bluesky").facets(text)
    assert [(facet.kind, facet.value) for facet in facets] == [
        ("link", "https://example.org/ä?x=(1)"),
        ("tag", "Größe"),
    ]
    shown = [data[facet.start : facet.end].decode() for facet in facets]
    assert shown == ["https://example.org/ä?x=(1)", "#Größe"]


def test_a_link_too_long_to_be_shown_on_bluesky_is_whole_in_its_facet() -> None:
    url = "https://example.org/" + "long/" * 60 + "?a=b"
    bluesky = channel("bluesky")
    text = bluesky.cut(f"A title\n\n{url}", url)
    assert bluesky.fits(text)
    record = bluesky.record(draft(text, url=url), {})  # type: ignore[attr-defined]
    (facet,) = record["facets"]
    assert facet["features"][0]["uri"] == url
    assert record["embed"]["external"]["uri"] == url
    assert (
        text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode().startswith("example.org/long")
    )


def test_blueskys_record_key_is_a_tid_that_is_the_same_for_the_same_post() -> None:
    assert record_key(draft("a")) == record_key(draft("b"))
    assert record_key(draft("a")) != record_key(draft("a", key="cd" * 32))
    later = draft("a", created=datetime(2026, 3, 2, tzinfo=UTC))
    assert record_key(draft("a")) < record_key(later)
    assert len(record_key(later)) == 13


# Threads, Telegram, LinkedIn, Slack, Reddit, Discord.


def test_threads_counts_an_emoji_as_its_bytes_and_takes_five_links() -> None:
    assert threads_length("abc漢") == 4
    assert threads_length("😀") == 4
    assert threads_length(FAMILY) == len(FAMILY.encode())
    threads = channel("threads")
    links = [f"https://example.org/{n}" for n in range(6)]
    assert threads.fits(" ".join(links[:5]))
    assert not threads.fits(" ".join(links))
    assert threads.fits(" ".join([links[0]] * 7))


def test_telegram_counts_utf16_and_its_entities_start_and_end_at_characters() -> None:
    text = f"😀 漢 {FAMILY} https://example.org/😀 #Tag @anna @anna@social.example"
    units = text.encode("utf-16-le")
    facets = channel("telegram").facets(text)
    shown = [units[facet.start * 2 : facet.end * 2].decode("utf-16-le") for facet in facets]
    assert shown == ["https://example.org/😀", "#Tag", "@anna"]
    assert utf16_units("😀漢") == 3


def test_linkedins_reserved_characters_are_escaped_but_for_a_tag() -> None:
    assert little_text("a (b) #Tag # c_d @e {f} <g> [h] i|j *k* ~l \\") == (
        r"a \(b\) #Tag \# c\_d \@e \{f\} \<g\> \[h\] i\|j \*k\* \~l \\"
    )


@settings(max_examples=150, deadline=None)
@given(texts)
def test_linkedins_escapes_are_undone_by_reading_them(text: str) -> None:
    import re

    assert re.sub(r"\\(.)", r"\1", little_text(text)) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[|{}@\[\]()<>*_~]", little_text(text))


def test_slacks_sections_hold_three_thousand_escaped_characters_each() -> None:
    pieces = sections("Tom & Jerry <3 words go on. " * 400)
    assert len(pieces) > 3
    assert all(len(piece.replace("&", "&amp;").replace("<", "&lt;")) <= 3000 for piece in pieces)
    assert all(piece.rstrip().endswith(".") for piece in pieces)


def test_a_reddit_title_is_one_line_of_three_hundred() -> None:
    reddit = channel("reddit")
    assert reddit.count("a\n\n b") == 3
    assert reddit.cut("A title\nof two lines") == "A title of two lines"
    assert len(reddit.cut("word " * 100)) <= 300


def test_discord_wakes_nobody() -> None:
    (request,) = channel("discord").requests(draft("@everyone read"))
    assert b'"allowed_mentions":{"parse":[]}' in request.body
