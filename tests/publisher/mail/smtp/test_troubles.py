"""A relay that is down, slow or in trouble, and the others beside it."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from publisher.lib.backoff import doubling
from publisher.mail.transport import Cause, Outcome
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.smtp.sending import a_message, a_site, deliver, deliver_all, for_, nothing, sending


def test_a_relay_that_is_down_leaves_the_rows_untouched_and_says_when_to_try_again(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        settings = a_site(tmp_path, relay)
        relay.stop()
        with sending(settings, pauses=doubling(0.3, 1)) as transport:
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
        with sending(a_site(tmp_path, one, other, weights=(3, 1))) as transport:
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
    with FaultyRelay(habits) as relay, sending(a_site(tmp_path, relay), pauses=doubling(5, 60)) as transport:
        results = deliver(transport, [a_message(n) for n in range(5)])
        assert {(result.outcome, result.cause) for result in results.values()} == {(Outcome.RELEASED, Cause.RELAY)}
        assert all(0 < result.retry_after <= 5 for result in results.values())
        assert relay.memory.connections <= 2


def test_454_slows_the_relay_down_and_skips_nobody(tmp_path: Path) -> None:
    settings = {"connections": 1}
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, **settings), pauses=doubling(0.3, 5)) as transport:
        messages = for_("ok", "454", *["ok"] * 20)
        results = deliver(transport, messages)
        assert results[1].outcome is Outcome.RELEASED
        assert 0 < results[1].retry_after <= 0.3
        assert len(results) < len(messages)
        done = {number for number, result in results.items() if result.outcome is Outcome.SENT}
        deliver_all(transport, [one for one in messages if one.delivery not in done])
        assert relay.memory.messages == len(relay.memory.taken) == len(messages)
