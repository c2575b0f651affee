"""When a deferred message is tried again, and when it is given up.

After 1 m, 5 m, 15 m, 1 h, 4 h, then every 12 h, each with up to a fifth more at random, so that what was deferred
together does not come back together. After 72 h it is given up (RFC 5321 §4.5.4.1 asks for four to five days
of a relay; a digest is old news before that), but never before as many attempts as there are steps: a clock that
jumps two days must not give up everything.
"""

from __future__ import annotations

from publisher.lib.backoff import BackOff

MINUTE, HOUR = 60.0, 3600.0
_STEPS = (1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 1 * HOUR, 4 * HOUR, 12 * HOUR)
LADDER = BackOff(_STEPS, jitter=0.2, tries=len(_STEPS), seconds=72 * HOUR)
