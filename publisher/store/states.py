"""The states of a delivery and every arrow between them: pure, and one visible table.

::

              ┌──────── resent, retry ────────┐
              ↓                               │
    queued ── deferred ──→ DEFERRED ── retry ─┘
      │  │                    │
      │  ├── sent ───────────┴──────→ SENT ── bounced ──→ BOUNCED
      │  ├── failed, gave_up, …  ───→ FAILED   complained → COMPLAINED
      │  ├── suppressed ────────────→ SUPPRESSED
      │  ├── lost_sight, set_aside ─→ IN_DOUBT ── settled by hand ──→ SENT, FAILED, queued
      │
      └── lost_sight under *resend*: stays queued, one doubt more

A *fact* (sent, failed) is recorded whoever learns it and however late: a worker that was stopped past its
lease knows better than the row. A *wish* (deferred, suppressed) counts only from whoever holds the lease.
What has no arrow changes nothing.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class State(IntEnum):
    """As stored in ``delivery.state``."""

    QUEUED = 0
    SENT = 2
    FAILED = 3
    DEFERRED = 4
    SUPPRESSED = 5
    IN_DOUBT = 6
    BOUNCED = 7
    COMPLAINED = 8


class Event(StrEnum):
    """What can happen to a delivery."""

    SENT = "sent"  # the relay took responsibility
    DEFERRED = "deferred"  # refused for now
    FAILED = "failed"  # refused for good
    SUPPRESSED = "suppressed"  # found suppressed or unsubscribed when it was claimed
    LOST_SIGHT = "lost_sight"  # begun, and the answer never came; policy *report*
    RESENT = "resent"  # the same under policy *resend*, its sender died: it goes out again at once
    RESEND_LATER = "resend_later"  # the same, its connection broke: it waits its turn on the ladder
    SET_ASIDE = "set_aside"  # composing it killed its senders; nothing left, and a person decides
    RETRY = "retry"  # its wait on the ladder is over
    GAVE_UP = "gave_up"  # deferred past the cut-off
    TOO_LATE = "too_late"  # the edition's own cut-off has passed
    CANCELLED = "cancelled"  # an operator cancelled the edition
    SETTLED_SENT = "settled_sent"  # a person knows that it arrived
    SETTLED_FAILED = "settled_failed"  # a person lets it be
    SETTLED_RESEND = "settled_resend"  # a person has it sent again
    RETRY_FAILED = "retry_failed"  # a person has a failed one tried again
    BOUNCED = "bounced"  # a bounce came back (RFC 3464)
    COMPLAINED = "complained"  # a complaint came back (RFC 5965)


S, E = State, Event

#: Every arrow there is.
ARROWS: dict[tuple[State, Event], State] = {
    (S.QUEUED, E.SENT): S.SENT,
    (S.QUEUED, E.DEFERRED): S.DEFERRED,
    (S.QUEUED, E.FAILED): S.FAILED,
    (S.QUEUED, E.SUPPRESSED): S.SUPPRESSED,
    (S.QUEUED, E.LOST_SIGHT): S.IN_DOUBT,
    (S.QUEUED, E.SET_ASIDE): S.IN_DOUBT,
    (S.QUEUED, E.RESENT): S.QUEUED,
    (S.QUEUED, E.RESEND_LATER): S.DEFERRED,
    (S.QUEUED, E.TOO_LATE): S.FAILED,
    (S.QUEUED, E.CANCELLED): S.FAILED,
    (S.DEFERRED, E.SENT): S.SENT,
    (S.DEFERRED, E.FAILED): S.FAILED,
    (S.DEFERRED, E.RETRY): S.QUEUED,
    (S.DEFERRED, E.GAVE_UP): S.FAILED,
    (S.DEFERRED, E.TOO_LATE): S.FAILED,
    (S.DEFERRED, E.CANCELLED): S.FAILED,
    (S.IN_DOUBT, E.SENT): S.SENT,
    (S.IN_DOUBT, E.FAILED): S.FAILED,
    (S.IN_DOUBT, E.SETTLED_SENT): S.SENT,
    (S.IN_DOUBT, E.SETTLED_FAILED): S.FAILED,
    (S.IN_DOUBT, E.SETTLED_RESEND): S.QUEUED,
    (S.FAILED, E.SENT): S.SENT,  # it was given up while a stopped worker was sending it
    (S.FAILED, E.RETRY_FAILED): S.QUEUED,
    (S.SUPPRESSED, E.SENT): S.SENT,
    (S.SENT, E.BOUNCED): S.BOUNCED,
    (S.SENT, E.COMPLAINED): S.COMPLAINED,
    (S.BOUNCED, E.COMPLAINED): S.COMPLAINED,
}

#: Events after which a message may be with its subscriber although the row does not say so.
DOUBTS = frozenset({E.LOST_SIGHT, E.RESENT, E.RESEND_LATER})

#: The terms of the account: audience = sent + failed + suppressed + pending + in doubt.
TERM: dict[State, str] = {
    S.QUEUED: "pending",
    S.DEFERRED: "pending",
    S.SENT: "sent",
    S.BOUNCED: "sent",
    S.COMPLAINED: "sent",
    S.FAILED: "failed",
    S.SUPPRESSED: "suppressed",
    S.IN_DOUBT: "in_doubt",
}


def after(state: State, event: Event) -> State | None:
    """Where ``event`` leads from ``state``; ``None`` where there is no arrow and nothing changes."""
    return ARROWS.get((state, event))
