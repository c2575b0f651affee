"""The SMTP transport against a relay that really listens, and that goes wrong in every way we know."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from publisher.mail.smtp.replies import Phase
from publisher.mail.smtp.session import Patience
from publisher.mail.transport import Outcome, Outgoing
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.smtp.sending import a_message, a_site, deliver, deliver_all, for_, nothing, sending


def test_many_messages_go_over_few_connections_and_each_arrives_once(tmp_path: Path) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, connections=3)) as transport:
        results = deliver(transport, [a_message(n) for n in range(200)])
        assert {result.outcome for result in results.values()} == {Outcome.SENT}
        assert relay.memory.messages == len(relay.memory.taken) == 200
        assert relay.memory.connections <= 3
        assert relay.memory.overlapping_data == 0


def test_a_connection_is_kept_between_two_deliveries_and_closed_with_quit(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        with sending(a_site(tmp_path, relay)) as transport:
            for number in range(3):
                deliver(transport, [a_message(number)])
        time.sleep(0.05)
        assert relay.memory.connections == 1
        assert relay.memory.commands[-1] == "QUIT"


def test_a_connection_that_is_still_being_opened_is_kept_too(tmp_path: Path) -> None:
    with FaultyRelay(Habits(greeting_delay=0.1, delay=0.02)) as relay, sending(a_site(tmp_path, relay)) as transport:
        deliver(transport, [a_message(n) for n in range(3)])
        assert len(transport.connections) == 2
        deliver(transport, [a_message(n) for n in range(10, 20)])
        assert relay.memory.connections == 2
        assert relay.memory.messages == 13


def test_with_pipelining_the_next_envelope_rides_with_the_final_dot_and_never_a_second_data(tmp_path: Path) -> None:
    with FaultyRelay(Habits(delay=0.002)) as relay, sending(a_site(tmp_path, relay, connections=1)) as transport:
        deliver(transport, [a_message(n) for n in range(30)])
        assert relay.memory.overlapping_data == 0
        assert relay.memory.commands.count("DATA") == 30
        assert "RSET" not in relay.memory.commands


@pytest.mark.parametrize("pipelining", [True, False])
def test_refusals_between_do_not_disturb_their_neighbours(tmp_path: Path, pipelining: bool) -> None:
    words = ["ok", "550", "ok", "450", "554", "ok", "451", "552", "550", "571", "ok", "chatty", "ok"]
    habits = Habits(pipelining=pipelining)
    with FaultyRelay(habits) as relay, sending(a_site(tmp_path, relay, connections=1)) as transport:
        results = deliver(transport, for_(*words))
        outcome = {"ok": Outcome.SENT, "450": Outcome.DEFERRED, "451": Outcome.DEFERRED}
        assert [results[at].outcome for at in range(len(words))] == [outcome.get(w, Outcome.FAILED) for w in words]
        assert [at for at, result in results.items() if result.suppress] == [
            at for at in results if words[at] in ("550", "chatty")
        ]
        assert relay.memory.connections == 1


@pytest.mark.parametrize(
    "word", ["450", "451", "452", "454", "421", "421end", "garbage", "hangup", "drop", "stall", "stallrcpt"]
)
def test_every_passing_fault_ends_with_every_message_taken_exactly_once(tmp_path: Path, word: str) -> None:
    words = ["ok", word, "ok", "ok", word, "ok"]
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver_all(transport, for_(*words))
        assert {result.outcome for result in results.values()} == {Outcome.SENT}
        assert len(relay.memory.taken) == len(words)
        assert relay.memory.copies == 0


@pytest.mark.parametrize("word", ["mute", "garbageend"])
def test_a_message_taken_without_a_proper_reply_is_in_doubt_and_a_resend_bears_the_same_id_and_bytes(
    tmp_path: Path, word: str
) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        messages = for_("ok", word, "ok")
        first = deliver(transport, messages)
        assert first[1].outcome is Outcome.IN_DOUBT
        assert {first[at].outcome for at in (0, 2)} == {Outcome.SENT}
        assert deliver(transport, [messages[1]])[1].outcome is Outcome.SENT
        assert relay.memory.copies == 1
        assert len(relay.memory.taken) == 3
        assert all(len(contents) == 1 for contents in relay.memory.contents.values())


def test_permanent_refusals_are_asked_once_only(tmp_path: Path) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver_all(transport, for_("550", "554", "552", "571", "ok"))
        assert [results[at].outcome for at in range(5)] == [Outcome.FAILED] * 4 + [Outcome.SENT]
        assert set(relay.memory.refused.values()) == {1}


@pytest.mark.parametrize("goodbye", [True, False])
def test_a_relay_that_closes_after_some_messages_loses_and_doubles_nothing(tmp_path: Path, goodbye: bool) -> None:
    habits = Habits(close_after=10, say_goodbye=goodbye)
    with FaultyRelay(habits) as relay, sending(a_site(tmp_path, relay, connections=3)) as transport:
        results = deliver(transport, [a_message(n) for n in range(200)])
        assert {result.outcome for result in results.values()} == {Outcome.SENT}
        assert relay.memory.messages == len(relay.memory.taken) == 200
        assert 20 <= relay.memory.connections <= 30


def test_an_answer_that_came_while_we_stood_still_is_read_before_it_is_called_missing(tmp_path: Path) -> None:
    """A machine that is suspended, or a process that is stopped, wakes up with every patience used up."""
    asleep = [0.0]

    def stand_still_while_another_waits(_: Outgoing) -> None:
        waiting = [connection.session.waiting_for for connection, _ in transport.connections]
        if not asleep[0] and Phase.CONTENT in waiting:
            time.sleep(0.3)  # the relay answers the other one meanwhile
            asleep[0] = 3600.0

    with (
        FaultyRelay(Habits(delay=0.02)) as relay,
        sending(a_site(tmp_path, relay), clock=lambda: time.monotonic() + asleep[0]) as transport,
    ):
        results = deliver(transport, [a_message(n) for n in range(60)], stand_still_while_another_waits)
        assert asleep[0]
        assert {result.outcome for result in results.values()} == {Outcome.SENT}
        assert relay.memory.copies == 0


def test_an_intent_that_is_refused_after_we_stood_still_ends_the_sending_as_ever(tmp_path: Path) -> None:
    """Whoever stands still past the lease is fenced; the relay's leave to send content waits in the socket."""
    asleep = [0.0]

    class Fenced(Exception):
        pass

    def stand_still_and_be_fenced(_: Outgoing) -> None:
        if asleep[0]:
            raise Fenced
        waiting = [connection.session.waiting_for for connection, _ in transport.connections]
        if Phase.DATA in waiting:
            time.sleep(0.3)
            asleep[0] = 3600.0

    with (
        FaultyRelay(Habits(delay=0.02)) as relay,
        sending(a_site(tmp_path, relay), clock=lambda: time.monotonic() + asleep[0]) as transport,
    ):
        outcomes: list[Outcome] = []
        answers = transport.deliver(iter([a_message(n) for n in range(60)]), intent=stand_still_and_be_fenced)
        with pytest.raises(Fenced):
            outcomes.extend(result.outcome for _, result in answers)
        assert asleep[0]
        assert outcomes.count(Outcome.SENT) == len(relay.memory.taken)
        assert set(outcomes) <= {Outcome.SENT, Outcome.RELEASED}


def test_a_stalled_message_does_not_hold_up_the_other_connections(tmp_path: Path) -> None:
    patience = Patience(end_of_data=3)
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay), patience=patience) as transport:
        order = []
        for outgoing, result in transport.deliver(
            iter([*for_("stall"), *(a_message(n) for n in range(1, 60))]), intent=nothing
        ):
            order.append((outgoing.delivery, result.outcome))
        assert dict(order).pop(0) is Outcome.IN_DOUBT
        assert [outcome for _, outcome in order].count(Outcome.SENT) == 59
        assert order.index((0, Outcome.IN_DOUBT)) >= 58  # at most the one message that rode with it came later


def test_stalled_connections_are_replaced_so_that_the_rest_does_not_wait_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.mail.smtp.round.STALLED_SECONDS", 0.2)
    patience = Patience(end_of_data=4)
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, connections=2), patience=patience) as transport:
        messages = [*for_("stall", "stall"), *(a_message(n) for n in range(2, 60))]
        answered = [one.delivery for one, _ in transport.deliver(iter(messages), intent=nothing)]
        assert sorted(answered) == list(range(60))
        assert min(answered.index(0), answered.index(1)) >= 55  # all but the stalled and their riders were quicker
        assert relay.memory.most_at_once <= 4


def test_stop_finishes_what_is_in_flight_and_begins_nothing_more(tmp_path: Path) -> None:
    with FaultyRelay(Habits(delay=0.02)) as relay, sending(a_site(tmp_path, relay)) as transport:
        told: list[bool] = []
        begun: list[int] = []
        results = {}
        for outgoing, result in transport.deliver(
            (a_message(n) for n in range(1000)), intent=lambda one: begun.append(one.delivery), stop=lambda: bool(told)
        ):
            results[outgoing.delivery] = result.outcome
            if len(results) == 20:
                told.append(True)
                known = len(begun)
        assert len(begun) <= known + 2  # those whose DATA was already asked for
        assert {results[number] for number in begun} == {Outcome.SENT}
        assert set(results.values()) == {Outcome.SENT, Outcome.RELEASED}
        assert relay.memory.messages == len(begun)
        assert deliver(transport, [a_message(2000)])[2000].outcome is Outcome.SENT


def test_what_the_intent_raises_lets_the_others_finish_and_leaves_its_message_unsent(tmp_path: Path) -> None:
    def full(outgoing: Outgoing) -> None:
        if outgoing.delivery >= 10:
            raise OSError("no space left on device")

    with FaultyRelay(Habits(delay=0.01)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results: dict[int, Outcome] = {}

        def send() -> None:
            for outgoing, result in transport.deliver((a_message(n) for n in range(50)), intent=full):
                results[outgoing.delivery] = result.outcome

        with pytest.raises(OSError, match="no space"):
            send()
        assert {number for number, outcome in results.items() if outcome is Outcome.SENT} == set(range(10))
        assert set(relay.memory.taken) == {f"edition-1.{n}@example.org" for n in range(10)}
        assert Outcome.IN_DOUBT not in results.values()


def test_a_caller_that_goes_away_leaves_a_transport_that_works(tmp_path: Path) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        delivery = transport.deliver((a_message(n) for n in range(50)), intent=nothing)
        next(delivery)
        delivery.close()  # type: ignore[attr-defined]
        assert deliver(transport, [a_message(99)])[99].outcome is Outcome.SENT
