"""When a deferred message is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.delivery.ladder import HOUR, LADDER


def test_the_steps_are_those_that_were_decided():
    assert [LADDER.wait(n, lambda: 0.0) for n in range(1, 9)] == [60, 300, 900, 3600, 14400, 43200, 43200, 43200]


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_jitter_adds_at_most_a_fifth_and_never_shortens(attempts, chance):
    step = LADDER.steps[min(attempts, len(LADDER.steps)) - 1]
    assert step <= LADDER.wait(attempts, lambda: chance) <= step * (1 + LADDER.jitter) <= LADDER.longest


def test_it_is_given_up_after_72_hours_and_not_before():
    assert not LADDER.gives_up(20, 72 * HOUR - 1)
    assert LADDER.gives_up(20, 72 * HOUR)


def test_a_clock_that_jumps_two_days_does_not_empty_the_ladder():
    assert not LADDER.gives_up(2, 4 * 24 * HOUR)
