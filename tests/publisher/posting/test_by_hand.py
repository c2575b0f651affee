"""Dry runs, and what an operator does by hand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from publisher import posting
from publisher.channels import kinds
from publisher.errors import ChannelError, SettingsError
from publisher.model import PostStatus
from publisher.store import posts
from tests.fakes import ALL, FAKES
from tests.publisher.posting.conftest import article


def test_a_dry_run_records_the_post_and_sends_nothing(site_of: Any) -> None:
    site = site_of(*FAKES.values(), connect=False, **{kind: {"dry_run": True, "options": {}} for kind in kinds()})
    report = site.queue(article())
    assert (report.queued, report.recorded) == (0, len(kinds()))
    assert site.send() == posting.SendReport()
    assert {site.row(kind).status for kind in kinds()} == {PostStatus.RECORDED}
    assert all(fake.calls == [] for fake in site.fakes.values())


@pytest.mark.parametrize("fake_of", ALL, ids=lambda fake: fake.__name__)
def test_a_dry_run_prints_what_is_sent_byte_for_byte(site_of: Any, fake_of: Any) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    moment = site.clock().replace(microsecond=0)
    site.clock.now = moment
    site.queue(article())
    with site.store.read() as tx:
        kept = posts.of_article(tx, fake.kind, "article-1")[0]
    assert kept.created == moment.timestamp()
    site.send()
    sent = next(call for call in fake.calls if fake.publishes(call))
    printed = posting.dry_run(article(), *site.known(fake.kind), site.settings, moment, revision=kept.revision)
    table = site.settings.channels[0]
    several = fake.kind in ("bluesky", "reddit", "threads")
    last = printed.rstrip(b"\n").rpartition(b"\n\nPOST ")[2] if several else printed
    body = last.partition(b"\r\n\r\n")[2].rstrip(b"\n")
    for name, value in (("{did}", getattr(fake, "did", "")), ("{container_id}", "c1"), ("%7Bcontainer_id%7D", "c1")):
        body = body.replace(name.encode(), value.encode())
    assert body == sent.body
    if not several:
        masked = sent.raw.decode()
        path = urlsplit(sent.raw.decode().split(" ")[1]).path
        hidden = path.strip("/") if table.options.get("webhook") else fake.token
        for secret in (hidden, sent.headers.get("webhook-signature", "")):
            masked = masked.replace(secret, "***") if secret else masked
        assert printed.decode() == masked + "\n"
    assert fake.token.encode() not in printed


def test_posting_by_hand_ignores_windows_but_never_posts_twice(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"windows": ["03:00-03:01"], "spacing_minutes": 999})
    site.clock.now = site.clock.now.replace(hour=12)
    done = posting.post_now(site.store, site.settings, article(), "x", clock=site.clock)
    assert (done.status, done.url) == (PostStatus.PUBLISHED, "https://x.com/i/status/1000")
    with pytest.raises(ChannelError, match=r"already on x: https://x\.com/i/status/1000"):
        posting.post_now(site.store, site.settings, article(), "x", clock=site.clock)
    site.fakes["x"].faults.append("lost")
    done = posting.post_now(site.store, site.settings, article(2), "x", clock=site.clock)
    assert done.status == PostStatus.UNKNOWN
    with pytest.raises(ChannelError, match="may be published already"):
        posting.post_now(site.store, site.settings, article(2), "x", clock=site.clock)
    with pytest.raises(SettingsError, match="there is no channel 'y'; channels: x"):
        posting.post_now(site.store, site.settings, article(2), "y", clock=site.clock)


def test_a_person_decides_what_nobody_can_tell(site_of: Any) -> None:
    site = site_of(FAKES["telegram"])
    site.queue(article(1), article(2))
    site.fakes["telegram"].faults += ["lost", "lost"]
    alerts = site.send().alerts
    site.clock.advance(31)
    alerts += site.send().alerts
    assert [alert.partition(": post")[0] for alert in alerts] == ["channel telegram"] * 2
    one, two = site.row("telegram", 1).id, site.row("telegram", 2).id
    posting.decide(site.store, one, "published", url="https://t.me/paper/1", now=site.clock())
    posting.decide(site.store, two, "failed", now=site.clock())
    assert site.row("telegram", 1).remote_url == "https://t.me/paper/1"
    assert site.row("telegram", 2).status == PostStatus.FAILED
    with pytest.raises(ChannelError, match="only an unknown or failed post"):
        posting.decide(site.store, one, "send", now=site.clock())


def test_a_secret_that_is_not_set_holds_its_channel_until_it_is(site_of: Any, monkeypatch: Any) -> None:
    site = site_of(FAKES["x"], FAKES["matrix"])
    site.queue(article())
    monkeypatch.delenv("FAKE_X_TOKEN")
    report = site.send()
    assert report.alerts == ["channel x cannot post: the environment variable FAKE_X_TOKEN is not set"]
    assert len(site.fakes["matrix"].holds) == 1
    site.clock.advance(61)
    assert site.send().alerts == []
    monkeypatch.setenv("FAKE_X_TOKEN", site.fakes["x"].token)
    site.clock.advance(61)
    assert site.send().published == 1


def test_an_edit_before_the_post_leaves_changes_what_is_posted(site_of: Any) -> None:
    site = site_of(FAKES["x"])
    site.queue(article())
    site.queue(article(title="Corrected"))
    site.send()
    (post,) = site.fakes["x"].holds
    assert post["text"].startswith("Corrected")


def test_a_broken_template_stops_its_channel_and_no_other(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["matrix"])
    folder = site.path / "templates" / "post"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_text("{{ title }\n")
    (problem,) = site.queue(article()).problems
    assert problem.startswith("channel x: template ")
    site.send()
    assert (len(site.fakes["x"].holds), len(site.fakes["matrix"].holds)) == (0, 1)
    (folder / "x.txt").write_text("{{ title }} | {{ url }}\n")
    site.queue(article())
    site.send()
    assert " | " in site.fakes["x"].holds[0]["text"]
