"""How long to wait before something is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.delivery.ladder import LADDER
from publisher.lib.backoff import BackOff, doubling
from publisher.mail.smtp.relays import PAUSES
from publisher.posting import timing
from publisher.subscribers import notices
from publisher.websub import fanning_out

#: Every table there is, with what it must say after the first nine failures.
TABLES = {
    "deliveries": (LADDER, [60, 300, 900, 3600, 14400, 43200, 43200, 43200, 43200]),
    "relays": (PAUSES, [30, 60, 120, 240, 480, 600, 600, 600, 600]),
    "notices": (notices.BACK_OFF, [60, 300, 900, 3600, 14400, 14400, 14400, 14400, 14400]),
    "websub": (fanning_out.BACK_OFF, [60, 300, 1800, 7200, 21600, 21600, 21600, 21600, 21600]),
    "posts": (timing.BACK_OFF, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]),
}

back_offs = st.builds(
    BackOff,
    st.lists(st.floats(0, 1e6), min_size=1, max_size=12).map(tuple),
    jitter=st.floats(0, 1),
    tries=st.none() | st.integers(1, 40),
    seconds=st.floats(0, 1e6),
)


@pytest.mark.parametrize("name", TABLES)
def test_the_steps_of_each_table_are_those_that_were_decided(name: str) -> None:
    back_off, steps = TABLES[name]
    assert [back_off.wait(failures) for failures in range(1, 10)] == steps


def test_each_table_gives_up_when_it_was_decided_to() -> None:
    day = 86_400.0
    assert LADDER.gives_up(6, 3 * day)
    assert not LADDER.gives_up(5, 3 * day)
    assert not LADDER.gives_up(6, 3 * day - 1)
    assert not PAUSES.gives_up(10_000, 100 * day)
    assert notices.BACK_OFF.gives_up(10, day)
    assert not notices.BACK_OFF.gives_up(9, 5 * day)  # one that was kept for a later day has as many tries
    assert not notices.BACK_OFF.gives_up(50, day - 1)
    assert [fanning_out.BACK_OFF.gives_up(failures) for failures in (5, 6)] == [False, True]
    assert [timing.BACK_OFF.gives_up(failures) for failures in (29, 30)] == [False, True]


@given(back_offs, st.integers(-3, 1000), st.floats(0, 1, exclude_max=True))
def test_jitter_never_shortens_a_wait_and_none_is_longer_than_the_longest(
    back_off: BackOff, failures: int, chance: float
) -> None:
    step = back_off.steps[min(max(failures, 1), len(back_off.steps)) - 1]
    assert back_off.wait(failures) == step
    assert step <= back_off.wait(failures, lambda: chance) <= back_off.longest * (1 + 1e-12)


@given(back_offs, st.integers(1, 100), st.floats(0, 1e7))
def test_what_is_given_up_stays_given_up(back_off: BackOff, failures: int, elapsed: float) -> None:
    if back_off.gives_up(failures, elapsed):
        assert back_off.gives_up(failures + 1, elapsed)
        assert back_off.gives_up(failures, elapsed + 1)
        assert failures >= (back_off.tries or 0)
        assert elapsed >= back_off.seconds


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e9), st.integers(1, 80))
def test_doubling_doubles_up_to_the_longest(first: float, longest: float, failures: int) -> None:
    back_off = doubling(first, longest)
    assert back_off.wait(failures) == pytest.approx(min(longest, first * 2.0 ** (failures - 1)))
    assert back_off.longest == longest
    assert list(back_off.steps) == sorted(set(back_off.steps))


@pytest.mark.parametrize("wrong", [lambda: BackOff(()), lambda: BackOff((-1.0,)), lambda: doubling(0, 1)])
def test_a_table_without_sense_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"back-off|doubling"):
        wrong()
