"""Back-off: how long to wait before something is tried again, and when it is given up. Pure.

Whoever tries again has a table of its own::

    BackOff((60, 300, 900), jitter=0.2, tries=6, seconds=72 * 3600)    a wait after each failure; the last one repeats
    doubling(30, 600)                                                  30, 60, 120, …, 600
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackOff:
    """Waits after failures, and a limit.

    :param steps: seconds to wait after the first, second, … failure; the last one repeats.
    :param jitter: a wait is longer by up to this fraction, at random.
    :param tries: given up after so many failures; ``None``: never.
    :param seconds: and not before this time since the first try (or since it was asked for) is over.
    """

    steps: tuple[float, ...]
    jitter: float = 0.0
    tries: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.steps or min(self.steps) < 0 or self.jitter < 0:
            raise ValueError("a back-off needs at least one step, and no wait is negative")

    def wait(self, failures: int, random: Callable[[], float] | None = None) -> float:
        """Seconds to wait after the ``failures``-th failure (from 1; less counts as 1).

        :param random: uniform in [0, 1); without it there is no jitter.
        """
        step = self.steps[min(max(failures, 1), len(self.steps)) - 1]
        return step * (1 + self.jitter * random()) if random is not None else step

    def gives_up(self, failures: int, elapsed: float = 0.0) -> bool:
        """Whether it is given up after ``failures`` failures, ``elapsed`` seconds from the first try."""
        return self.tries is not None and failures >= self.tries and elapsed >= self.seconds

    @property
    def longest(self) -> float:
        """Seconds that no wait exceeds."""
        return max(self.steps) * (1 + self.jitter)


def doubling(first: float, longest: float, *, tries: int | None = None) -> BackOff:
    """``first`` seconds, then twice as long each time, at most ``longest``.

    :raises ValueError: ``first`` is not above 0.
    """
    if first <= 0:
        raise ValueError("doubling begins above 0")
    steps = [min(first, longest)]
    while steps[-1] < longest:
        steps.append(min(longest, steps[-1] * 2))
    return BackOff(tuple(steps), tries=tries)
