"""Posts on the desk: the very text, the channel's own count, and decisions that a person takes once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml import html
from sqlalchemy import update

from publisher import posting
from publisher.settings import load_settings
from publisher.store import articles, posts
from publisher.store import channels as channel_rows
from publisher.store.channels import channel
from publisher.store.posts import post

HOME = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
NOW = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture
def site_dir(site_dir):
    """Three channels that record and send nothing, and one that is set up wrongly."""
    tables = "".join(f'[[channels]]\nname = "{k}"\nkind = "{k}"\ndry_run = true\n' for k in ("facebook", "x", "reddit"))
    wrong = '[[channels]]\nname = "broken"\nkind = "mastodon"\n[channels.options]\nnonsense = 1\n'
    with (site_dir / "publication.toml").open("a") as file:
        file.write(tables + wrong)
    return site_dir


@pytest.fixture
def queued(site_dir, store, add, article_of):
    add(article_of(1), article_of(2))
    settings = load_settings(site_dir)
    sound = settings.model_copy(update={"channels": settings.channels[:3]})
    with store.read() as tx:
        found = articles.newest(tx)
    posting.queue_posts(store, sound, found, NOW)
    return found


def cards(answer):
    tree = html.document_fromstring(answer.text)
    found = {}
    for card in tree.xpath("//section[@id='posts']//article[@class='post']"):
        name = card.xpath("h4/text()")[0].strip()
        found.setdefault(name, []).append(card)
    return found


def test_each_channel_shows_its_post_of_the_newest_articles_with_its_own_count(near, store, queued):
    found = cards(near.get("/"))
    assert {name: len(each) for name, each in found.items()} == {"Facebook": 2, "X": 2, "Reddit": 2}
    with store.read() as tx:
        recorded = {row.text for row in posts.newest(tx) if row.channel == "x"}
    assert {card.xpath("p[@class='post-text']/text()")[0] for card in found["X"]} == recorded
    assert all("of 280" in card.text_content() for card in found["X"])


def test_an_article_without_a_post_shows_what_it_would_be(near, queued, add, article_of):
    add(article_of(3))
    assert any("preview" in card.text_content() for card in cards(near.get("/"))["X"])


def test_a_channel_that_is_set_up_wrongly_is_named_with_its_reason_and_hides_no_other(near, queued):
    answer = near.get("/")
    assert "nonsense" in answer.text
    assert "Facebook" in cards(answer)


def test_strangers_see_no_post(far, queued):
    assert "post-text" not in far.get("/").text


def press(near, path):
    tree = html.document_fromstring(near.get("/").text)
    token = tree.xpath("//input[@name='token']/@value")[0]
    return near.post(path, data={"token": token}, headers=HOME)


def test_a_person_decides_about_a_post_in_doubt_once(near, far, store, queued):
    with store.begin() as tx:
        row = next(row for row in posts.newest(tx) if row.channel == "x")
        tx.execute(update(post).where(post.c.id == row.id).values(status="unknown", reason="the answer was lost"))
    page = near.get("/").text
    assert "Nobody can tell" in page
    path = f"/desk/posts/{row.id}/published"
    assert near.post(path, data={"token": "guess"}, headers=HOME).status_code == 403
    assert far.post(path, data={"token": "guess"}, headers=HOME).status_code == 404
    assert press(near, path).headers["location"] == "/#posts"
    with store.read() as tx:
        assert posts.by_id(tx, row.id).status == "published"


def test_a_decision_about_a_post_that_needs_none_is_refused(near, store, queued):
    with store.begin() as tx:
        row = next(row for row in posts.newest(tx) if row.channel == "x")
        tx.execute(update(post).where(post.c.id != row.id).values(status="unknown"))
    assert press(near, f"/desk/posts/{row.id}/send").status_code == 409
    assert press(near, f"/desk/posts/{row.id}/nonsense").status_code == 404


def test_a_paused_channel_is_named_and_goes_on_when_told_to(near, store, queued):
    with store.begin() as tx:
        tx.execute(update(channel).where(channel.c.name == "x").values(paused=1.0, reason="dead token"))
    assert "is paused: dead token" in " ".join(html.document_fromstring(near.get("/").text).text_content().split())
    assert press(near, "/desk/channels/x/resume").status_code == 303
    with store.read() as tx:
        assert channel_rows.get(tx, "x").paused is None
