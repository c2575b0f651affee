"""Windows, spacing, slots and the monthly cap: when a post goes."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from publisher import posting
from publisher.posting import timing
from publisher.settings.channels import parse_window
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article

ROME = ZoneInfo("Europe/Rome")


def test_a_window_opens_at_its_local_hour_across_a_clock_change() -> None:
    before = datetime(2026, 3, 28, 22, tzinfo=UTC)  # the night in which Italy's clocks go forward
    assert timing.opens_at(before, ["08:00-20:00"], ROME) == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert timing.opens_at(datetime(2026, 3, 27, 22, tzinfo=UTC), ["08:00-20:00"], ROME).hour == 7
    inside = datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert timing.opens_at(inside, ["08:00-20:00"], ROME) == inside
    friday = datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert timing.opens_at(friday, ["mon-fri 09:00-24:00"], ROME) == datetime(2026, 3, 30, 7, tzinfo=UTC)


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2 * 365 * 86400).map(lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    st.lists(
        st.sampled_from(["08:00-20:00", "mon-fri 09:30-12:00", "sun 00:00-24:00", "sat-mon 23:00-23:01"]), max_size=3
    ),
)
def test_a_window_that_opens_is_open_then_and_was_not_open_before(now: datetime, windows: list[str]) -> None:
    at = timing.opens_at(now, windows, ROME)
    assert now <= at <= now + timedelta(days=8)
    assert timing.opens_at(at, windows, ROME) == at
    if at > now:
        middle = now + (at - now) / 2
        assert timing.opens_at(middle, windows, ROME) == at


@pytest.mark.parametrize("bad", ["8-20", "20:00-08:00", "mon-xyz 08:00-09:00", "08:00-25:00", "08:00-08:00"])
def test_a_window_that_makes_no_sense_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="expected a window"):
        parse_window(bad)


def test_posts_keep_their_distance_and_go_in_the_order_of_the_articles(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"spacing_minutes": 30})
    site.queue(article(3), article(1), article(2))
    sent = []
    for _ in range(8):
        if site.send().published:
            sent.append((site.fakes["x"].holds[-1]["text"][:7], site.clock()))
        site.clock.advance(10 * 60)
    assert [text for text, _ in sent] == ["Story 1", "Story 2", "Story 3"]
    assert all(later - earlier >= timedelta(minutes=30) for (_, earlier), (_, later) in itertools.pairwise(sent))


def test_a_post_waits_for_its_window(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"windows": ["08:00-09:00"]})
    site.clock.now = site.clock.now.replace(hour=10, minute=0) + timedelta(days=1)
    site.queue(article())
    assert site.send().deferred == 1
    opens = datetime.fromtimestamp(site.row("x").due, UTC)
    assert (opens.hour, opens.minute) == (8, 0)
    site.clock.now = opens
    assert site.send().published == 1


def test_a_cron_line_lets_posts_go_at_its_slots_and_an_edited_one_holds_within_a_minute(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"schedule": "0 18 * * *"})
    site.clock.now = (site.clock.now + timedelta(days=1)).replace(hour=9, minute=0, second=0)
    site.queue(article())
    assert site.send().published == 0
    site.clock.now = site.clock.now.replace(hour=17, minute=59, second=30)
    assert site.send().published == 0
    site.clock.now = site.clock.now.replace(hour=18, minute=0, second=0)
    assert site.send().published == 1
    site.clock.advance(60)
    site.queue(article(1), article(2))
    assert site.send().published == 0
    site.tables["x"] = {"schedule": "at-once"}
    site.clock.advance(60)
    assert site.send().published == 1


def test_when_enough_articles_are_ready_all_that_wait_go(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"schedule": "when 3 articles are ready"})
    site.queue(article(1), article(2))
    assert site.send().published == 0
    site.clock.advance(61)
    site.queue(article(1), article(2), article(3))
    assert site.send().published + site.send().published == 3
    site.clock.advance(61)
    site.queue(article(4))
    assert site.send().published == 0


def test_xs_price_is_shown_before_and_its_cap_holds_until_the_next_month(site_of: Any) -> None:
    site = site_of(FAKES["x"])
    site.tables["x"] = {"options": {**site.fakes["x"].options(), "monthly_cap": 0.5}}
    assert posting.preview(article(), *site.known("x"), site.settings).price == 0.2
    site.clock.now = (site.clock.now + timedelta(days=40)).replace(day=10)
    site.queue(*[article(number) for number in range(4)])
    report = site.send()
    assert report.published == 2
    (alert,) = report.alerts
    assert "the monthly cap of $0.50 is reached ($0.400 spent)" in alert
    site.clock.advance(86400)
    assert site.send().alerts == []
    assert len(site.fakes["x"].holds) == 2
    site.clock.now = timing.next_month(site.clock(), ZoneInfo("UTC")) + timedelta(seconds=1)
    assert site.send().published == 2
