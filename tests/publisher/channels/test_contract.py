"""What every channel promises, whatever its kind; a new file in publisher/channels is picked up by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import publisher.channels
from publisher.channels import BaseChannel, describe_options, kinds, load, open_channel
from publisher.channels.bluesky import short_link
from publisher.errors import ChannelError, SettingsError
from publisher.lib.text import graphemes
from publisher.model import Article, Publication
from publisher.posting.compose import compose
from publisher.rendering.templates import packaged_templates
from publisher.settings.base import Secret
from publisher.settings.channels import ChannelSettings
from tests.factories import article
from tests.fakes import FAKES

PUBLICATION = Publication(id="p", title="The Paper", base_url="https://example.org")
WHEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
URL = "https://example.org/a_(b)/%C3%A9?x=1&y=[2]#part~3"

words = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn")), min_size=1, max_size=30),
    st.sampled_from(
        [
            "#SeaLevel",
            "@anna@social.example",
            "https://example.com/one?two=3#four",
            "👨‍👩‍👧‍👦",
            "👍🏽",
            "🇮🇹",
            "1️⃣",
            "漢字かな",
            "e\u0301\u0323",
            "a&b<c>",
            "example.com",
            "ﷺ",
            "🏴\U000e0067\U000e0062\U000e007f",
            "©",
            "\n\n",
        ]
    ),
)
titles = st.lists(words, min_size=1, max_size=40).map(" ".join)
summaries = st.lists(words, max_size=60).map(" ".join)
tags = st.lists(st.text(st.characters(categories=("Ll", "Lu", "Nd", "Zs")), min_size=1, max_size=12), max_size=5)


def channel(kind: str, **table: object) -> BaseChannel:
    return open_channel(ChannelSettings(name=kind, kind=kind, dry_run=True, **table))  # type: ignore[arg-type]


def test_kinds_are_the_files_of_the_folder_that_are_not_shared() -> None:
    files = {path.stem for path in Path(publisher.channels.__file__).parent.glob("*.py") if path.name[0] != "_"}
    assert set(kinds()) == files
    assert {"facebook", "x", "reddit", "mastodon", "bluesky", "linkedin", "threads"} <= files
    assert {"telegram", "discord", "slack", "matrix", "webhook"} <= files


def test_every_kind_has_a_fake_that_is_found_by_its_name() -> None:
    assert tuple(FAKES) == kinds()
    for kind, fake in FAKES.items():
        assert fake.kind == kind


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_is_named_after_its_file_and_has_a_template(kind: str) -> None:
    assert load(kind).kind == kind
    assert load(kind).label
    assert (packaged_templates() / "post" / f"{kind}.txt").is_file()


@pytest.mark.parametrize("kind", kinds())
def test_credentials_are_secrets_and_every_option_is_described(kind: str) -> None:
    fields = load(kind).Options.model_fields
    for name, field in fields.items():
        assert field.description
        if re.search(r"token$|secret|password|api_key|webhook$", name):
            assert field.annotation == Secret | None
    assert {name for k, name, _, _ in describe_options() if k == kind} == set(fields)


@pytest.mark.parametrize("kind", kinds())
def test_an_unknown_option_is_one_line_that_names_it(kind: str) -> None:
    with pytest.raises(SettingsError, match=rf"^channels\[{kind}\]\.options\.colour: unknown key; .*knows [a-z_, ]+$"):
        channel(kind, options={"colour": "red"})


@pytest.mark.parametrize("kind", kinds())
def test_what_a_live_channel_lacks_is_named(kind: str) -> None:
    with pytest.raises(SettingsError, match=r"^channels\[c\]\.options\.[a-z_]+: missing; .* unless dry_run = true$"):
        open_channel(ChannelSettings(name="c", kind=kind))


@pytest.mark.parametrize("kind", kinds())
def test_a_secret_in_the_clear_is_refused_and_not_repeated(kind: str) -> None:
    name = next((n for n, f in load(kind).Options.model_fields.items() if f.annotation == Secret | None))
    with pytest.raises(SettingsError, match="never stands in publication") as refused:
        channel(kind, options={name: "hunter2-hunter2"})
    assert "hunter2" not in str(refused.value)


def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="'myspace': expected one of bluesky, discord"):
        load("myspace")


@settings(max_examples=60, deadline=None)
@given(title=titles, summary=summaries, tags=tags, thread=st.integers(1, 4), utm=st.booleans())
def test_every_post_of_any_article_fits_and_keeps_its_url(
    title: str, summary: str, tags: list[str], thread: int, utm: bool
) -> None:
    check_article(article(url=URL, title=title, summary=summary, tags=tuple(tags)), thread, utm)


@pytest.mark.server
@settings(max_examples=5000, deadline=None)
@given(title=titles, summary=summaries, tags=tags, thread=st.integers(1, 4), utm=st.booleans())
@pytest.mark.timeout(900)
def test_five_thousand_articles_fit_on_every_channel(
    title: str, summary: str, tags: list[str], thread: int, utm: bool
) -> None:
    check_article(article(url=URL, title=title, summary=summary, tags=tuple(tags)), thread, utm)


OPEN = {kind: channel(kind) for kind in kinds()}


def check_article(made: Article, thread: int, utm: bool) -> None:
    for kind, opened in OPEN.items():
        table = ChannelSettings(name=kind, kind=kind, dry_run=True, thread=thread, utm=utm)
        try:
            composition = compose(made, opened, table, PUBLICATION, None)
        except ChannelError:
            assert not made.title.strip()  # nothing else is a reason not to post
            continue
        whole = composition.whole
        assert all(opened.fits(text) and text.strip() for text in composition.texts)
        assert len(composition.texts) <= (thread if opened.threads else 1)
        if composition.url in whole:
            shown = composition.texts[0]
            assert composition.url in shown or (kind == "bluesky" and short_link(composition.url) in shown)
        assert composition.url.startswith("https://example.org/a_(b)/%C3%A9?x=1&y=[2]")
        assert composition.url.endswith("#part~3")
        for text in composition.texts:
            # Nothing but an ellipsis is there that was not there before, and no grapheme was split.
            assert not set(graphemes(text)) - set(graphemes(whole)) - {"…", " ", "\n"}
            for facet in opened.facets(text):
                assert 0 <= facet.start < facet.end


@pytest.mark.parametrize("kind", kinds())
def test_cutting_twice_is_cutting_once_and_a_fitting_text_is_left_alone(kind: str) -> None:
    opened = channel(kind)
    long = f"{'A sentence of some words. ' * 9000}\n\n{URL}\n\n#One #Two"
    once = opened.cut(long, URL)
    assert opened.fits(once)
    assert opened.cut(once, URL) == once
    assert opened.cut("Short.", URL) == "Short."
    assert once.endswith(f"{URL}\n\n#One #Two") or kind == "reddit"


@pytest.mark.parametrize("kind", kinds())
def test_a_hostile_article_is_only_text(kind: str) -> None:
    opened = channel(kind)
    evil = article(url=URL, title="{{ 7*7 }} <script>alert(1)</script> {% raw %}", summary="@everyone <!channel> {url}")
    composition = compose(evil, opened, ChannelSettings(name=kind, kind=kind), PUBLICATION, None)
    assert "{{ 7*7 }}" in composition.texts[0]
    assert "49" not in composition.texts[0]


def test_the_page_on_channels_names_every_kind_and_option() -> None:
    page = (Path(publisher.channels.__file__).parent / "README.md").read_text(encoding="utf-8")
    for kind in kinds():
        assert f"\n| {kind} | " in page
    for kind, name, default, description in describe_options():
        shown = default if default == "required" else f"`{default}`"
        assert f"| {kind} | `{name}` | {shown} | {description} |" in page
