"""Taking over from the dead: what they knew is recorded, and at most one message a connection is in doubt."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from publisher.delivery import journal, recovery, settle
from publisher.delivery.drain import Options, _Drain
from publisher.errors import StoreError
from publisher.mail.transport import Outcome, Result
from publisher.store import Store
from publisher.store.states import State


class Killed(BaseException):
    """Ends the sender where it stands: nothing of it runs any more."""


def run_until_killed(ledger, *, batch=200, careful_after=2):
    """A drain that dies of :class:`Killed` as ``kill -9`` would have it: no clean-up, the lock is free."""
    own = journal.Journal(ledger.directory)
    run = _Drain(
        ledger.store,
        ledger.transport,
        ledger.compose,
        ledger.clock,
        own,
        Options(batch=batch, careful_after=careful_after),
        lambda: False,
        lambda: 0.0,
    )
    run._finish = lambda: None
    with contextlib.suppress(Killed):
        run.run()
    own.close(keep=True)


def kill_at(ledger, number, *, after_send=False):
    seen = []

    def before(outgoing):
        seen.append(outgoing)
        if len(seen) == number:
            if after_send:
                ledger.transport.taken.append(outgoing)
            raise Killed

    ledger.transport.before = before


@pytest.mark.parametrize("after_send", [False, True])
def test_a_killed_sender_leaves_one_message_in_doubt_and_it_is_sent_again(either_ledger, after_send):
    ledger = either_ledger
    edition = ledger.edition(60)
    kill_at(ledger, 41, after_send=after_send)
    run_until_killed(ledger)
    assert ledger.account(edition).audience == 60
    ledger.transport.before = lambda outgoing: None
    done = ledger.drain()
    assert (done.recovered, done.sent) == (1, 20)
    assert ledger.account(edition).sent == 60
    assert len(ledger.transport.taken) == 60 + after_send
    assert len({o.delivery for o in ledger.transport.taken}) == 60
    doubted = ledger.rows(edition, doubted=True)
    assert len(doubted) == 1
    twice = [o for o in ledger.transport.taken if o.delivery == doubted[0].id]
    assert len({(o.message, o.message_id) for o in twice}) == 1
    assert list(ledger.directory.glob("*.journal")) == []


def test_under_report_the_one_in_doubt_is_named_and_not_sent_again(ledger):
    edition = ledger.edition(60, policy="report")
    kill_at(ledger, 41, after_send=True)
    run_until_killed(ledger)
    ledger.transport.before = lambda outgoing: None
    ledger.drain()
    assert len(ledger.transport.taken) == 60
    account = ledger.account(edition)
    assert (account.sent, account.in_doubt) == (59, 1)


def test_a_journal_that_is_taken_for_an_orphan_while_it_is_made_is_made_again(ledger, monkeypatch):
    lock, recovered = journal.fcntl.flock, []

    def flock(fd, how):
        if how == journal.fcntl.LOCK_EX and not recovered:  # the new file is there, and not locked yet
            recovered.append(True)
            ledger.sweep()
        lock(fd, how)

    monkeypatch.setattr(journal.fcntl, "flock", flock)
    edition = ledger.edition(60)
    kill_at(ledger, 41, after_send=True)
    run_until_killed(ledger)
    assert recovered
    ledger.transport.before = lambda outgoing: None
    ledger.now += 3600  # were the journal lost, the whole batch would be in doubt now
    ledger.drain()
    assert ledger.account(edition).sent == 60
    assert len(ledger.transport.taken) == 61


def test_recovering_twice_changes_nothing_the_second_time(ledger):
    edition = ledger.edition(30)
    ledger.transport.answers["reader3@d0.example"] = [Result(Outcome.DEFERRED, 450, "4.2.1", "later")]
    kill_at(ledger, 11)
    run_until_killed(ledger)
    (path,) = ledger.directory.glob("*.journal")
    kept = path.read_bytes()
    assert ledger.sweep().recovered == 1
    before = [tuple(row) for row in ledger.rows(edition)]
    path.write_bytes(kept)
    assert ledger.sweep().recovered == 0
    assert [tuple(row) for row in ledger.rows(edition)] == before


def test_an_old_journal_does_not_defer_a_row_that_has_moved_on(ledger):
    edition = ledger.edition(5)
    ledger.transport.answers["reader0@d0.example"] = [Result(Outcome.DEFERRED, 450, "4.2.1", "later")]
    kill_at(ledger, 4)
    run_until_killed(ledger)
    (path,) = ledger.directory.glob("*.journal")
    kept = path.read_bytes()
    ledger.transport.before = lambda outgoing: None
    ledger.drain()
    ledger.now += 60
    ledger.drain()
    assert ledger.account(edition).sent == 5
    path.write_bytes(kept)
    ledger.sweep()
    assert ledger.account(edition).sent == 5


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=5), st.sampled_from(["resend", "report"]))
def test_wherever_senders_die_nothing_is_lost_and_copies_are_at_most_one_a_kill(new_ledger, kills, policy):
    ledger = new_ledger()
    edition = ledger.edition(40, chunk_size=15, policy=policy)
    for number, after_send in kills:
        kill_at(ledger, number, after_send=after_send)
        run_until_killed(ledger, batch=7)
        ledger.account(edition)
    ledger.transport.before = lambda outgoing: None
    for _ in range(5):
        ledger.drain()
        ledger.now += 60
    sent = [o.delivery for o in ledger.transport.taken]
    account = ledger.account(edition)
    assert account.pending == 0
    assert len(sent) - len(set(sent)) <= len(kills)
    if policy == "resend":
        assert account.sent == len(set(sent)) == 40
    else:
        assert len(sent) == len(set(sent))
        in_doubt = {row.id for row in ledger.rows(edition, states=[State.IN_DOUBT])}
        assert {row.id for row in ledger.rows(edition)} - set(sent) <= in_doubt


def test_a_row_that_kills_its_sender_again_and_again_is_set_aside_and_the_rest_goes_out(ledger):
    edition = ledger.edition(30)

    def before(outgoing):
        if outgoing.recipient == "reader9@d0.example":
            raise Killed

    ledger.transport.before = before
    for _ in range(6):
        run_until_killed(ledger)
        ledger.sweep()
    account = ledger.account(edition)
    assert (account.sent, account.in_doubt) == (29, 1)
    (row,) = ledger.rows(edition, states=[State.IN_DOUBT])
    assert row.address == "reader9@d0.example"
    assert row.reply == "set aside: 3 senders died while sending it and nothing else; it may have arrived"


def test_kills_while_different_rows_of_one_chunk_are_composed_lose_nobody(either_ledger):
    ledger = either_ledger
    edition = ledger.edition(30)
    good, kills = ledger.compose, [f"reader{n}@d{n % 3}.example" for n in (4, 9, 9, 14, 14, 19, 24)]

    def compose(edition_row, row):
        if kills and row.address == kills[0]:
            kills.pop(0)
            raise Killed
        return good(edition_row, row)

    ledger.compose = compose
    while kills:
        run_until_killed(ledger)
        assert ledger.sweep().recovered == 1
    ledger.drain()
    account = ledger.account(edition)
    assert (account.sent, account.in_doubt, account.failed) == (30, 0, 0)
    assert len(ledger.transport.taken) == 30  # nothing had left at any of the kills: no copy


def test_kills_while_different_messages_of_one_chunk_are_on_their_way_set_nobody_aside(ledger):
    edition = ledger.edition(30)
    kills = [f"reader{n}@d{n % 3}.example" for n in (4, 4, 9, 14, 19, 24)]

    def before(outgoing):
        if kills and outgoing.recipient == kills[0]:
            kills.pop(0)
            raise Killed

    ledger.transport.before = before
    while kills:
        run_until_killed(ledger)
        ledger.sweep()
    ledger.drain()
    assert ledger.account(edition).sent == 30


def test_doubts_of_broken_connections_do_not_count_as_deaths(ledger):
    edition = ledger.edition(2)
    lost = Result(Outcome.IN_DOUBT, reply="the connection broke")
    ledger.transport.answers = {"reader0@d0.example": [lost] * 2, "reader1@d1.example": [lost] * 2}
    for _ in range(2):
        ledger.drain()
        ledger.now += 600
    for number in (1, 1, 2):
        kill_at(ledger, number)
        run_until_killed(ledger)
        ledger.sweep()
    ledger.transport.before = lambda outgoing: None
    ledger.drain()
    assert ledger.account(edition).sent == 2


def test_a_row_whose_composition_kills_waits_for_a_person_and_is_not_sent_by_itself(ledger):
    edition = ledger.edition(30)
    good = ledger.compose

    def compose(edition_row, row):
        if row.address == "reader9@d0.example":
            raise Killed
        return good(edition_row, row)

    ledger.compose = compose
    for _ in range(5):
        run_until_killed(ledger)
        ledger.sweep()
    account = ledger.account(edition)
    assert (account.sent, account.failed, account.in_doubt) == (29, 0, 1)
    (row,) = ledger.rows(edition, states=[State.IN_DOUBT])
    assert row.address == "reader9@d0.example"
    assert row.reply == "set aside: 3 senders died while composing it; nothing of it left then"
    assert ledger.status(edition) == "done"
    ledger.now += 1e6
    ledger.drain()
    assert len(ledger.transport.taken) == 29

    # A person has mended the template, and has it sent: it has its tries again.
    settle(ledger.store, row.id, "resend", now=ledger.now)
    for _ in range(2):
        run_until_killed(ledger)
        ledger.sweep()
    assert ledger.account(edition).pending == 1
    ledger.compose = good
    ledger.drain()
    assert ledger.account(edition).sent == 30


def test_a_sender_on_another_machine_is_left_alone_until_its_lease_is_long_over(ledger):
    edition = ledger.edition(60)
    kill_at(ledger, 41, after_send=True)
    run_until_killed(ledger, batch=20)
    here = ledger.directory.parent / "elsewhere"

    def recover():
        return recovery.recover(ledger.store, here, ledger.clock, lease_seconds=120)

    assert recover() == 0
    ledger.now += 120 + recovery.FOREIGN_GRACE_SECONDS - 1
    assert recover() == 0
    ledger.now += 2
    assert recover() == 1
    doubted = ledger.rows(edition, doubted=True)
    assert 1 <= len(doubted) <= 20  # the last batch, for want of the journal
    ledger.transport.before = lambda outgoing: None
    ledger.drain()
    assert ledger.account(edition).sent == 60


def test_a_stopped_sender_that_wakes_up_late_reports_what_it_sent_and_sends_no_more(ledger):
    edition = ledger.edition(30)
    taken_over = []

    def before(outgoing):
        if len(ledger.transport.taken) == 10 and not taken_over:
            taken_over.append(recovery.recover(ledger.store, ledger.directory, ledger.clock, lease_seconds=-1))

    ledger.transport.before = before
    assert ledger.drain().more
    assert taken_over == [1]
    assert len(ledger.transport.taken) == 11
    account = ledger.account(edition)
    assert account.sent == 11  # the one that was in doubt meanwhile is known after all
    ledger.transport.before = lambda outgoing: None
    ledger.drain()
    assert len(ledger.transport.taken) == 30
    assert ledger.account(edition).sent == 30


class Flaky(Store):
    """A store that stops answering at a chosen transaction, as a database that is killed does."""

    def __init__(self, store, fail_from, fail_to):
        super().__init__(store._engine)
        self._count = 0
        self._range = range(fail_from, fail_to)

    def begin(self, *, snapshot=False):
        self._count += 1
        if self._count in self._range:
            raise StoreError("the database is gone")
        return super().begin(snapshot=snapshot)


@pytest.mark.parametrize("fail_from", range(1, 8))
def test_a_database_that_goes_away_costs_no_message_and_makes_no_copy(ledger, fail_from, monkeypatch):
    monkeypatch.setattr("publisher.delivery.books.LAST_WAIT_SECONDS", 0.0)
    edition = ledger.edition(60)
    steady = ledger.store
    ledger.store = Flaky(steady, fail_from, fail_from + 40)
    with contextlib.suppress(StoreError):
        ledger.drain(batch=10)
    ledger.store = steady
    for _ in range(3):
        ledger.drain()
    assert ledger.account(edition).sent == 60
    assert len(ledger.transport.taken) == 60
