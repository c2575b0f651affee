"""The SMTP transport against a relay that really listens, and that goes wrong in every way we know."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from publisher.digests.composing import compose
from publisher.errors import SettingsError
from publisher.mail.smtp.relays import Breaker
from publisher.mail.smtp.replies import Phase
from publisher.mail.smtp.session import Patience
from publisher.mail.transport import Cause, Outcome, Outgoing, Result
from publisher.mail.transports.smtp import Transport
from publisher.settings import Settings
from tests.fakes.certificates import Authority, make_authority
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.digests import digest_example as example

#: Short, so that a stall is over soon; each is far above what loopback needs.
PATIENCE = Patience(connect=2, greeting=1, command=1, tls=2, data=1, block=2, end_of_data=1)


def a_message(number: int, recipient: str = "", text: bytes = b"Hello.\r\n") -> Outgoing:
    message_id = f"edition-1.{number}@example.org"
    head = f"Message-ID: <{message_id}>\r\nFrom: a@example.org\r\n\r\n".encode()
    return Outgoing(number, f"b+{number}@example.org", recipient or f"r{number}@example.net", head + text, message_id)


def for_(*words: str) -> list[Outgoing]:
    return [a_message(at, f"{word}-{at}@example.net") for at, word in enumerate(words)]


def a_site(directory: Path, *relays: FaultyRelay, **mail: Any) -> Settings:
    own = {"security": "none", "connections": 2}
    for key in ("security", "connections", "host", "username", "password", "ca_file"):
        if key in mail:
            own[key] = mail.pop(key)
    named = [{"host": "127.0.0.1", **own, "port": relay.port} for relay in relays]
    return Settings.model_validate(
        {
            "directory": directory,
            "publication": {"title": "T", "base_url": "https://example.org/"},
            "sender": {"address": "a@example.org"},
            "mail": {"transport": "smtp", "relays": named, **mail},
        }
    )


@contextmanager
def sending(settings: Settings, **options: Any) -> Iterator[Transport]:
    options.setdefault("patience", PATIENCE)
    options.setdefault("breaker", Breaker(0.2, 0.4))
    with closing(Transport(settings, **options)) as transport:
        yield transport


def nothing(_: Outgoing) -> None:
    pass


def deliver(
    transport: Transport, messages: list[Outgoing], intent: Callable[[Outgoing], None] = nothing
) -> dict[int, Result]:
    """One pass; every message pulled is answered exactly once."""
    pulled: list[int] = []

    def source() -> Iterator[Outgoing]:
        for one in messages:
            pulled.append(one.delivery)
            yield one

    answered = list(transport.deliver(source(), intent=intent))
    assert sorted(one.delivery for one, _ in answered) == sorted(pulled)
    return {one.delivery: result for one, result in answered}


def deliver_all(transport: Transport, messages: list[Outgoing]) -> dict[int, Result]:
    """As the ledger does: again and again what was released, deferred or in doubt (policy ``resend``)."""
    known: dict[int, Result] = {}
    left = messages
    again = (Outcome.RELEASED, Outcome.DEFERRED, Outcome.IN_DOUBT)
    for _ in range(40):
        results = deliver(transport, left)
        known.update(results)
        left = [one for one in messages if one.delivery not in known or known[one.delivery].outcome in again]
        if not left:
            return known
        time.sleep(min(0.1, max((result.retry_after for result in results.values()), default=0)))
    raise AssertionError(f"not settled: {known}")


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
    monkeypatch.setattr("publisher.mail.transports.smtp.STALLED", 0.2)
    patience = Patience(end_of_data=4)
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, connections=2), patience=patience) as transport:
        messages = [*for_("stall", "stall"), *(a_message(n) for n in range(2, 60))]
        answered = [one.delivery for one, _ in transport.deliver(iter(messages), intent=nothing)]
        assert sorted(answered) == list(range(60))
        assert min(answered.index(0), answered.index(1)) >= 55  # all but the stalled and their riders were quicker
        assert relay.memory.most_at_once <= 4


def test_a_relay_that_is_down_leaves_the_rows_untouched_and_says_when_to_try_again(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        settings = a_site(tmp_path, relay)
        relay.stop()
        with sending(settings, breaker=Breaker(0.3, 1)) as transport:
            results = deliver(transport, [a_message(n) for n in range(50)])
            assert len(results) == 1  # no more was pulled than needed to find out
            assert results[0].outcome is Outcome.RELEASED
            assert "connection refused" in results[0].reply
            assert 0 < results[0].retry_after <= 0.3
            relay.start()
            time.sleep(results[0].retry_after)
            assert deliver(transport, [a_message(0)])[0].outcome is Outcome.SENT


def test_a_relay_is_found_by_name_and_each_of_its_addresses_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = socket.getaddrinfo

    def two_addresses(host: str, port: int, **options: Any) -> Any:
        if host != "relay.example":
            return found(host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.9", "127.0.0.1")]

    with FaultyRelay() as relay:
        settings = a_site(tmp_path, relay, host="relay.example")
        monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
        with sending(settings) as transport:
            assert deliver(transport, [a_message(0)])[0].outcome is Outcome.SENT
        assert relay.memory.commands[0].startswith("EHLO ")


def test_a_name_that_cannot_be_found_is_a_trouble_of_the_relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(host: str, port: int, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with FaultyRelay() as relay:
        settings = a_site(tmp_path, relay, host="no.such.example")
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        with sending(settings) as transport:
            result = deliver(transport, [a_message(0)])[0]
    assert result.outcome is Outcome.RELEASED
    assert "no.such.example cannot be found: Name or service not known" in result.reply


def test_fail_over_one_relay_of_two_is_down_and_nothing_is_noticed(tmp_path: Path) -> None:
    with FaultyRelay() as one, FaultyRelay() as other:
        settings = a_site(tmp_path, one, other)
        one.stop()
        with sending(settings) as transport:
            results = deliver(transport, [a_message(n) for n in range(60)])
        assert {result.outcome for result in results.values()} == {Outcome.SENT}
        assert other.memory.messages == 60


def test_fail_over_a_relay_that_dies_in_the_middle_hands_its_messages_to_the_other(tmp_path: Path) -> None:
    with FaultyRelay() as one, FaultyRelay() as other, sending(a_site(tmp_path, one, other)) as transport:
        outcomes = []
        for at, (_, result) in enumerate(transport.deliver((a_message(n) for n in range(200)), intent=nothing)):
            outcomes.append(result.outcome)
            if at == 40:
                one.stop()
        in_doubt = outcomes.count(Outcome.IN_DOUBT)
        assert in_doubt <= 2
        assert outcomes.count(Outcome.SENT) == 200 - in_doubt
        taken = one.memory.taken | other.memory.taken
        assert 200 - in_doubt <= len(taken) <= 200


def test_mail_is_shared_by_weight(tmp_path: Path) -> None:
    with FaultyRelay() as one, FaultyRelay() as other:
        settings = a_site(tmp_path, one, other)
        heavy = settings.mail.relays[0].model_copy(update={"weight": 3})
        mail = settings.mail.model_copy(update={"relays": (heavy, settings.mail.relays[1])})
        with sending(settings.model_copy(update={"mail": mail})) as transport:
            deliver(transport, [a_message(n) for n in range(800)])
        share = one.memory.messages / 800
        assert 0.65 <= share <= 0.85
        assert one.memory.messages + other.memory.messages == 800


@pytest.mark.parametrize(
    "habits",
    [
        Habits(greeting=b"554 5.7.1 not you\r\n"),
        Habits(greeting=b"421 4.3.2 busy\r\n"),
        Habits(greeting=b"HTTP/1.1 200 OK\r\n\r\n"),
        Habits(greeting_delay=30),
        Habits(mail_reply=b"451 4.7.1 slow down\r\n"),
        Habits(mail_reply=b"421 4.7.0 too fast\r\n"),
        Habits(greeting=b"220-" + b"x" * 5_000_000),
    ],
    ids=["554", "421", "http", "mute", "451-at-mail", "421-at-mail", "endless"],
)
def test_a_relay_in_trouble_is_left_in_peace_and_no_recipient_pays_for_it(tmp_path: Path, habits: Habits) -> None:
    with FaultyRelay(habits) as relay, sending(a_site(tmp_path, relay), breaker=Breaker(5, 60)) as transport:
        results = deliver(transport, [a_message(n) for n in range(5)])
        assert {(result.outcome, result.cause) for result in results.values()} == {(Outcome.RELEASED, Cause.RELAY)}
        assert all(0 < result.retry_after <= 5 for result in results.values())
        assert relay.memory.connections <= 2


def test_454_slows_the_relay_down_and_skips_nobody(tmp_path: Path) -> None:
    settings = {"connections": 1}
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, **settings), breaker=Breaker(0.3, 5)) as transport:
        messages = for_("ok", "454", *["ok"] * 20)
        results = deliver(transport, messages)
        assert results[1].outcome is Outcome.RELEASED
        assert 0 < results[1].retry_after <= 0.3
        assert len(results) < len(messages)
        done = {number for number, result in results.items() if result.outcome is Outcome.SENT}
        deliver_all(transport, [one for one in messages if one.delivery not in done])
        assert relay.memory.messages == len(relay.memory.taken) == len(messages)


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


# -- what may go on the wire ---------------------------------------------------------------------------------


SMUGGLERS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n\n.\r\n", b"\r\r\n.\r\n", b"\0"]
SECOND = (
    b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nMessage-ID: <evil@x>\r\n\r\nx\r\n.\r\n"
)


@pytest.mark.parametrize("end", SMUGGLERS)
def test_smuggling_a_bare_line_end_in_the_content_is_refused_before_any_byte_leaves(tmp_path: Path, end: bytes) -> None:
    with FaultyRelay(Habits(lenient=True)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver(transport, [a_message(0, text=b"a" + end + SECOND), a_message(1)])
        assert (results[0].outcome, results[0].status) == (Outcome.FAILED, "5.6.0")
        assert results[1].outcome is Outcome.SENT
        assert list(relay.memory.taken) == ["edition-1.1@example.org"]


def test_smuggling_an_article_that_tries_becomes_exactly_one_message(tmp_path: Path) -> None:
    sent = []
    for number, end in enumerate(SMUGGLERS):
        text = f"before{end.decode()}{SECOND.decode()}"
        article = example.article(number, html=f"<pre>{text}</pre>", title=text, summary=text)
        compiled = compose(example.edition(article, id=number), example.settings()).compiled
        message = compiled.message(example.recipient(name=text))
        message_id = compiled.message_id("42").strip("<>")
        sent.append(Outgoing(number, "b@slow.example", "ada@reader.example", message, message_id))
    with FaultyRelay(Habits(lenient=True)) as relay, sending(a_site(tmp_path, relay)) as transport:
        assert {result.outcome for result in deliver(transport, sent).values()} == {Outcome.SENT}
        assert relay.memory.taken == {one.message_id: 1 for one in sent}
        assert set(relay.memory.recipients) == {"ada@reader.example"}


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize("text", [b".\r\n", b"..\r\n", b"a\r\n.\r\n" + SECOND, b".a\r\n.\r\n.\r\n..b\r\n", b"no end"])
def test_dots_are_doubled_and_undone_so_that_one_message_arrives_as_it_was(
    tmp_path: Path, text: bytes, lenient: bool
) -> None:
    with (
        FaultyRelay(Habits(keep_bodies=True, lenient=lenient)) as relay,
        sending(a_site(tmp_path, relay)) as transport,
    ):
        message = a_message(0, text=text)
        assert deliver(transport, [message])[0].outcome is Outcome.SENT
        assert relay.memory.bodies == [message.message.removesuffix(b"\r\n") + b"\r\n"]


@pytest.mark.parametrize(
    "address",
    [
        "c@d.example>\r\nRCPT TO:<e@f.example",
        "a@b.example, c@d.example",
        "a@evil.example(<b@c.example>)",
        '"a@b"@c.example',
        "no-at-sign",
        "@no.local",
        "two@@b.example",
        "sp ace@b.example",
        "a@b..example",
        "a@-b.example",
        "x" * 65 + "@b.example",
        "a@" + "b" * 250 + ".example",
        "",
        "a\n@b.example",
        "ä\u2028@b.example",
        "a@[127.0.0.1]",
        "\ud800@b.example",
    ],
)
def test_an_address_that_is_not_one_address_is_refused_and_never_rewritten(tmp_path: Path, address: str) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        wrong = Outgoing(0, "b@example.org", address, a_message(0).message, "x@y")
        results = deliver(transport, [wrong, a_message(1)])
        assert results[0].outcome is Outcome.FAILED
        assert not results[0].suppress
        assert list(relay.memory.recipients) == ["r1@example.net"]


def test_an_address_outside_ascii_goes_with_smtputf8_or_fails_by_name_and_domains_go_as_a_labels(
    tmp_path: Path,
) -> None:
    messages = [a_message(0, "jörg@example.net"), a_message(1, "anna@bücher.example")]
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        assert {result.outcome for result in deliver(transport, messages).values()} == {Outcome.SENT}
        assert sorted(relay.memory.recipients) == ["anna@xn--bcher-kva.example", "jörg@example.net"]
        mails = [line for line in relay.memory.commands if line.startswith("MAIL")]
        assert [line.endswith(" SMTPUTF8") for line in mails] == [True, False]
    with FaultyRelay(Habits(smtputf8=False)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver(transport, messages)
        assert (results[0].outcome, results[0].status) == (Outcome.FAILED, "5.6.7")
        assert "SMTPUTF8" in results[0].reply
        assert results[1].outcome is Outcome.SENT


def test_size_and_8bitmime_are_honoured(tmp_path: Path) -> None:
    eight = a_message(0, text="Grüße\r\n".encode())
    with FaultyRelay(Habits(size=10_000)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver(transport, [eight, a_message(1, text=b"x" * 70 + b"\r\n"), a_message(2, text=b"y" * 20_000)])
        assert [results[at].outcome for at in range(3)] == [Outcome.SENT, Outcome.SENT, Outcome.FAILED]
        assert results[2].status == "5.3.4"
        mails = [line for line in relay.memory.commands if line.startswith("MAIL")]
        assert mails[0].endswith(f"SIZE={len(eight.message)} BODY=8BITMIME")
        assert "8BITMIME" not in mails[1]
    with FaultyRelay(Habits(eightbit=False)) as relay, sending(a_site(tmp_path, relay)) as transport:
        assert deliver(transport, [eight])[0].status == "5.6.3"


def test_the_same_refusal_for_twenty_recipients_pauses(tmp_path: Path) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, connections=1)) as transport:
        results = deliver(transport, for_(*["571"] * 20))
        assert [bool(results[at].pause) for at in range(20)] == [False] * 19 + [True]


# -- TLS and AUTH --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def secured(directory: Path, relay: FaultyRelay, authority: Authority | None, **mail: Any) -> Settings:
    if authority is not None:
        mail["ca_file"] = str(authority.ca_file)
    mail.setdefault("security", "tls" if relay.habits.implicit_tls else "starttls")
    return a_site(directory, relay, **mail)


@pytest.mark.parametrize("implicit", [True, False])
def test_mail_goes_over_tls_and_big_messages_too(tmp_path: Path, authority: Authority, implicit: bool) -> None:
    habits = Habits(tls=authority.server("127.0.0.1"), implicit_tls=implicit)
    with FaultyRelay(habits) as relay, sending(secured(tmp_path, relay, authority)) as transport:
        big = b"".join(b"%070d\r\n" % n for n in range(30_000))
        messages = [a_message(0, text=big), *(a_message(n) for n in range(1, 40))]
        assert {result.outcome for result in deliver(transport, messages).values()} == {Outcome.SENT}
        assert relay.memory.messages == len(relay.memory.taken) == 40
        assert {line.split()[0] for line in relay.memory.commands_in_clear} <= {"EHLO", "STARTTLS"}


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("wrong", ["expired", "other name", "unknown authority", "broken"])
def test_tls_that_is_not_right_lets_no_mail_out_and_says_why(
    tmp_path: Path, authority: Authority, wrong: str, implicit: bool
) -> None:
    if wrong == "broken" and implicit:
        habits = Habits(greeting=b"220 I speak no TLS\r\n")
    else:
        context = authority.server("mail.example" if wrong == "other name" else "127.0.0.1", expired=wrong == "expired")
        habits = Habits(tls=context, implicit_tls=implicit, break_handshake=wrong == "broken")
    trusted = None if wrong == "unknown authority" else authority
    with FaultyRelay(habits) as relay:
        settings = secured(tmp_path, relay, trusted, security="tls" if implicit else "starttls")
        with sending(settings) as transport:
            result = deliver(transport, [a_message(0)])[0]
        assert result.outcome is Outcome.RELEASED
        said = {
            "expired": "expired",
            "other name": "mismatch",
            "unknown authority": "self-signed|unable to get local issuer",
            "broken": "TLS failed",
        }[wrong]
        assert any(word in result.reply for word in said.split("|")), result.reply
        assert not any(line.startswith(("MAIL", "AUTH", "DATA")) for line in relay.memory.commands)


def test_a_relay_that_hides_starttls_gets_no_mail_and_a_person_is_asked(tmp_path: Path, authority: Authority) -> None:
    habits = Habits(tls=authority.server("127.0.0.1"), offer_starttls=False)
    with FaultyRelay(habits) as relay, sending(secured(tmp_path, relay, authority)) as transport:
        result = deliver(transport, [a_message(0)])[0]
        assert result.outcome is Outcome.RELEASED
        assert "STARTTLS" in result.pause
        assert relay.memory.commands == [relay.memory.commands[0]]


def test_what_is_said_in_clear_after_starttls_is_not_believed(tmp_path: Path, authority: Authority) -> None:
    extra = b"250-evil\r\n250-AUTH PLAIN\r\n250 OK\r\n"
    habits = Habits(tls=authority.server("127.0.0.1"), starttls_extra=extra)
    with FaultyRelay(habits) as relay, sending(secured(tmp_path, relay, authority)) as transport:
        results = deliver(transport, [a_message(0)])
        assert results[0].outcome in (Outcome.SENT, Outcome.RELEASED)
        assert not any(line.startswith("AUTH") for line in relay.memory.commands)
        assert {line.split()[0] for line in relay.memory.commands_in_clear} <= {"EHLO", "STARTTLS"}


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN", "LOGIN PLAIN XOAUTH2"])
def test_auth_plain_or_login_over_tls(
    tmp_path: Path, authority: Authority, mechanisms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "sehr geheim ü")
    habits = Habits(tls=authority.server("127.0.0.1"), credentials=("anna", "sehr geheim ü"), mechanisms=mechanisms)
    with FaultyRelay(habits) as relay:
        settings = secured(tmp_path, relay, authority, username="anna", password={"env": "RELAY_PASSWORD"})
        with sending(settings) as transport:
            assert deliver(transport, [a_message(0)])[0].outcome is Outcome.SENT
            assert "geheim" not in repr(transport.relays.all[0].login)


@pytest.mark.parametrize(
    ("habits", "pauses"),
    [
        ({"credentials": ("anna", "another")}, True),
        ({"credentials": ("anna", "right"), "mechanisms": "CRAM-MD5"}, True),
        ({"credentials": ("anna", "right"), "auth_reply": b"454 4.7.0 later\r\n"}, False),
    ],
)
def test_refused_credentials_touch_no_row_and_ask_for_a_person(
    tmp_path: Path, authority: Authority, habits: dict[str, Any], pauses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "right")
    with FaultyRelay(Habits(tls=authority.server("127.0.0.1"), **habits)) as relay:
        settings = secured(tmp_path, relay, authority, username="anna", password={"env": "RELAY_PASSWORD"})
        with sending(settings) as transport:
            results = deliver(transport, [a_message(n) for n in range(3)])
    assert {result.outcome for result in results.values()} == {Outcome.RELEASED}
    assert {bool(result.pause) for result in results.values()} == {pauses}
    assert "right" not in repr(results)


def test_one_relay_with_a_wrong_password_does_not_pause_while_another_works(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "right")
    tls = authority.server("127.0.0.1")
    with FaultyRelay(Habits(tls=tls, credentials=("a", "wrong"))) as one, FaultyRelay(
        Habits(tls=tls, credentials=("a", "right"))
    ) as two:  # fmt: skip
        settings = a_site(
            tmp_path, one, two, security="starttls", ca_file=str(authority.ca_file), username="a",
            password={"env": "RELAY_PASSWORD"},
        )  # fmt: skip
        with sending(settings) as transport:
            results = deliver(transport, [a_message(n) for n in range(20)])
    assert {result.outcome for result in results.values()} == {Outcome.SENT}


def test_a_password_is_never_configured_to_travel_in_the_clear(tmp_path: Path) -> None:
    with FaultyRelay() as relay, pytest.raises(ValueError, match="never travels in the clear"):
        a_site(tmp_path, relay, username="anna", password={"env": "X"}, security="none")


def test_a_certificate_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with FaultyRelay() as relay, pytest.raises(SettingsError, match=r"ca_file = 'nowhere\.pem'"):
        Transport(a_site(tmp_path, relay, security="tls", ca_file="nowhere.pem"))


def test_tls_is_checked_against_the_machines_authorities_and_never_below_1_2(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        transport = Transport(a_site(tmp_path, relay, security="starttls"))
    (context,) = transport._contexts.values()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
