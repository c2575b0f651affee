"""Sending an edition: everyone in the audience gets an answer, once, and the account is balanced throughout."""

from contextlib import contextmanager, suppress

import pytest

from publisher.delivery import cancel, pause, resume, retry_failed, settle
from publisher.delivery.ladder import LADDER
from publisher.errors import DeliveryError, StoreError
from publisher.mail.transport import Cause, Outcome, Result
from publisher.store import Store, articles, deliveries, editions, freezing, leases, subscribers
from publisher.store.states import State
from tests.factories import article

DEFERRED = Result(Outcome.DEFERRED, 450, "4.2.1", "try later")
REFUSED = Result(Outcome.FAILED, 550, "5.1.1", "no such user", cause=Cause.DEAD, suppress=True)
DROPPED = Result(Outcome.IN_DOUBT, reply="the connection broke after DATA")


def counts(account):
    return account.sent, account.failed, account.suppressed, account.pending, account.in_doubt


def test_everyone_in_the_audience_gets_one_message_and_the_edition_is_done(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(1203, chunk_size=100)
    assert counts(ledger.account(edition)) == (0, 0, 0, 1203, 0)
    done = ledger.drain()
    assert done.sent == 1203
    assert sorted(o.recipient for o in ledger.transport.taken) == sorted({o.recipient for o in ledger.transport.taken})
    assert counts(ledger.account(edition)) == (1203, 0, 0, 0, 0)
    assert ledger.sweep().finished == 1
    assert ledger.status(edition) == "done"
    assert ledger.drain().sent == 0
    assert list(ledger.directory.glob("*.journal")) == []


def test_a_temporary_refusal_climbs_the_ladder_and_is_delivered(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(5)
    ledger.transport.answers["reader2@d2.example"] = [DEFERRED, DEFERRED]
    assert ledger.drain().deferred == 1
    assert counts(ledger.account(edition)) == (4, 0, 0, 1, 0)
    with ledger.store.read() as tx:
        assert deliveries.watch(tx, edition, now=ledger.now).deferrals == (("d2.example", 1),)
        assert deliveries.replies(tx, edition) == [("try later", 450, 1)]
    ledger.now += LADDER.steps[0] - 1
    assert ledger.drain().tried == 0
    ledger.now += 1
    assert ledger.drain().deferred == 1
    ledger.now += LADDER.steps[1]
    assert ledger.drain().sent == 1
    assert counts(ledger.account(edition)) == (5, 0, 0, 0, 0)
    first, last = ledger.transport.taken[0], ledger.transport.taken[-1]
    assert last.message.split(b"\r\n")[1] == first.message.split(b"\r\n")[1]  # the Date of its first attempt


def test_after_72_hours_of_deferrals_it_is_given_up(ledger):
    edition = ledger.edition(1)
    ledger.transport.answers["reader0@d0.example"] = [DEFERRED] * 100
    attempts = 0
    for _ in range(40):
        attempts += ledger.drain().tried
        if ledger.account(edition).failed:
            break
        ledger.now += 12 * 3600
    (row,) = ledger.rows(edition)
    assert row.reply.startswith("given up after 72 hours: try later")
    assert row.attempts == attempts == 7
    assert ledger.account(edition).failed == 1


def test_a_refusal_for_good_is_never_tried_again_and_a_dead_address_is_suppressed(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(3)
    ledger.transport.answers["reader1@d1.example"] = [REFUSED, REFUSED]
    assert ledger.drain().failed == 1
    ledger.now += 100 * 3600
    ledger.sweep()
    assert ledger.drain().tried == 0
    assert counts(ledger.account(edition)) == (2, 1, 0, 0, 0)
    with ledger.store.read() as tx:
        assert subscribers.suppressed(tx, "reader1@d1.example").reason == "bounced"
    second = ledger.edition(3)
    assert ledger.drain().suppressed == 1
    assert counts(ledger.account(second)) == (2, 0, 1, 0, 0)


def test_whoever_is_suppressed_or_leaves_after_the_freeze_gets_nothing(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(4)
    with ledger.store.begin() as tx:
        subscribers.suppress(tx, "reader0@d0.example", "complained", now=ledger.now)
        subscribers.unsubscribe(tx, subscribers.by_address(tx, "reader1@d1.example").id, now=ledger.now)
        subscribers.forget(tx, subscribers.by_address(tx, "reader2@d2.example").id)
    ledger.drain()
    assert [o.recipient for o in ledger.transport.taken] == ["reader3@d0.example"]
    assert counts(ledger.account(edition)) == (1, 0, 3, 0, 0)


def test_a_message_in_doubt_is_sent_again_with_the_same_bytes_under_resend(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(2)
    sent = []
    ledger.transport.before = sent.append
    ledger.transport.answers["reader0@d0.example"] = [DROPPED]
    done = ledger.drain()
    assert (done.sent, done.in_doubt) == (1, 1)
    assert counts(ledger.account(edition)) == (1, 0, 0, 1, 0)
    assert [row.id for row in ledger.rows(edition, doubted=True)] == [sent[0].delivery]
    ledger.now += LADDER.steps[0]
    assert ledger.drain().sent == 1
    assert sent[2] == sent[0]


def test_a_message_in_doubt_waits_for_a_person_under_report(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(3, policy="report")
    for n in range(3):
        ledger.transport.answers[f"reader{n}@d{n}.example"] = [DROPPED]
    ledger.drain()
    assert counts(ledger.account(edition)) == (0, 0, 0, 0, 3)
    ledger.sweep()
    assert ledger.status(edition) == "done"
    first, second, third = (row.id for row in ledger.rows(edition, states=[State.IN_DOUBT]))
    settle(ledger.store, first, "sent", now=ledger.now)
    settle(ledger.store, second, "failed", now=ledger.now)
    assert counts(ledger.account(edition)) == (1, 1, 0, 0, 1)
    settle(ledger.store, third, "resend", now=ledger.now)
    assert counts(ledger.account(edition)) == (1, 1, 0, 1, 0)
    assert ledger.status(edition) == "sending"
    assert ledger.drain().sent == 1
    assert counts(ledger.account(edition)) == (2, 1, 0, 0, 0)
    with pytest.raises(DeliveryError, match="not in doubt"):
        settle(ledger.store, first, "sent", now=ledger.now)


def test_pausing_gives_back_what_was_not_begun_and_resuming_sends_the_rest(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(50)

    def pause_at_ten(outgoing):
        if len(ledger.transport.taken) == 10:
            pause(ledger.store, edition)

    ledger.transport.before = pause_at_ten
    done = ledger.drain(poll_seconds=0.0)
    assert done.sent == 11
    assert done.more
    assert counts(ledger.account(edition)) == (11, 0, 0, 39, 0)
    assert ledger.drain().tried == 0
    assert resume(ledger.store, edition)
    ledger.transport.before = lambda outgoing: None
    assert ledger.drain().sent == 39
    assert len({o.delivery for o in ledger.transport.taken}) == 50


def test_cancelling_books_the_rest_as_failed_with_the_reason(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(30)
    ledger.transport.before = lambda outgoing: len(ledger.transport.taken) == 4 and cancel(ledger.store, edition)
    ledger.drain(poll_seconds=0.0)
    assert ledger.sweep().given_up == 25
    assert counts(ledger.account(edition)) == (5, 25, 0, 0, 0)
    assert ledger.rows(edition)[-1].reply == "cancelled by the operator"
    assert ledger.status(edition) == "cancelled"
    assert not resume(ledger.store, edition)


def test_what_has_not_left_by_the_cut_off_is_too_late(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(30, not_after=ledger.now + 60)
    ledger.transport.before = lambda outgoing: setattr(ledger, "now", ledger.now + 10)
    ledger.drain(batch=1)
    assert len(ledger.transport.taken) == 7
    assert ledger.sweep().given_up == 23
    assert counts(ledger.account(edition)) == (7, 23, 0, 0, 0)
    assert ledger.status(edition) == "done"


def test_stopping_finishes_what_is_in_flight_and_gives_back_the_rest(ledger):
    edition = ledger.edition(40)
    done = ledger.drain(stop=lambda: len(ledger.transport.taken) >= 8)
    assert done.sent == 8
    assert counts(ledger.account(edition)) == (8, 0, 0, 32, 0)
    assert ledger.drain().sent == 32


def test_a_relay_in_trouble_gives_the_chunk_back_for_later(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(20)
    ledger.transport.answers["reader5@d2.example"] = [
        Result(Outcome.RELEASED, 421, "4.3.2", "closing", cause=Cause.RELAY, retry_after=30)
    ]
    done = ledger.drain()
    assert (done.sent, done.wait) == (5, 30)
    assert ledger.drain().tried == 0
    ledger.now += 30
    assert ledger.drain().sent == 15
    assert counts(ledger.account(edition)) == (20, 0, 0, 0, 0)
    assert {row.attempts for row in ledger.rows(edition)} == {1}


def test_an_answer_that_asks_for_a_person_pauses_the_edition(ledger):
    edition = ledger.edition(20)
    ledger.transport.answers["reader3@d0.example"] = [
        Result(Outcome.RELEASED, 535, "5.7.8", "wrong password", cause=Cause.OURS, pause="535 wrong password")
    ]
    ledger.drain()
    assert ledger.status(edition) == "paused"
    assert counts(ledger.account(edition)) == (3, 0, 0, 17, 0)
    with ledger.store.read() as tx:
        assert deliveries.watch(tx, edition, now=ledger.now).reason == "535 wrong password"


def test_the_same_refusal_for_twenty_in_a_row_pauses_the_edition(ledger):
    edition = ledger.edition(60)
    for n in range(60):
        ledger.transport.answers[f"reader{n}@d{n % 3}.example"] = [
            Result(Outcome.FAILED, 550, "5.7.1", "blocked", cause=Cause.OURS)
        ]
    ledger.drain()
    assert ledger.status(edition) == "paused"
    assert counts(ledger.account(edition)) == (0, 20, 0, 40, 0)
    resume(ledger.store, edition)
    ledger.transport.answers.clear()
    ledger.drain()
    assert retry_failed(ledger.store, edition, now=ledger.now) == 20
    ledger.drain()
    assert counts(ledger.account(edition)) == (60, 0, 0, 0, 0)


@pytest.mark.parametrize("cause", [Cause.DEAD, Cause.SOFT])
def test_one_provider_that_refuses_its_own_mailboxes_holds_nobody_up(ledger, cause):
    edition = ledger.edition(60)
    for n in range(0, 60, 3):
        ledger.transport.answers[f"reader{n}@d0.example"] = [
            Result(Outcome.FAILED, 550, "5.5.0", "mailbox unavailable", cause=cause)
        ]
    ledger.drain(same_refusal=5)
    assert counts(ledger.account(edition)) == (40, 20, 0, 0, 0)


def test_a_message_that_cannot_be_composed_fails_alone_and_is_named(ledger):
    edition = ledger.edition(5)
    good = ledger.compose

    def compose(edition_row, row):
        if row.address.startswith("reader3"):
            raise KeyError("name")
        return good(edition_row, row)

    ledger.compose = compose
    done = ledger.drain()
    assert (done.sent, done.failed) == (4, 1)
    assert [row.reply for row in ledger.rows(edition, states=[State.FAILED])] == ["not composed: KeyError: 'name'"]


def test_a_composer_that_fails_for_everyone_pauses_the_edition(ledger):
    edition = ledger.edition(100)

    def compose(edition_row, row):
        raise ValueError("broken")

    ledger.compose = compose
    ledger.drain()
    assert ledger.status(edition) == "paused"
    assert ledger.account(edition).failed == 20


def test_a_transport_that_cannot_work_here_ends_the_drain_and_loses_nothing(ledger):
    edition = ledger.edition(10)
    ledger.transport.answers["reader4@d1.example"] = [DeliveryError("no room in the outbox")]
    with pytest.raises(DeliveryError, match="no room"):
        ledger.drain()
    assert counts(ledger.account(edition)) == (4, 0, 0, 6, 0)
    ledger.now += LADDER.steps[0]
    ledger.drain()
    assert counts(ledger.account(edition)) == (10, 0, 0, 0, 0)


def test_bounces_and_complaints_that_come_back_stay_within_the_account(ledger):
    edition = ledger.edition(3)
    ledger.drain()
    ids = [row.id for row in ledger.rows(edition)]
    with ledger.store.begin() as tx:
        from publisher.store.states import Event

        assert deliveries.apply(tx, ids[0], Event.BOUNCED, now=ledger.now) is State.BOUNCED
        assert deliveries.apply(tx, ids[0], Event.BOUNCED, now=ledger.now) is None
        assert deliveries.apply(tx, ids[1], Event.COMPLAINED, now=ledger.now) is State.COMPLAINED
    assert counts(ledger.account(edition)) == (3, 0, 0, 0, 0)


def test_chunks_of_a_later_zone_wait_for_their_hour(ledger):
    with ledger.store.begin() as tx:
        articles.save(tx, article(), source_path="a.md", now=ledger.now)
        ids = [
            subscribers.add(tx, f"r{n}@x.example", now=ledger.now, status=subscribers.SubscriberStatus.CONFIRMED)
            for n in range(6)
        ]
        for one in ids:
            subscribers.subscribe(tx, one, "weekly", now=ledger.now)
        edition = editions.create(tx, "weekly", "T", [article()], now=ledger.now)
        assert freezing.begin(tx, edition)
        assert freezing.add_named(tx, edition, ids[:2], variant="en") == 2
        assert freezing.add_named(tx, edition, ids[2:], variant="it", due=ledger.now + 3600) == 4
        assert freezing.finish(tx, edition, now=ledger.now) == 6
        assert not freezing.begin(tx, edition)
    assert ledger.drain().sent == 2
    ledger.sweep()
    assert ledger.status(edition) == "sending"
    ledger.now += 3600
    assert ledger.drain().sent == 4
    assert [row.variant for row in ledger.rows(edition)] == ["en"] * 2 + ["it"] * 4


def test_a_database_that_fails_between_two_batches_costs_nothing(ledger, monkeypatch):
    edition = ledger.edition(200, chunk_size=50)
    begin, broken = Store.begin, []

    @contextmanager
    def gone(self, **options):
        if len(ledger.transport.taken) >= 60 and len(broken) < 3:
            broken.append(True)
            raise StoreError("the database is gone")
        with begin(self, **options) as tx:
            yield tx

    monkeypatch.setattr(Store, "begin", gone)
    with suppress(StoreError):
        ledger.drain(batch=20)
    assert broken
    assert 60 <= len(ledger.transport.taken) < 120
    ledger.account(edition)
    assert ledger.drain().more is False
    assert len(ledger.transport.taken) == len({o.delivery for o in ledger.transport.taken}) == 200
    assert counts(ledger.account(edition)) == (200, 0, 0, 0, 0)


def test_a_lease_that_is_lost_in_the_middle_of_a_batch_ends_the_sending_and_loses_nothing(ledger):
    edition = ledger.edition(120, chunk_size=60)

    def take_away(outgoing):
        if len(ledger.transport.taken) == 25:
            with ledger.store.begin() as tx:
                for chunk in leases.leased(tx):
                    leases.release(tx, chunk.id, chunk.token)

    ledger.transport.before = take_away
    done = ledger.drain(batch=20)
    assert done.more
    ledger.transport.before = lambda outgoing: None
    ledger.drain()
    ledger.drain()
    assert counts(ledger.account(edition)) == (120, 0, 0, 0, 0)
    assert {o.delivery for o in ledger.transport.taken} == {row.id for row in ledger.rows(edition)}
