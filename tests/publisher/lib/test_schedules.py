"""When something fires: what an operator may write, and the instants it means."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.lib.schedules import AtOnce, Cron, WhenReady, decide, latest_slot, next_slot, parse_rule

ROME = "Europe/Rome"


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def slots(line: str, zone: str, start: float, end: float) -> list[datetime]:
    found = []
    slot = next_slot(Cron(line), zone, start)
    while slot is not None and slot < end:
        found.append(datetime.fromtimestamp(slot, ZoneInfo(zone)))
        slot = next_slot(Cron(line), zone, slot)
    return found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("at-once", AtOnce()),
        ("At-Once", AtOnce()),
        ("when 3 articles are ready", WhenReady(3)),
        ("when 1 article is ready", WhenReady(1)),
        ("30 7 * * 1-5", Cron("30 7 * * 1-5")),
        ("  0   8 1,15 *  * ", Cron("0 8 1,15 * *")),
    ],
)
def test_a_rule_is_read_as_it_is_meant(text, rule):
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text", ["", "daily", "when 0 articles are ready", "61 * * * *", "0 8 * *", "0 0 8 * * *", "0 8 30 2 *", "@daily"]
)
def test_what_is_no_rule_says_what_was_expected(text):
    with pytest.raises(ValueError, match=r"expected at-once.*30 7 \* \* 1-5"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("zone", "spring", "autumn", "fires_in_spring"),
    [
        ("Europe/Berlin", "2027-03-28", "2027-10-31", "03:30"),
        (ROME, "2027-03-28", "2027-10-31", "03:30"),
        ("America/New_York", "2027-03-14", "2027-11-07", "03:30"),
    ],
)
def test_0230_on_the_days_of_the_change_fires_exactly_once(zone, spring, autumn, fires_in_spring):
    (skipped,) = slots("30 2 * * *", zone, at(f"{spring} 00:00", zone), at(f"{spring} 23:59", zone))
    assert skipped.strftime("%H:%M") == fires_in_spring
    (repeated,) = slots("30 2 * * *", zone, at(f"{autumn} 00:00", zone), at(f"{autumn} 23:59", zone))
    assert (repeated.strftime("%H:%M"), repeated.fold) == ("02:30", 0)


def test_a_time_that_no_change_touches_is_the_same_on_the_wall_all_year():
    year = slots("0 8 * * *", ROME, at("2027-01-01 00:00", ROME), at("2028-01-01 00:00", ROME))
    assert len(year) == 365
    assert {slot.strftime("%H:%M") for slot in year} == {"08:00"}


def test_an_interval_neither_pauses_nor_stops_for_a_change():
    for day in ("2027-03-28", "2027-10-31"):
        start = at(f"{day} 00:00", ROME)
        found = slots("*/15 * * * *", ROME, start - 1, start + 6 * 3600)
        assert [slot.timestamp() - start for slot in found] == [n * 900 for n in range(24)]


def test_a_change_of_half_an_hour_and_a_day_that_never_was():
    (once,) = slots(
        "15 2 * * *",
        "Australia/Lord_Howe",
        at("2027-10-03 00:00", "Australia/Lord_Howe"),
        at("2027-10-03 12:00", "Australia/Lord_Howe"),
    )
    assert once.strftime("%H:%M") == "02:45"  # the clock went from 02:00 to 02:30
    apia = slots(
        "0 9 * * *", "Pacific/Apia", at("2011-12-29 00:00", "Pacific/Apia"), at("2012-01-01 12:00", "Pacific/Apia")
    )
    assert [slot.strftime("%m-%d %H:%M") for slot in apia] == ["12-29 09:00", "12-31 09:00", "01-01 09:00"]


minutes, hours = st.integers(0, 59), st.integers(0, 23)
zones = st.sampled_from(["UTC", ROME, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"])


@settings(max_examples=60, deadline=None)
@given(minutes, hours, zones, st.integers(0, 3000))
def test_a_fixed_time_fires_once_on_every_date_and_always_later(minute, hour, zone, day):
    start = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(days=day)
    found = slots(f"{minute} {hour} * * *", zone, start.timestamp() - 1, start.timestamp() + 12 * 86400)
    stamps = [slot.timestamp() for slot in found]
    assert stamps == sorted(set(stamps))
    dates = [slot.date() for slot in found]
    assert len(dates) == len(set(dates))
    assert len(dates) in (11, 12, 13)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 8 * * 1", "5 1-4 * * *"]), zones, st.integers(0, 10**9))
def test_the_next_slot_is_the_same_wherever_one_starts_before_it(line, zone, offset):
    after = 1_700_000_000.0 + offset / 10
    slot = next_slot(Cron(line), zone, after)
    assert slot > after
    assert next_slot(Cron(line), zone, (after + slot) / 2) == slot


def test_what_was_missed_is_made_up_for_once():
    cron = Cron("0 8 * * *")
    monday = at("2027-01-04 08:00")
    found = decide(cron, "UTC", slot=monday, now=at("2027-01-07 11:00"), catch_up="once", grace=3600)
    assert (found.fire, found.next) == (at("2027-01-07 08:00"), at("2027-01-08 08:00"))


def test_under_skip_only_a_slot_within_its_grace_fires():
    cron = Cron("0 8 * * *")
    monday = at("2027-01-04 08:00")
    late = decide(cron, "UTC", slot=monday, now=at("2027-01-05 09:01"), catch_up="skip", grace=3600)
    assert (late.fire, late.next) == (None, at("2027-01-06 08:00"))
    soon = decide(cron, "UTC", slot=monday, now=at("2027-01-05 08:59"), catch_up="skip", grace=3600)
    assert soon.fire == at("2027-01-05 08:00")


def test_before_its_slot_nothing_fires():
    assert decide(Cron("0 8 * * *"), "UTC", slot=10.0, now=9.0, catch_up="once", grace=0).fire is None


def test_years_without_anybody_are_decided_at_once():
    cron = Cron("* * * * *")
    now = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    found = decide(cron, "UTC", slot=now - 3 * 365 * 86400, now=now, catch_up="once", grace=0)
    assert (found.fire, found.next) == (now, now + 60)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 8 1 1 *"]), zones, st.integers(0, 10**8), st.integers(0, 10**7)
)
def test_the_latest_slot_is_the_one_that_no_other_follows(line, zone, offset, length):
    first = next_slot(Cron(line), zone, 1_700_000_000.0 + offset)
    latest = latest_slot(Cron(line), zone, first, first + length)
    assert first <= latest <= first + length
    assert next_slot(Cron(line), zone, latest) > first + length
