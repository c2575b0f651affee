"""Subscribers: one row a mailbox, and a suppression that outlives it."""

import pytest

from publisher.errors import BadAddress
from publisher.store import open_store, subscribers
from publisher.store.subscribers import NewSubscriber, SubscriberStatus

NOW = 1_700_000_000.0


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/masthead.db")
    yield store
    store.close()


def test_two_spellings_of_a_mailbox_are_one(store):
    spellings = ["Anna@Example.ORG", " anna@example.org ", "anna@ｅxample.org"]
    with store.begin() as tx:
        assert len({subscribers.add(tx, spelled, now=NOW) for spelled in spellings}) == 1


def test_what_is_no_address_is_refused_and_leaves_nothing(store):
    with pytest.raises(BadAddress), store.begin() as tx:
        subscribers.import_list(
            tx, [NewSubscriber("bert@example.org"), NewSubscriber("c@d.example>\r\nRCPT TO:<e@f.example")], now=NOW
        )
    with store.read() as tx:
        assert subscribers.by_address(tx, "bert@example.org") is None


def test_adding_twice_makes_one_subscriber_and_the_first_stays(store):
    with store.begin() as tx:
        first = subscribers.add(tx, "Anna@example.org", now=NOW, name="Anna")
        assert subscribers.add(tx, "anna@EXAMPLE.org", now=NOW, name="Eve") == first
        found = subscribers.by_address(tx, "anna@example.org")
        assert (found.name, found.address) == ("Anna", "Anna@example.org")
        assert subscribers.get(tx, first) == found
        assert subscribers.status_of(tx, first) is SubscriberStatus.PENDING


def test_an_import_adds_who_is_new_and_never_undoes_an_unsubscription(store):
    people = [NewSubscriber(f"reader{n}@example.org") for n in range(1500)]
    with store.begin() as tx:
        assert subscribers.import_list(tx, people, now=NOW, digests=["weekly"]) == 1500
        assert subscribers.count(tx, "weekly") == 1500
        gone = subscribers.by_address(tx, "reader7@example.org")
        assert subscribers.unsubscribe(tx, gone.id, now=NOW) == 1
        assert subscribers.import_list(tx, people, now=NOW, digests=["weekly"]) == 0
        assert subscribers.count(tx, "weekly") == 1499
        assert subscribers.status_of(tx, gone.id) is SubscriberStatus.UNSUBSCRIBED


def test_leaving_one_digest_keeps_the_others(store):
    with store.begin() as tx:
        anna = subscribers.add(tx, "anna@example.org", now=NOW, status=SubscriberStatus.CONFIRMED)
        subscribers.subscribe(tx, anna, "weekly", now=NOW)
        subscribers.subscribe(tx, anna, "daily", now=NOW, cadence="daily", timezone="Europe/Rome")
        assert subscribers.unsubscribe(tx, anna, "weekly", now=NOW) == 1
        assert subscribers.status_of(tx, anna) is SubscriberStatus.CONFIRMED
        assert [(s.digest, s.active) for s in subscribers.subscriptions(tx, anna)] == [
            ("daily", True),
            ("weekly", False),
        ]
        subscribers.subscribe(tx, anna, "weekly", now=NOW)
        assert subscribers.count(tx, "weekly") == 1


def test_a_suppression_outlives_its_subscriber_and_a_new_import(store):
    with store.begin() as tx:
        anna = subscribers.add(tx, "anna@example.org", now=NOW)
        assert subscribers.suppress(tx, "Anna@Example.org", "complained", now=NOW, detail="feedback loop")
        assert not subscribers.suppress(tx, "anna@example.org", "by_hand", now=NOW)
        subscribers.forget(tx, anna)
        assert subscribers.by_address(tx, "anna@example.org") is None
        subscribers.import_list(tx, [NewSubscriber("ANNA@example.org")], now=NOW)
        assert subscribers.suppressed(tx, "anna@example.org").reason == "complained"
        assert subscribers.lift_suppression(tx, "anna@example.org")
        assert subscribers.suppressed(tx, "anna@example.org") is None


def test_a_suppression_tells_nobody_the_address(store, tmp_path):
    with store.begin() as tx:
        subscribers.suppress(tx, "anna@example.org", "by_hand", now=NOW)
    store.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"anna" not in files


def test_the_id_of_a_deleted_subscriber_is_never_given_again(store):
    with store.begin() as tx:
        first = subscribers.add(tx, "anna@example.org", now=NOW)
        subscribers.forget(tx, first)
        assert subscribers.add(tx, "bert@example.org", now=NOW) > first
