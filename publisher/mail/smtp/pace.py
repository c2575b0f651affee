"""How fast mail leaves: bookings at a rate that all workers share.

A :class:`Pace` books a tenth of a second's worth of sends at a time (the generic cell rate algorithm; the
shared row is in ``publisher/store/rates.py``, reached through a callable), and hands them out one by one
from the instant they are good for. So the database is asked at most ten times a second and worker, a pause
is quick, and a killed worker wastes no more than it had booked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from publisher.mail.transport import Reserve

#: What one booking is good for.
BOOKING_SECONDS = 0.1


class Pace:
    """Sends a second under one key; 0 is no limit."""

    def __init__(self, key: str, per_second: float, reserve: Reserve, clock: Callable[[], float]) -> None:
        self.per_second = per_second
        self._key = key
        self._reserve = reserve
        self._clock = clock
        self._count = max(1, int(per_second * BOOKING_SECONDS))
        self._booked: deque[list[float]] = deque()  # from which instant, how many are left

    def wait(self) -> float:
        """Seconds until :meth:`take` is allowed; books what is needed. 0 means now."""
        if not self.per_second:
            return 0.0
        now = self._clock()
        # The next booking is made when half of this one is used, or time would pass that nobody has booked.
        if not self._booked or (len(self._booked) == 1 and self._booked[0][1] <= self._count // 2):
            start = now + max(0.0, self._reserve(self._key, self._count, self.per_second))
            self._booked.append([start, self._count])
        return max(0.0, self._booked[0][0] - now)

    def take(self) -> None:
        """Use one booked send."""
        if self.per_second:
            first = self._booked[0]
            first[1] -= 1
            if not first[1]:
                self._booked.popleft()
