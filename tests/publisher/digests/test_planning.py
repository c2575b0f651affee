"""Whose digest holds what, and when."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.digests.planning import (
    EditionPlan,
    Plan,
    Released,
    SubscriptionState,
    follows,
    next_edition,
    next_slot,
    plan,
    reasons,
    topics_of,
)
from publisher.model import Article, Author, Cadence, Subscription
from tests import factories

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def article(name: str, *, minutes: int = 0, author: str = "", **values: Any) -> Article:
    authors = (Author(author),) if author else ()
    return factories.article(id=name, published=NOON + timedelta(minutes=minutes), authors=authors, **values)


def subscriber(number: int = 1, *, cursor: int = 0, due_at: float | None = None, **wanted: object) -> SubscriptionState:
    return SubscriptionState(Subscription(number, "digest", **wanted), cursor=cursor, due_at=due_at)  # type: ignore[arg-type]


def test_the_oldest_articles_go_first_and_are_shown_newest_first() -> None:
    articles = [article("a", minutes=1), article("c", minutes=3), article("b", minutes=2), article("old")]
    assert [one.id for one in next_edition(articles, {"old"}, 2)] == ["b", "a"]


def test_an_edition_of_nothing_new_is_empty() -> None:
    assert next_edition([article("a")], {"a"}, 20) == ()


def test_subscribers_with_the_same_set_share_one_variant() -> None:
    released = [Released(1, 0, "rome", section="Travel"), Released(2, 0, "cup", section="Sport")]
    made = plan("digest", released, [subscriber(2), subscriber(1), subscriber(3, sections=("sport",))], 10.0, 20)
    assert made.editions == (
        EditionPlan("digest", ("cup",), "", "html", (3,), 10.0),
        EditionPlan("digest", ("cup", "rome"), "", "html", (1, 2), 10.0),
    )


def test_different_topics_that_lead_to_the_same_articles_share_one_variant() -> None:
    released = [Released(1, 0, "cup", section="Sport", tags=("final",), authors=("Ada Rossi",))]
    subscribers = [
        subscriber(1, sections=("Sport",)),
        subscriber(2, tags=("FINAL",)),
        subscriber(3, authors=("ada rossi",)),
        subscriber(4),
    ]
    assert [one.recipients for one in plan("digest", released, subscribers, 0.0, 20).editions] == [(1, 2, 3, 4)]


def test_language_and_format_are_variants_of_their_own() -> None:
    released = [Released(1, 0, "a")]
    subscribers = [subscriber(1), replace(subscriber(2), language="it"), replace(subscriber(3), format="text")]
    assert len(plan("digest", released, subscribers, 0.0, 20).editions) == 3


def test_nothing_for_a_subscriber_makes_no_edition_but_moves_the_clock_on() -> None:
    made = plan(
        "digest", [Released(1, 0, "a", section="Sport")], [subscriber(cadence=Cadence.DAILY, tags=("art",))], 10.0, 20
    )
    assert made.editions == ()
    (moved,) = made.advances
    assert (moved.new_cursor, moved.edition, moved.next_due) == (1, None, 8 * 3600.0)


def test_more_than_the_limit_waits_and_the_oldest_go_first() -> None:
    released = [Released(number, 0, f"a{number}") for number in range(1, 6)]
    first = plan("digest", released, [subscriber()], 10.0, 3)
    assert first.editions[0].article_ids == ("a3", "a2", "a1")
    assert first.advances[0].new_cursor == 3
    assert plan("digest", released, [subscriber(cursor=3)], 20.0, 3).editions[0].article_ids == ("a5", "a4")


def test_a_plan_that_was_applied_plans_nothing_again() -> None:
    assert plan("digest", [Released(1, 0, "a")], [subscriber(cursor=1)], 10.0, 20) == Plan((), ())


def test_a_paused_subscriber_gets_nothing_and_later_only_what_came_after() -> None:
    released = [Released(1, 50.0, "during"), Released(2, 150.0, "after")]
    paused = replace(subscriber(), paused_until=100.0)
    assert plan("digest", released, [paused], 99.0, 20) == Plan((), ())
    assert plan("digest", released, [paused], 200.0, 20).editions[0].article_ids == ("after",)


def test_a_subscriber_that_is_not_due_is_left_alone() -> None:
    assert (
        plan("digest", [Released(1, 0, "a")], [subscriber(cadence=Cadence.DAILY, due_at=11.0)], 10.0, 20).editions == ()
    )


def test_slots_that_nobody_ran_are_made_up_for_by_one_edition() -> None:
    late = subscriber(cadence=Cadence.DAILY, due_at=8 * 3600.0)
    made = plan("digest", [Released(1, 0, "a")], [late], 3 * 86400 + 9 * 3600.0, 20)
    assert len(made.editions) == 1
    assert made.advances[0].next_due == 4 * 86400 + 8 * 3600.0


@pytest.mark.parametrize(
    ("wanted", "after", "local"),
    [
        # Europe/Rome changes on 2027-03-28 (02:00 to 03:00) and on 2027-10-31 (03:00 to 02:00).
        ({"hour": 2, "minute": 30}, "2027-03-27T12:00", "2027-03-28T03:30"),
        ({"hour": 2, "minute": 30}, "2027-03-28T03:30", "2027-03-29T02:30"),
        ({"hour": 2, "minute": 30}, "2027-10-30T12:00", "2027-10-31T02:30"),
        ({"hour": 2, "minute": 30}, "2027-10-31T02:30", "2027-11-01T02:30"),
        ({"hour": 8}, "2027-03-27T09:00", "2027-03-28T08:00"),
        ({"hour": 8}, "2027-10-30T09:00", "2027-10-31T08:00"),
        ({"cadence": Cadence.WEEKDAYS}, "2027-01-01T08:00", "2027-01-04T08:00"),
        ({"cadence": Cadence.WEEKLY, "weekday": 2}, "2027-01-06T08:00", "2027-01-13T08:00"),
        ({"cadence": Cadence.MONTHLY}, "2027-01-01T08:00", "2027-02-01T08:00"),
        ({"cadence": Cadence.MONTHLY, "monthday": 31}, "2027-01-31T08:00", "2027-02-28T08:00"),
        ({"cadence": Cadence.MONTHLY, "monthday": 31}, "2027-12-31T07:59", "2027-12-31T08:00"),
    ],
)
def test_the_next_slot_is_a_local_time_on_change_days_too(wanted: dict[str, object], after: str, local: str) -> None:
    zone = ZoneInfo("Europe/Rome")
    asked = Subscription(1, "digest", **{"cadence": Cadence.DAILY, "timezone": "Europe/Rome", **wanted})  # type: ignore[arg-type]
    found = next_slot(asked, datetime.fromisoformat(after).replace(tzinfo=zone).timestamp())
    assert found is not None
    assert datetime.fromtimestamp(found, zone).strftime("%Y-%m-%dT%H:%M") == local


def test_a_date_that_a_zone_skipped_gives_one_edition_not_two() -> None:
    samoa = Subscription(1, "digest", cadence=Cadence.DAILY, timezone="Pacific/Apia", hour=8)
    at = datetime(2011, 12, 28, 12, tzinfo=UTC).timestamp()
    dates = []
    for _ in range(4):
        at = next_slot(samoa, at) or 0.0
        dates.append(datetime.fromtimestamp(at, ZoneInfo("Pacific/Apia")).strftime("%d %H:%M"))
    assert dates == ["28 08:00", "29 08:00", "31 08:00", "01 08:00"]


ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Africa/Casablanca")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([cadence for cadence in Cadence if cadence is not Cadence.EACH]),
    st.integers(0, 6),
    st.integers(1, 31),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(ZONES),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_slots_follow_one_another_and_none_is_left_out(
    cadence: Cadence, weekday: int, monthday: int, hour: int, minute: int, timezone: str, start: int
) -> None:
    asked = Subscription(1, "d", (), (), (), cadence, weekday, monthday, hour, minute, timezone)
    zone, at, dates = ZoneInfo(timezone), float(start), []
    for _ in range(5):
        later = next_slot(asked, at)
        assert later is not None
        assert later > at
        # From just before it, the same slot is found: what is found does not depend on where one starts.
        assert next_slot(asked, later - 1) == later
        local = datetime.fromtimestamp(later, zone)
        naive = datetime(local.year, local.month, local.day, hour, minute, tzinfo=zone)
        exists = naive.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive.replace(tzinfo=None)
        assert (local.hour, local.minute) == (hour, minute) or not exists
        dates.append(local.date())
        at = later
    if cadence is Cadence.DAILY:
        assert dates == [dates[0] + timedelta(days=count) for count in range(5)]
    if cadence is Cadence.WEEKDAYS:
        assert all(day.weekday() < 5 for day in dates)
    if cadence is Cadence.WEEKLY:
        assert {day.weekday() for day in dates} == {weekday}
    if cadence is Cadence.MONTHLY:
        assert len({(day.year, day.month) for day in dates}) == 5


def run(
    subscribers: list[SubscriptionState], releases: list[Released], start: float, days: int, step: float
) -> dict[int, list[tuple[float, str]]]:
    """What each subscriber was sent, and when, by a tick that looks every ``step`` seconds."""
    state = {one.subscription.subscriber_id: one for one in subscribers}
    received: dict[int, list[tuple[float, str]]] = defaultdict(list)
    now = start
    while now <= start + days * 86400:
        out = [one for one in releases if one.at <= now]
        # What a query would give: those that wait for a slot that has come, or for anything new.
        due = [
            one
            for one in state.values()
            if (one.due_at is not None and one.due_at <= now)
            or (one.due_at is None and out and one.cursor < out[-1].position)
        ]
        made = plan("digest", out, due, now, 100)
        for edition in made.editions:
            assert edition.article_ids, "an empty digest"
            assert edition.recipients
            for subscriber in edition.recipients:
                received[subscriber] += [(now, name) for name in edition.article_ids]
        for move in made.advances:
            for subscriber in move.subscribers:
                assert state[subscriber].cursor == move.cursor
                state[subscriber] = replace(state[subscriber], cursor=move.new_cursor, due_at=move.next_due)
        now += step
    return received


def check_sixty_days(count: int, days: int, first_day: date, seed: int) -> None:
    rng = random.Random(seed)
    start = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC).timestamp()
    sections, tags, authors = ("World", "Sport", "Art"), ("rome", "bees", "cup"), ("Ada", "Bo")
    releases = []
    moment = start
    for position in range(1, days * 2):
        moment += rng.uniform(0.2, 0.8) * 86400
        releases.append(
            Released(
                position,
                moment,
                f"a{position}",
                rng.choice(sections),
                tuple(rng.sample(tags, rng.randint(0, 2))),
                (rng.choice(authors),),
            )
        )
    subscribers = []
    for number in range(count):
        asked = Subscription(
            number,
            "digest",
            tuple(rng.sample(sections, rng.choice((0, 0, 1, 2)))),
            tuple(rng.sample(tags, rng.choice((0, 0, 1)))),
            tuple(rng.sample(authors, rng.choice((0, 0, 1)))),
            rng.choice(list(Cadence)),
            rng.randint(0, 6),
            rng.randint(1, 31),
            rng.randint(0, 23),
            0,
            rng.choice(ZONES),
        )
        subscribers.append(SubscriptionState(asked, due_at=next_slot(asked, start)))
    received = run(subscribers, releases, start, days + 35, 1800.0)  # long enough for the next month's edition
    for one in subscribers:
        asked, got = one.subscription, received[one.subscription.subscriber_id]
        wanted = [
            release.article_id
            for release in releases
            if not (asked.sections or asked.tags or asked.authors)
            or release.section in asked.sections
            or set(release.tags) & set(asked.tags)
            or set(release.authors) & set(asked.authors)
        ]
        assert sorted(name for _, name in got) == sorted(wanted), "each matching article exactly once"
        zone = ZoneInfo(asked.timezone)
        for at, _ in got:
            if asked.cadence is Cadence.EACH:
                continue
            local = datetime.fromtimestamp(at, zone)
            asked_for = datetime(local.year, local.month, local.day, asked.hour, tzinfo=zone).timestamp()
            assert 0 <= at - asked_for < 1800.0, "not at the subscriber's own hour"
            assert asked.cadence is not Cadence.WEEKLY or local.weekday() == asked.weekday
            assert asked.cadence is not Cadence.WEEKDAYS or local.weekday() < 5


@pytest.mark.parametrize("first_day", [date(2027, 2, 20), date(2027, 9, 25)])
def test_each_matching_article_reaches_each_of_1000_subscribers_once_over_60_days_and_both_clock_changes(
    first_day: date,
) -> None:
    check_sixty_days(1000, 60, first_day, seed=8)


def test_the_reasons_are_the_followed_topics_that_brought_something() -> None:
    asked = Subscription(1, "d", sections=("Sport",), tags=("Bees", "rome"), authors=("Ada",))
    topics = topics_of([article("x", section="sport", tags=("bees",))])
    assert reasons(topics, (*asked.sections, *asked.tags, *asked.authors)) == ("Sport", "Bees")
    assert follows(article("x", author="ada"), asked)
    assert not follows(article("x", author="bo"), asked)
