"""What mail providers report over HTTP: one file a provider, each with its event words in one visible table.

::

    headers, body ─→ <provider>.read(…) ─→ Events        or Refused: not signed, too old, not ours

The functions are pure but for SES, which is given a way to fetch a certificate. A provider that proved itself
may name a reader by address; everything else is as for mail. That an event counts once is seen to where it is
recorded, by its id.
"""

from __future__ import annotations

#: Seconds that a time stamp may be away from our clock.
TOLERANCE = 300.0
#: Events of one request.
MAX_EVENTS = 2000


class Refused(Exception):
    """The request is not genuine; ``str()`` is for our log, never for the answer."""


def check_time(stamp: float, now: float) -> None:
    """:raises Refused: ``stamp`` (UTC epoch seconds) is more than :data:`TOLERANCE` from ``now``."""
    if not abs(stamp - now) <= TOLERANCE:  # NaN, too
        raise Refused("the time stamp is not of this moment")
