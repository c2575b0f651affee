"""What planning reads and moves: cursors, slots and audiences."""

import pytest

from publisher.store import articles, open_store, planning, subscribers
from publisher.store.subscribers import NewSubscriber, SubscriberStatus
from tests.factories import article

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'masthead.db'}")
    yield opened
    opened.close()


def people(tx, *names: str) -> list[int]:
    subscribers.import_list(tx, [NewSubscriber(f"{n}@example.org") for n in names], now=NOW, digests=["letter"])
    found = [subscribers.by_address(tx, f"{n}@example.org") for n in names]
    return [one.id for one in found if one is not None]


def release(tx, *numbers: int) -> None:
    for number in numbers:
        articles.save(tx, article(number), source_path=f"{number}.md", now=NOW)


def test_whoever_subscribes_starts_after_what_is_there_already(store):
    with store.begin() as tx:
        release(tx, 1, 2)
        people(tx, "anna")
        assert planning.due(tx, "letter", now=NOW).subscriptions() == []
        release(tx, 3)
        assert [(r.subscription.cadence, r.cursor) for r in planning.due(tx, "letter", now=NOW).subscriptions()] == [
            ("each", 2)
        ]


def test_an_advance_moves_only_subscribers_that_stand_where_the_planner_saw_them(store):
    with store.begin() as tx:
        ids = people(tx, "anna", "bo", "cy")
        release(tx, 1)
        assert planning.advance(tx, "letter", ids[:1], cursor=0, new_cursor=1, next_due=None) == 1
        assert (
            planning.advance(tx, "letter", ids, cursor=0, new_cursor=1, next_due=None, edition_id=7, variant="a") == 2
        )
        assert planning.due(tx, "letter", now=NOW).subscriptions() == []


def test_the_paused_the_unconfirmed_and_those_who_wait_for_a_slot_are_left_alone(store):
    with store.begin() as tx:
        ids = people(tx, "anna", "bo", "cy", "di")
        subscribers.subscribe(tx, ids[0], "letter", now=NOW, paused_until=NOW + 60)
        subscribers.set_status(tx, ids[1], SubscriberStatus.PENDING, now=NOW)
        subscribers.subscribe(tx, ids[2], "letter", now=NOW, cadence="daily", next_due=NOW + 60)
        release(tx, 1)
        assert [r.subscription.subscriber_id for r in planning.due(tx, "letter", now=NOW).subscriptions()] == [ids[3]]
        later = planning.due(tx, "letter", now=NOW + 61).subscriptions()
        assert [r.subscription.subscriber_id for r in later] == [ids[0], ids[2], ids[3]]


def test_one_who_comes_back_is_not_sent_what_appeared_while_they_were_away(store):
    with store.begin() as tx:
        (anna,) = people(tx, "anna")
        release(tx, 1)
        subscribers.unsubscribe(tx, anna, "letter", now=NOW)
        release(tx, 2)
        subscribers.subscribe(tx, anna, "letter", now=NOW)
        subscribers.set_status(tx, anna, SubscriberStatus.CONFIRMED, now=NOW)
        assert planning.due(tx, "letter", now=NOW).subscriptions() == []


@pytest.mark.parametrize("position", [0, 2])
def test_the_first_edition_can_begin_later_than_the_first_article(store, position):
    with store.begin() as tx:
        people(tx, "anna")
        release(tx, 1, 2, 3)
        planning.skip_to(tx, "letter", position)
        assert [r.cursor for r in planning.due(tx, "letter", now=NOW).subscriptions()] == [position]
        assert planning.furthest(tx, "letter") == position


def test_nobody_is_due_for_an_article_that_was_withdrawn(store):
    with store.begin() as tx:
        people(tx, "anna")
        release(tx, 1, 2)
        planning.advance(tx, "letter", [1], cursor=0, new_cursor=1, next_due=None)
        assert len(planning.due(tx, "letter", now=NOW).subscriptions()) == 1
        articles.withdraw(tx, ["article-2"], now=NOW)
        assert planning.due(tx, "letter", now=NOW).subscriptions() == []
