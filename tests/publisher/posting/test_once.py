"""A post is published once, whatever happens on the way; each claim holds for every kind of channel."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from publisher import posting
from publisher.channels import kinds, load, open_channel
from publisher.errors import ChannelError
from publisher.model import PostStatus
from publisher.store import channels as channel_rows
from publisher.store import meta, post_claims
from tests.fakes import ALL, FAKES, Fake, FakeSlackWebhook
from tests.publisher.posting.conftest import article

OLD = [article(number) for number in range(500)]
every = pytest.mark.parametrize("fake_of", ALL, ids=lambda fake: fake.__name__)


def can_tell(fake_of: type[Fake]) -> bool:
    """Whether anything but a person can know what became of a post after its answer was lost."""
    return load(fake_of.kind).looks is not None


def test_every_kind_has_a_fake() -> None:
    assert set(FAKES) == set(kinds())


@every
def test_a_new_article_is_posted_once_and_its_address_is_kept(site_of: Any, fake_of: type[Fake]) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    assert site.queue(article()).queued == 1
    assert site.send().published == 1
    assert site.queue(article()).queued == 0
    assert site.send() == posting.SendReport()
    assert len(fake.holds) == 1
    row = site.row(fake_of.kind)
    assert row.status == PostStatus.PUBLISHED
    assert row.remote_url.startswith("https://") or fake_of is FakeSlackWebhook


@every
@pytest.mark.parametrize("fault", ["lost", "error_after"])
def test_a_lost_answer_never_makes_a_second_post(site_of: Any, fake_of: type[Fake], fault: str) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    site.queue(article())
    fake.faults.append(fault)
    report = site.send()
    assert report.published == 0
    site.settle()
    assert len(fake.holds) == 1
    assert site.row(fake_of.kind).status == (PostStatus.PUBLISHED if can_tell(fake_of) else PostStatus.UNKNOWN)


@pytest.mark.parametrize(("kind", "looks"), [("x", 3), ("facebook", 3), ("reddit", 1), ("mastodon", 1)])
def test_a_read_back_that_lags_is_mended_by_the_platforms_own_memory(site_of: Any, kind: str, looks: int) -> None:
    site = site_of(FAKES[kind])
    fake = site.fakes[kind]
    fake.refuses_duplicates, fake.lag = True, looks
    site.queue(article())
    fake.faults.append("lost")
    site.send()
    site.settle()
    assert len(fake.holds) == 1
    assert fake.lag == 0
    assert site.row(kind).status == PostStatus.PUBLISHED


@every
@pytest.mark.parametrize("fault", ["cut", "error_before"])
def test_a_post_that_was_not_carried_out_goes_later_or_waits_for_a_person(
    site_of: Any, fake_of: type[Fake], fault: str
) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    site.queue(article())
    fake.faults.append(fault)
    site.send()
    site.settle()
    if can_tell(fake_of):
        assert len(fake.holds) == 1
        assert site.row(fake_of.kind).status == PostStatus.PUBLISHED
        return
    row = site.row(fake_of.kind)
    assert (len(fake.holds), row.status) == (0, PostStatus.UNKNOWN)
    posting.decide(site.store, row.id, "send", now=site.clock())
    site.send()
    assert len(fake.holds) == 1


@every
def test_a_429_waits_as_long_as_the_platform_asks_and_no_longer(site_of: Any, fake_of: type[Fake]) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    site.queue(article(1), article(2))
    fake.faults.append("rate_limit")
    assert site.send().deferred == 1
    calls = len(fake.calls)
    site.clock.advance(60)
    site.send()
    assert len(fake.calls) == calls  # neither the same post nor another one
    longest = 3600 if fake_of.kind == "threads" else fake.wait_seconds + 5
    site.clock.advance(longest)
    assert site.send().published == 2
    assert len(fake.holds) == 2


@every
def test_a_dead_token_pauses_its_channel_once_with_one_alert(site_of: Any, fake_of: type[Fake]) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    site.queue(article(1), article(2))
    fake.dead = True
    (alert,) = site.send().alerts
    assert alert.startswith(f"channel {fake_of.kind} is paused: ")
    assert alert.endswith(f"run: masthead channels test {fake_of.kind}")
    calls = len(fake.calls)
    site.settle(rounds=3)
    assert len(fake.calls) == calls
    if fake_of is not FakeSlackWebhook:
        with pytest.raises(ChannelError):
            posting.try_channel(site.store, site.settings, fake_of.kind, clock=site.clock)
    fake.dead = False
    assert posting.try_channel(site.store, site.settings, fake_of.kind, clock=site.clock)
    site.send()
    assert len(fake.holds) == 2


@every
def test_an_edit_changes_the_post_in_place_or_not_at_all(site_of: Any, fake_of: type[Fake]) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    site.queue(article())
    site.send()
    edited = article(title="A better title")
    report = site.queue(edited)
    assert report.queued == 0
    site.send()
    site.settle(rounds=2)
    assert len(fake.holds) == 1
    row = site.row(fake_of.kind)
    assert row.edit_due is None
    table = next(table for table in site.settings.channels if table.name == fake_of.kind)
    can = open_channel(table).edits
    assert report.edits == (1 if can else 0)
    assert ("A better title" in str(fake.holds[0])) == can
    assert site.queue(edited).edits == 0


@every
def test_connecting_a_channel_to_five_hundred_old_articles_posts_nothing(site_of: Any, fake_of: type[Fake]) -> None:
    site = site_of(fake_of, connect=False)
    assert site.queue(*OLD).total == 0
    assert site.send() == posting.SendReport()
    site.queue(*OLD, article(999))
    site.send()
    assert len(site.fakes[fake_of.kind].holds) == 1


def test_a_channel_that_hangs_delays_no_other(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["facebook"], FAKES["matrix"])
    site.queue(article())
    site.fakes["x"].faults.append("hold")
    done = threading.Thread(target=site.send)
    done.start()
    try:
        assert site.fakes["facebook"].arrived.wait(20)
        assert site.fakes["matrix"].arrived.wait(20)
        assert done.is_alive()
    finally:
        site.fakes["x"].release()
        done.join(30)
    assert {name: len(fake.holds) for name, fake in site.fakes.items()} == {"x": 1, "facebook": 1, "matrix": 1}


def test_workers_at_once_send_each_post_once(site_of: Any) -> None:
    many_workers(site_of(*FAKES.values()))


@pytest.mark.server
def test_on_postgresql_workers_at_once_send_each_post_once(site_of: Any, cluster: Any) -> None:
    many_workers(site_of(*FAKES.values(), url=cluster.database()))


@pytest.mark.server
def test_on_postgresql_a_lost_answer_never_makes_a_second_post(site_of: Any, cluster: Any) -> None:
    site = site_of(*FAKES.values(), url=cluster.database())
    site.queue(article())
    for fake in site.fakes.values():
        fake.faults.append("lost")
    site.send()
    site.settle()
    assert {name: len(fake.holds) for name, fake in site.fakes.items()} == dict.fromkeys(FAKES, 1)
    site.queue(article(title="Edited"))
    site.send()
    assert {name: len(fake.holds) for name, fake in site.fakes.items()} == dict.fromkeys(FAKES, 1)


def many_workers(site: Any) -> None:
    site.queue(*[article(number) for number in range(4)])
    workers = [threading.Thread(target=site.send) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    site.send()
    assert {name: len(fake.holds) for name, fake in site.fakes.items()} == dict.fromkeys(FAKES, 4)


def test_a_connection_that_was_never_made_is_tried_again_with_growing_pauses(site_of: Any) -> None:
    site = site_of(FAKES["x"])
    fake = site.fakes["x"]
    site.queue(article())
    base, fake.base = fake.base, "http://127.0.0.1:9"
    site.send()
    row = site.row("x")
    assert (row.status, row.attempts) == (PostStatus.QUEUED, 1)
    assert row.due - site.clock().timestamp() == 30
    site.clock.advance(31)
    site.send()
    assert site.row("x").due - site.clock().timestamp() == 60
    fake.base = base
    site.clock.advance(61)
    site.send()
    assert len(fake.holds) == 1


def test_a_channel_has_one_holder_until_its_lease_ends_and_a_post_one_claimant(site_of: Any) -> None:
    site = site_of(FAKES["x"])
    site.queue(article())
    post_id = site.row("x").id
    with site.store.begin() as tx:
        assert channel_rows.take(tx, "x", "one", now=100, until=200)
        assert not channel_rows.take(tx, "x", "two", now=199, until=300)
        assert channel_rows.keep(tx, "x", "one", until=250)
        assert channel_rows.take(tx, "x", "two", now=250, until=300)
        assert not channel_rows.keep(tx, "x", "one", until=400)
        assert post_claims.claim(tx, post_id, "two", now=250)
        assert not post_claims.claim(tx, post_id, "one", now=250)
        assert not post_claims.settle(tx, post_id, "one", status=PostStatus.FAILED.value)


@pytest.mark.parametrize("stands", ["queued", "unknown", "edited"])
def test_nothing_is_posted_looked_for_or_edited_while_a_restore_waits(site_of: Any, stands: str) -> None:
    site = site_of(FAKES["mastodon"])
    fake = site.fakes["mastodon"]
    site.queue(article())
    post_id, now = site.row("mastodon").id, site.clock().timestamp()
    values = {
        "queued": "due = 1",
        "unknown": "status = 'unknown', due = 1, first_sent = 1",
        "edited": "status = 'published', edit_due = 1, first_sent = 1, remote_id = '1'",
    }
    with site.store.begin() as tx:
        tx.exec_driver_sql(f"UPDATE post SET {values[stands]}")
    asked = len(fake.calls)
    with site.store.begin() as tx:
        assert post_claims.due_channels(tx, now) == ["mastodon"]
        meta.put(tx, meta.RESTORED, "{}")
        assert post_claims.due_channels(tx, now) == []
    # Also a channel whose round began before the restore.
    assert posting.send_channel(site.store, site.settings, "mastodon", clock=site.clock) == posting.SendReport()
    assert len(fake.calls) == asked
    with site.store.begin() as tx:
        assert not post_claims.claim(tx, post_id, "one", now)
