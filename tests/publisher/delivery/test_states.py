"""One test an arrow: where each event leads from each state, and that nothing else moves."""

import itertools

import pytest

from publisher.store import deliveries
from publisher.store.states import ARROWS, TERM, Event, State, after

#: Written out a second time on purpose: this is what was decided, the table is what is done.
DECIDED = """
queued      sent            sent
queued      deferred        deferred
queued      failed          failed
queued      suppressed      suppressed
queued      lost_sight      in_doubt
queued      set_aside       in_doubt
queued      resent          queued
queued      resend_later    deferred
queued      too_late        failed
queued      cancelled       failed
deferred    sent            sent
deferred    failed          failed
deferred    retry           queued
deferred    gave_up         failed
deferred    too_late        failed
deferred    cancelled       failed
in_doubt    sent            sent
in_doubt    failed          failed
in_doubt    settled_sent    sent
in_doubt    settled_failed  failed
in_doubt    settled_resend  queued
failed      sent            sent
failed      retry_failed    queued
suppressed  sent            sent
sent        bounced         bounced
sent        complained      complained
bounced     complained      complained
"""
ROWS = [tuple(line.split()) for line in DECIDED.strip().splitlines()]


@pytest.mark.parametrize(("state", "event", "target"), ROWS, ids=[f"{s}-{e}" for s, e, _ in ROWS])
def test_the_arrow_leads_there_and_the_account_stays_balanced(ledger, state, event, target):
    edition = ledger.edition(1)
    (row,) = ledger.rows(edition)
    start, end = State[state.upper()], State[target.upper()]
    with ledger.store.begin() as tx:
        _put(tx, row, start)
        assert deliveries.apply(tx, row.id, Event(event), now=ledger.now) is end
    assert ledger.rows(edition)[0].state == end
    assert ledger.account(edition).audience == 1


def _put(tx, row, state):
    from sqlalchemy import update

    from publisher.store.tables import chunk, delivery

    tx.execute(update(delivery).where(delivery.c.id == row.id).values(state=state))
    if TERM[state] != "pending":
        tx.execute(update(chunk).where(chunk.c.id == row.chunk_id).values({TERM[state]: 1}))


def test_every_arrow_is_decided_and_every_decision_is_an_arrow():
    decided = {(State[s.upper()], Event(e)): State[t.upper()] for s, e, t in ROWS}
    assert decided == ARROWS


def test_what_has_no_arrow_changes_nothing(ledger):
    edition = ledger.edition(1)
    (row,) = ledger.rows(edition)
    with ledger.store.begin() as tx:
        for state, event in itertools.product(State, Event):
            if (state, event) in ARROWS:
                continue
            assert after(state, event) is None
        _put(tx, row, State.SENT)
        assert deliveries.apply(tx, row.id, Event.FAILED, now=ledger.now) is None
    assert ledger.rows(edition)[0].state == State.SENT


def test_every_state_has_a_term_of_the_account():
    assert set(TERM) == set(State)
    assert set(TERM.values()) == {"pending", "sent", "failed", "suppressed", "in_doubt"}


def test_a_fact_is_recorded_from_every_state_that_is_not_sent_already():
    for state in State:
        if TERM[state] != "sent":
            assert after(state, Event.SENT) is State.SENT
