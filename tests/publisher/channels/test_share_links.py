"""Share links are read back with urllib, the way the other side reads them."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.channels.share_links import check_targets, links_for
from publisher.channels.share_links.targets import TARGETS
from publisher.errors import SettingsError
from publisher.lib.text import graphemes
from publisher.model import Article, Image
from tests import factories

TITLE = 'Salt & sand # 100 % + "gold"\n漢字 👨‍👩‍👧‍👦 ?=/'
URL = "https://example.org/a%20b/?q=1&r=ä+b#part/2"
#: Which parameter holds the title, and which the URL, on the other side.
FIELDS = {
    "facebook": ("quote", "u"),
    "x": ("text", "url"),
    "reddit": ("title", "url"),
    "mastodon": ("text", "text"),
    "bluesky": ("text", "text"),
    "linkedin": ("title", "url"),
    "threads": ("text", "url"),
    "telegram": ("text", "url"),
    "whatsapp": ("text", "text"),
    "hackernews": ("t", "u"),
    "pinterest": ("description", "url"),
    "email": ("subject", "body"),
}


def article(title: str = TITLE, url: str = URL, **more: object) -> Article:
    return factories.article(title=title, url=url, **more)


def read(link: str) -> dict[str, str]:
    query = urlsplit(link).query
    return {name: values[0] for name, values in parse_qs(query, strict_parsing=True, keep_blank_values=True).items()}


def test_every_kind_is_tested_here() -> None:
    assert FIELDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("kind", TARGETS)
def test_a_torture_title_and_its_url_read_back_unchanged(kind: str) -> None:
    (link,) = links_for(article(), [kind])
    title_field, url_field = FIELDS[kind]
    values = read(html.unescape(html.escape(link.url)))
    if title_field == url_field:
        assert values[title_field] == f"{TITLE} {URL}"
    else:
        assert values[title_field] == TITLE
        assert values[url_field] == URL
    assert "+" not in link.url
    assert link.label == TARGETS[kind].label


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=400))
def test_any_title_gives_links_whose_url_is_whole(title: str) -> None:
    for link in links_for(article(title), TARGETS):
        assert link.url.isascii()
        value = read(link.url)[FIELDS[link.kind][1]]
        assert value.endswith(URL)


def test_a_link_without_javascript_leads_only_to_https_or_mail() -> None:
    assert {urlsplit(link.url).scheme for link in links_for(article(), TARGETS)} == {"https", "mailto"}


def test_the_articles_own_targets_come_before_the_publications() -> None:
    own = article(share_targets=("Reddit", "x", "x", "myspace"))
    assert [link.kind for link in links_for(own, ["facebook"])] == ["reddit", "x"]
    assert [link.kind for link in links_for(article(), ["facebook"])] == ["facebook"]


def test_a_publications_unknown_target_is_named() -> None:
    check_targets(["x", "email"])
    with pytest.raises(SettingsError, match=r"'myspace': unknown share target; expected one of facebook, x, reddit"):
        check_targets(["myspace"])


def test_long_titles_leave_room_for_the_url() -> None:
    long = article("The very long story of a word " * 30)
    values = {link.kind: read(link.url) for link in links_for(long, TARGETS)}
    assert len(values["x"]["text"]) <= 256
    assert len(values["hackernews"]["t"]) <= 80
    assert len(values["reddit"]["title"]) <= 300
    assert len(graphemes(values["bluesky"]["text"])) <= 300
    assert values["bluesky"]["text"].endswith(f"… {URL}")
    assert len(read(links_for(article("漢" * 300), ["x"])[0].url)["text"]) <= 128


def test_pinterest_is_given_the_image() -> None:
    (link,) = links_for(article(image=Image("https://example.org/i.png?a=1&b=2")), ["pinterest"])
    assert read(link.url)["media"] == "https://example.org/i.png?a=1&b=2"


def test_an_email_holds_the_summary_above_the_url() -> None:
    (link,) = links_for(article(summary="One.\nTwo."), ["email"])
    assert read(link.url)["body"] == f"One.\r\nTwo.\r\n\r\n{URL}"
