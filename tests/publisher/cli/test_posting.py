"""``masthead post`` and ``masthead channels``, and the posts that ``masthead publish`` makes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from publisher import posting
from publisher.cli import app
from publisher.errors import ChannelError, SettingsError, SiteError
from publisher.pipeline.collecting import collect
from publisher.pipeline.site import open_site
from publisher.store import posts
from tests.factories import write_site
from tests.fakes import FAKES

AUDIENCE = {"max_age_days": 30}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_site(tmp_path, audience=AUDIENCE)
    write(tmp_path, "one")
    return tmp_path


def write(site: Path, slug: str, date: str = "") -> None:
    date = date or (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    text = f"---\ntitle: Story {slug}\nslug: {slug}\ndate: {date}\n---\nWords.\n"
    (site / "articles" / f"{slug}.md").write_text(text)


@pytest.fixture
def telegram(site: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with FAKES["telegram"]() as fake:
        monkeypatch.setenv("FAKE_TELEGRAM_TOKEN", fake.token)
        options = {"base_url": fake.base, "chat": "@paper", "token": {"env": "FAKE_TELEGRAM_TOKEN"}}
        live = {"name": "tg", "kind": "telegram", "options": options}
        write_site(
            site,
            audience=AUDIENCE,
            channels=[live, {"name": "x", "kind": "x", "dry_run": True}],
            net={"allow_private": ["127.0.0.1"]},
        )
        yield fake


def call(site: Path, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--site", str(site)])


def publish(site: Path) -> Any:
    return json.loads(call(site, "publish", "--json").stdout)


def test_publishing_records_dry_runs_and_posts_what_is_new_after_a_channel_was_connected(
    site: Path, telegram: Any
) -> None:
    first = publish(site)
    assert [(post["channel"], post["status"]) for post in first["posts"]] == [("x", "recorded")]
    assert telegram.holds == []
    write(site, "two")
    second = publish(site)
    assert [(post["channel"], post["status"]) for post in second["posts"]] == [("tg", "published"), ("x", "recorded")]
    assert telegram.holds[0]["text"].startswith("Story two\n\n")
    assert publish(site)["posts"] == []
    assert len(telegram.holds) == 1


def test_without_a_channel_the_table_to_add_is_named(site: Path) -> None:
    assert "add a [[channels]] table to publication.toml" in call(site, "channels", "list").output


def test_an_imported_archive_is_no_news_to_a_channel(site: Path, telegram: Any) -> None:
    publish(site)
    write(site, "ancient", "2011-05-01")
    publish(site)
    assert telegram.holds == []


def test_a_dry_run_prints_the_request_and_posts_nothing(site: Path, telegram: Any) -> None:
    publish(site)
    done = call(site, "post", "one", "--channel", "tg", "--dry-run")
    assert done.exit_code == 0
    assert done.stdout_bytes.startswith(b"POST /bot***/sendMessage HTTP/1.1\r\nHost: 127.0.0.1:")
    assert '"text":"Story one' in done.stdout
    assert telegram.token not in done.stdout + done.stderr
    assert telegram.calls == []


def test_posting_by_hand_says_where_it_is_and_refuses_a_second_time(site: Path, telegram: Any) -> None:
    publish(site)
    assert call(site, "post", "latest", "-c", "tg").stdout == "tg: published https://t.me/paper/1 \n"
    assert isinstance(call(site, "post", "one", "-c", "tg").exception, ChannelError)
    assert len(telegram.holds) == 1
    assert (
        str(call(site, "post", "nothing", "-c", "tg").exception) == "there is no article 'nothing'; the newest is one"
    )
    assert isinstance(call(site, "post", "nothing", "-c", "tg").exception, SiteError)
    assert isinstance(call(site, "post", "one", "-c", "tig").exception, SettingsError)


def test_what_a_post_on_x_costs_is_said_before(site: Path, telegram: Any) -> None:
    publish(site)
    done = call(site, "post", "one", "-c", "x", "--dry-run")
    assert "X bills $0.200 for this post." in done.stderr


def test_channels_are_listed_tested_and_resumed(site: Path, telegram: Any) -> None:
    publish(site)
    assert call(site, "channels", "test", "tg").stdout == "Telegram: the bot @paper_bot posts to The Paper\n"
    telegram.dead = True
    write(site, "two")
    publish(site)
    rows = {row["name"]: row for row in json.loads(call(site, "channels", "list", "--json").stdout)}
    assert (rows["tg"]["state"], rows["tg"]["posts"]) == ("paused", {"queued": 1})
    assert (rows["x"]["state"], rows["x"]["posts"]) == ("dry run", {"recorded": 2})
    assert "paused" in call(site, "channels", "list").stdout
    assert isinstance(call(site, "channels", "test", "tg").exception, ChannelError)
    telegram.dead = False
    assert call(site, "channels", "resume", "tg").exit_code == 0
    publish(site)
    assert len(telegram.holds) == 1


def test_a_post_in_doubt_is_listed_and_decided(site: Path, telegram: Any) -> None:
    publish(site)
    write(site, "two")
    telegram.faults.append("lost")
    done = call(site, "publish")
    assert done.exit_code == 1
    (row,) = json.loads(call(site, "channels", "unknown", "--json").stdout)
    assert "tg:" in call(site, "channels", "unknown").stdout
    assert call(site, "channels", "decide", str(row["id"]), "perhaps").exit_code == 2
    assert call(site, "channels", "decide", str(row["id"]), "published").exit_code == 0
    assert call(site, "channels", "unknown").stdout == "Nothing is in doubt.\n"
    assert len(telegram.holds) == 1


def test_an_article_that_is_withdrawn_before_its_post_went_out_is_not_posted(site: Path, telegram: Any) -> None:
    publish(site)  # the channel knows what was there before it
    write(site, "two")
    opened = open_site(site)
    try:
        assert collect(opened).posts_queued >= 1
        (site / "articles" / "two.md").unlink()
        collect(opened)
        posting.send_due(opened.store, opened.settings, clock=opened.now_utc)
        with opened.store.read() as tx:
            assert [row for row in posts.newest(tx) if row.channel == "tg"] == []
    finally:
        opened.close()
