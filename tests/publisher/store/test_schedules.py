"""Schedules as rows: a slot fires once, however many tick and whatever the clock says."""

import threading

from publisher.lib.schedules import Cron
from publisher.store import schedules
from publisher.store.schedules import Wanted

DAY = 86400.0
MORNING = {"digest:weekly": Wanted(Cron("0 8 * * *"), "UTC")}
MIDNIGHT = 1_800_057_600.0 // DAY * DAY


def tick(store, now, wanted=MORNING):
    with store.begin() as tx:
        schedules.sync(tx, wanted, now=now)
        fired = schedules.claim_due(tx, now=now)
    for name, slot in fired:
        with store.begin() as tx:
            schedules.settled(tx, name, slot)
    return [slot - MIDNIGHT for _, slot in fired]


def test_a_slot_fires_when_it_has_come_and_only_once(either_store):
    store = either_store
    hour = 3600.0
    assert tick(store, MIDNIGHT) == []
    assert tick(store, MIDNIGHT + 8 * hour - 1) == []
    assert tick(store, MIDNIGHT + 8 * hour) == [8 * hour]
    assert tick(store, MIDNIGHT + 8 * hour + 1) == []
    assert tick(store, MIDNIGHT + DAY + 8 * hour) == [DAY + 8 * hour]


def test_many_that_tick_at_once_fire_each_slot_once(either_store):
    store = either_store
    tick(store, MIDNIGHT)
    found, errors = [], []

    def run():
        try:
            for n in range(6):
                found.extend(tick(store, MIDNIGHT + n * DAY + 9 * 3600))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(found) == len(set(found)) <= 6


def test_a_slot_whose_work_was_cut_off_is_found_again(either_store):
    store = either_store
    tick(store, MIDNIGHT)
    with store.begin() as tx:
        assert len(schedules.claim_due(tx, now=MIDNIGHT + 9 * 3600)) == 1
    with store.read() as tx:
        assert schedules.claimed(tx) == [("digest:weekly", MIDNIGHT + 8 * 3600)]
    with store.begin() as tx:
        schedules.settled(tx, "digest:weekly", MIDNIGHT + 8 * 3600)
        assert schedules.claimed(tx) == []


def test_an_edited_schedule_waits_for_its_next_slot_from_now_on(either_store):
    store = either_store
    tick(store, MIDNIGHT)
    edited = {"digest:weekly": Wanted(Cron("0 10 * * *"), "UTC")}
    with store.read() as tx:
        assert schedules.needs_sync(tx, edited, now=MIDNIGHT)
    assert tick(store, MIDNIGHT + 9 * 3600, edited) == []
    assert tick(store, MIDNIGHT + 10 * 3600, edited) == [10 * 3600]
    assert tick(store, MIDNIGHT + 11 * 3600, {}) == []
    with store.read() as tx:
        assert schedules.upcoming(tx) == {}


def test_a_clock_two_days_ahead_that_is_put_right_skips_and_doubles_nothing(either_store):
    store = either_store
    tick(store, MIDNIGHT)
    assert tick(store, MIDNIGHT + 2 * DAY + 9 * 3600) == [2 * DAY + 8 * 3600]
    fired = []
    for n in range(4):
        tick(store, MIDNIGHT + n * DAY + 60)
        fired += tick(store, MIDNIGHT + n * DAY + 9 * 3600)
    assert fired == [8 * 3600, DAY + 8 * 3600, 3 * DAY + 8 * 3600]  # the third day's had gone out
