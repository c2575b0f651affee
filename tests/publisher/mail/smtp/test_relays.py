"""Which relay takes the next message, how long one is left in peace, and how fast mail leaves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.mail.smtp.pace import Pace
from publisher.mail.smtp.relays import HEALTHY, PAUSES, after_success, after_trouble
from publisher.mail.transport import Cause, Outcome, Outgoing, Result
from publisher.settings import Settings
from tests import factories
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.smtp.sending import smtp

FAULT = Result(Outcome.RELEASED, 421, "4.3.2", "busy", "relay:25", Cause.RELAY)


def test_a_relay_is_left_in_peace_for_thirty_seconds_then_longer_up_to_ten_minutes() -> None:
    assert [PAUSES.wait(failures) for failures in (1, 2, 3, 4, 5, 6, 100)] == [30, 60, 120, 240, 480, 600, 600]


def test_trouble_closes_a_trial_opens_and_a_message_taken_heals() -> None:
    now = 1000.0
    health = after_trouble(HEALTHY, FAULT, taken=0, most=4, now=now, pauses=PAUSES)
    assert health.allows(4, now + 29.9) == 0
    assert health.allows(4, now + 30) == 1
    again = after_trouble(health, FAULT, taken=0, most=4, now=now + 30, pauses=PAUSES)
    assert again.allows(4, now + 89) == 0
    assert after_success(again) == HEALTHY


def test_four_connections_that_meet_the_same_trouble_count_once() -> None:
    health = HEALTHY
    for at in range(4):
        health = after_trouble(health, FAULT, taken=0, most=4, now=1000.0 + at, pauses=PAUSES)
    assert health.failures == 1


def test_a_relay_that_closes_a_used_connection_loses_one_for_a_while_and_wins_it_back() -> None:
    health = after_trouble(HEALTHY, FAULT, taken=50, most=4, now=1000.0, pauses=PAUSES)
    assert health.allows(4, 1000.0) == 3
    for _ in range(20):
        health = after_success(health)
    assert health == HEALTHY


def test_a_throttle_and_refused_credentials_count_even_on_a_used_connection() -> None:
    throttled = Result(Outcome.RELEASED, 454, "", "Throttling failure", "relay:25", Cause.RELAY)
    refused = Result(Outcome.RELEASED, 530, "5.7.0", "auth", "relay:25", Cause.OURS, pause="look")
    for fault in (throttled, refused):
        assert after_trouble(HEALTHY, fault, taken=9, most=4, now=0.0, pauses=PAUSES).allows(4, 1.0) == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.floats(0, 100)), max_size=60))
def test_whatever_happens_a_relay_always_comes_back(events: list[tuple[bool, int, float]]) -> None:
    health, now = HEALTHY, 0.0
    for good, taken, passed in events:
        now += passed
        if good:
            health = after_success(health)
        else:
            health = after_trouble(health, FAULT, taken=taken, most=4, now=now, pauses=PAUSES)
        assert health.allows(4, now + 600) >= 1
        assert 0 <= health.fewer <= 3


class Clock:
    """Seconds that pass only when told; ``reserve`` is the shared row, kept in memory."""

    def __init__(self) -> None:
        self.now = 50.0
        self.booked: dict[str, float] = {}
        self.calls: Counter[str] = Counter()

    def __call__(self) -> float:
        return self.now

    def reserve(self, key: str, count: int, per_second: float) -> float:
        start = max(self.booked.get(key, self.now), self.now)
        self.booked[key] = start + count / per_second
        self.calls[key] += 1
        return start - self.now


@pytest.mark.parametrize("rate", [0.5, 3, 10, 100, 1000, 7777])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_rate_holds_over_all_workers_within_five_percent(rate: float, workers: int) -> None:
    clock = Clock()
    paces = [Pace("mail", rate, clock.reserve, clock) for _ in range(workers)]
    sent, started, wanted = 0, clock.now, max(40, int(rate * 4))
    while sent < wanted:
        waits = []
        for pace in paces:
            wait = pace.wait()
            if wait == 0:
                pace.take()
                sent += 1
            waits.append(wait)
        clock.now += max(min(waits), 1e-9)
    assert sent / (clock.now - started) == pytest.approx(rate, rel=0.05)
    assert clock.calls["mail"] <= 11 * (clock.now - started) * max(workers, rate if rate < 10 else 1) + workers


def a_site(directory: Path, relay: FaultyRelay, **mail: Any) -> Settings:
    here = {"transport": "smtp", "host": "127.0.0.1", "port": relay.port, "security": "none"}
    return factories.settings(directory, mail={**here, **mail})


def messages(*domains: str) -> list[Outgoing]:
    return [
        Outgoing(n, "b@example.org", f"r{n}@{domain}", b"Message-ID: <%d@x>\r\n\r\nx\r\n" % n, f"{n}@x")
        for n, domain in enumerate(domains)
    ]


def test_a_domain_gets_no_more_at_a_time_than_it_wants_and_the_others_do_not_wait_for_it(tmp_path: Path) -> None:
    in_flight: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def begins(one: Outgoing) -> None:
        domain = one.recipient.partition("@")[2]
        in_flight[domain] += 1
        most[domain] = max(most[domain], in_flight[domain])

    with FaultyRelay(Habits(delay=0.002)) as relay:
        site = a_site(tmp_path, relay, connections=4, domains=[{"name": "Slow.example", "connections": 1}])
        transport = smtp(site)
        order = []
        for one, result in transport.deliver(
            iter(messages(*["slow.example"] * 20, *["fast.example"] * 40)), intent=begins
        ):
            in_flight[one.recipient.partition("@")[2]] -= 1
            assert result.outcome is Outcome.SENT
            order.append(one.delivery)
        transport.close()
    assert len(order) == 60
    assert most["slow.example"] == 1
    assert most["fast.example"] >= 2
    assert order[-1] < 20  # the slow ones came last, although they stood first


def test_rates_are_booked_by_key_for_everything_the_relay_and_the_domain(tmp_path: Path) -> None:
    booked: Counter[str] = Counter()

    def reserve(key: str, count: int, per_second: float) -> float:
        booked[key] += count
        return 0.0

    with FaultyRelay() as relay:
        site = a_site(tmp_path, relay, rate=50, domains=[{"name": "slow.example", "rate": 20}])
        transport = smtp(site, reserve)
        assert len(list(transport.deliver(iter(messages(*["slow.example"] * 12)), intent=lambda _: None))) == 12
        transport.close()
    assert 12 <= booked["mail"] <= 20
    assert 12 <= booked["domain:slow.example"] <= 14


def test_a_rate_used_up_for_long_gives_the_messages_back_with_the_time_to_wait(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        transport = smtp(a_site(tmp_path, relay, rate=0.01), lambda key, count, per_second: 90.0)
        ((_, result),) = transport.deliver(iter(messages("example.net", "example.net")), intent=lambda _: None)
        transport.close()
    assert result.outcome is Outcome.RELEASED
    assert 85 < result.retry_after <= 90
