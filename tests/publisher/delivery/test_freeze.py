"""Freezing: an audience is decided once, in one transaction, and everyone in it is on record."""

import pytest
from sqlalchemy import select

from publisher.delivery import wait_until_clear
from publisher.store import deliveries, editions, freezing, subscribers
from publisher.store.subscribers import NewSubscriber, SubscriberStatus
from publisher.store.tables import chunk, delivery


def test_an_edition_is_frozen_once(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(7)
    with ledger.store.begin(snapshot=True) as tx:
        assert freezing.freeze(tx, edition, freezing.audience("weekly"), now=ledger.now) is None
    assert ledger.account(edition).audience == 7


def test_who_comes_later_is_not_in_it_and_who_is_not_confirmed_is_not_either(either_ledger):
    ledger = either_ledger
    with ledger.store.begin() as tx:
        waiting = subscribers.add(tx, "waiting@x.example", now=ledger.now, status=SubscriberStatus.PENDING)
        subscribers.subscribe(tx, waiting, "weekly", now=ledger.now)
        other = subscribers.add(tx, "other@x.example", now=ledger.now, status=SubscriberStatus.CONFIRMED)
        subscribers.subscribe(tx, other, "daily", now=ledger.now)
    edition = ledger.edition(4)
    with ledger.store.begin() as tx:
        subscribers.import_list(tx, [NewSubscriber("late@x.example")], now=ledger.now, digests=["weekly"])
    assert ledger.account(edition).audience == 4
    assert {row.address[:6] for row in ledger.rows(edition)} == {"reader"}


def test_chunks_are_full_but_the_last_and_hold_everyone_once(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(1234, chunk_size=100)
    with ledger.store.read() as tx:
        sizes = tx.scalars(select(chunk.c.size).where(chunk.c.edition_id == edition).order_by(chunk.c.id)).all()
        people = tx.scalars(select(delivery.c.subscriber_id).where(delivery.c.edition_id == edition)).all()
    assert sizes == [100] * 12 + [34]
    assert len(people) == len(set(people)) == 1234


def test_each_subscriber_gets_the_variant_of_their_language(either_ledger):
    ledger = either_ledger
    with ledger.store.begin() as tx:
        people = [NewSubscriber(f"{code or 'none'}@x.example", language=code) for code in ("it", "de", "")]
        subscribers.import_list(tx, people, now=ledger.now, digests=["local"])
        edition = editions.create(tx, "local", "T", [], now=ledger.now)
    with ledger.store.begin(snapshot=True) as tx:
        audience = freezing.audience("local", variants={"it": "italian"}, variant="english")
        assert freezing.freeze(tx, edition, audience, now=ledger.now) == 3
    assert {row.address[:2]: row.variant for row in ledger.rows(edition)} == {
        "it": "italian",
        "de": "english",
        "no": "english",
    }


def test_an_edition_for_nobody_is_done_at_once(ledger):
    with ledger.store.begin(snapshot=True) as tx:
        edition = editions.create(tx, "weekly", "T", [], now=ledger.now)
        assert freezing.freeze(tx, edition, freezing.audience("weekly"), now=ledger.now) == 0
    assert ledger.status(edition) == "done"


def test_progress_tells_rate_and_time_left(ledger):
    edition = ledger.edition(100)

    def before(outgoing):
        ledger.now += 0.5

    ledger.transport.before = before
    ledger.drain(batch=10, stop=lambda: len(ledger.transport.taken) >= 60)
    with ledger.store.read() as tx:
        seen = deliveries.watch(tx, edition, now=ledger.now)
    assert seen.account.sent == 60
    assert seen.rate == pytest.approx(2.0, rel=0.2)
    assert seen.eta == pytest.approx(20.0, rel=0.2)


def test_leaving_waits_for_a_message_that_may_be_on_its_way_and_no_longer(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(3)
    seen = []

    def before(outgoing):
        person = next(row.subscriber_id for row in ledger.rows(edition) if row.id == outgoing.delivery)
        seen.append(wait_until_clear(ledger.store, person, seconds=0.05))

    ledger.transport.before = before
    ledger.drain()
    assert seen == [False, False, False]
    assert all(wait_until_clear(ledger.store, row.subscriber_id, seconds=0.05) for row in ledger.rows(edition))
