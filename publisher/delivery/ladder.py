"""When a deferred message is tried again, and when it is given up: pure.

1 m, 5 m, 15 m, 1 h, 4 h, then every 12 h, each with up to a fifth more at random, so that what was deferred
together does not come back together. After 72 h it is given up (RFC 5321 §4.5.4.1 asks for four to five days
of a relay; a digest is old news before that).
"""

from __future__ import annotations

from collections.abc import Callable

MINUTE, HOUR = 60.0, 3600.0
#: Seconds to wait after the first, second, … attempt; the last one repeats.
STEPS = (1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 1 * HOUR, 4 * HOUR, 12 * HOUR)
JITTER = 0.2
CUT_OFF = 72 * HOUR
#: Never given up before as many attempts: a clock that jumps two days must not empty the ladder.
LEAST_ATTEMPTS = len(STEPS)
#: No wait is longer.
LONGEST = STEPS[-1] * (1 + JITTER)


def wait(attempts: int, random: Callable[[], float]) -> float:
    """Seconds until the next attempt.

    :param attempts: how many there were, from 1.
    :param random: uniform in [0, 1).
    """
    step = STEPS[min(max(attempts, 1), len(STEPS)) - 1]
    return step * (1 + JITTER * random())


def gives_up(attempts: int, first_attempt: float, now: float) -> bool:
    """Whether a message that was deferred again is given up (instants in UTC epoch seconds)."""
    return attempts >= LEAST_ATTEMPTS and now - first_attempt >= CUT_OFF
