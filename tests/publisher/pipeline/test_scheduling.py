"""A digest goes out when its schedule says so, and once."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from publisher.errors import SettingsError
from publisher.pipeline.scheduling import plan_due
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import articles, open_store, subscribers
from publisher.store import editions as edition_rows
from publisher.store.subscribers import NewSubscriber
from tests.factories import article, write_site

MONDAY = datetime(2027, 1, 4, 6, tzinfo=UTC)


class Desk:
    def __init__(self, directory, store, digest):
        write_site(directory, publication={"timezone": "Europe/Rome"}, digests=[{"name": "news", **digest}])
        self.moment = MONDAY
        self.site = Site(load_settings(directory), store, lambda: self.moment.timestamp())
        self.count = 0
        with store.begin() as tx:
            subscribers.import_list(tx, [NewSubscriber("a@x.example")], now=self.moment.timestamp(), digests=["news"])

    def write(self, number=1):
        with self.site.store.begin() as tx:
            for _ in range(number):
                self.count += 1
                one = article(self.count, published=self.moment)
                articles.save(tx, one, source_path=f"{self.count}.md", now=self.moment.timestamp(), release=True)

    def tick(self):
        return [one.articles for one in plan_due(self.site)]

    def go(self, **time):
        self.moment += timedelta(**time)


@pytest.fixture
def desk(tmp_path, migrated):
    shutil.copy(migrated, tmp_path / "masthead.db")
    store = open_store(f"sqlite:///{tmp_path}/masthead.db")
    yield lambda **digest: Desk(tmp_path, store, digest)
    store.close()


def test_at_once_goes_out_with_the_first_article(desk):
    desk = desk(schedule="at-once")
    assert desk.tick() == []
    desk.write()
    assert desk.tick() == [1]
    assert desk.tick() == []


def test_when_three_are_ready_waits_for_the_third(desk):
    desk = desk(schedule="when 3 articles are ready")
    desk.write(2)
    assert desk.tick() == []
    desk.write()
    assert desk.tick() == [3]
    desk.write(2)
    assert desk.tick() == []
    desk.write()
    assert desk.tick() == [3]


def test_a_cron_line_goes_out_at_its_time_in_the_publications_zone(desk):
    desk = desk(schedule="30 7 * * *")  # 06:30 in UTC
    desk.write(2)
    assert desk.tick() == []
    desk.go(minutes=29)
    assert desk.tick() == []
    desk.go(minutes=1)
    assert desk.tick() == [2]
    desk.write()
    desk.go(hours=5)
    assert desk.tick() == []
    desk.go(hours=19)
    assert desk.tick() == [1]


def test_after_days_without_anybody_one_edition_makes_up_for_all(desk):
    desk = desk(schedule="30 7 * * *")
    desk.tick()
    desk.write(3)
    desk.go(days=4)
    assert desk.tick() == [3]
    assert desk.tick() == []


def test_under_skip_what_is_long_past_waits_for_the_next_time(desk):
    desk = desk(schedule="30 7 * * *", catch_up="skip")
    desk.tick()
    desk.write(3)
    desk.go(days=4, hours=4)
    assert desk.tick() == []
    desk.go(hours=20, minutes=30)
    assert desk.tick() == [3]


def test_a_slot_whose_planning_was_cut_off_is_planned_by_the_next_tick(desk, monkeypatch):
    desk = desk(schedule="30 7 * * *")
    desk.tick()
    desk.write(2)
    desk.go(hours=1)

    class Killed(BaseException):
        pass

    def dies(site, *, fired):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("publisher.pipeline.scheduling.plan_editions", dies)
        with pytest.raises(Killed):
            desk.tick()
    assert desk.tick() == [2]
    assert desk.tick() == []


def test_the_policy_and_the_cut_off_of_a_digest_are_its_editions(desk):
    desk = desk(in_doubt="report", too_late_hours=6)
    desk.write()
    desk.tick()
    with desk.site.store.read() as tx:
        (row,) = edition_rows.listing(tx)
    assert row.policy == "report"
    assert row.not_after == (MONDAY + timedelta(hours=6)).timestamp()


def test_a_rule_that_is_none_is_one_line_that_says_what_was_expected(desk):
    with pytest.raises(SettingsError, match=r"digests\[0\].schedule = 'sometimes': expected at-once"):
        desk(schedule="sometimes")
