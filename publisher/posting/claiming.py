"""Which post of a held channel goes next, and whether it may go now.

::

    queued, due ─→ window? spacing? schedule? cap? ─→ claimed, or put off until they allow it

A wait is a time in a row, never a sleep.
"""

from __future__ import annotations

from datetime import UTC, datetime

from publisher.lib.schedules import WhenReady, parse_rule
from publisher.model import PostStatus
from publisher.posting import timing
from publisher.posting.held import HeldChannel
from publisher.posting.opening import spent_this_month
from publisher.store import Tx, post_claims, posts
from publisher.store import channels as channel_rows
from publisher.store.posts import PostRow


def claim_next(tx: Tx, held: HeldChannel, now: float) -> PostRow | None:
    """The next post, claimed; ``None`` when none may go now."""
    row = post_claims.next_queued(tx, held.name, now)
    if held.only is not None:
        rows = [found for post_id in sorted(held.only) if (found := posts.by_id(tx, post_id))]
        row = next((found for found in rows if found.status != PostStatus.PUBLISHED), None)
        if row is not None and row.status != PostStatus.QUEUED:
            return None  # the next of a thread waits for the one before
    if row is None or not (_may_go(tx, held, row) and post_claims.claim(tx, row.id, held.token, now)):
        return None
    return posts.by_id(tx, row.id)


def _may_go(tx: Tx, held: HeldChannel, row: PostRow) -> bool:
    """Whether window, spacing, schedule and cap let this post go; else it is put off until they may."""
    moment = held.clock()
    at = moment
    if held.only is None and row.part == 0 and row.first_sent is None:
        last = post_claims.last_sent(tx, held.name)
        at = timing.spaced_at(moment, instant(last), held.table.spacing_minutes)
        at = timing.opens_at(at, held.table.windows, held.zone)
        at = max(at, _scheduled_at(tx, held, row, moment))
    reason = _over_the_cap(tx, held, row, moment)
    if reason:
        at = max(at, timing.next_month(moment, held.zone))
    if at <= moment:
        return True
    posts.change(tx, row.id, due=at.timestamp(), reason=reason)
    if reason:
        _say_once_a_month(tx, held, reason, moment)
    held.report.deferred += 1
    return False


def _scheduled_at(tx: Tx, held: HeldChannel, row: PostRow, moment: datetime) -> datetime:
    """When the channel's schedule lets this post go."""
    rule = parse_rule(held.table.schedule)
    before = held.memory.get("released")
    released = row.created <= (before if isinstance(before, float) else 0.0)
    waiting = posts.waiting(tx, held.name) if isinstance(rule, WhenReady) and not released else 0
    queued = datetime.fromtimestamp(row.created, UTC)
    at = timing.scheduled_at(moment, rule, held.zone.key, queued=queued, released=released, waiting=waiting)
    if at <= moment and isinstance(rule, WhenReady) and not released:
        # All that wait now go, also when those that went first leave fewer than the rule asks for.
        held.memory["released"] = moment.timestamp()
        channel_rows.change(tx, held.name, memory=held.memory)
    return at


def _over_the_cap(tx: Tx, held: HeldChannel, row: PostRow, moment: datetime) -> str:
    """Why this post has to wait for the next month; empty when it need not."""
    cap = held.channel.monthly_cap
    if not cap or row.first_sent is not None:
        return ""
    spent = spent_this_month(tx, held.settings, held.name, moment)
    if spent + row.price <= cap:
        return ""
    return f"the monthly cap of ${cap / 1e6:.2f} is reached (${spent / 1e6:.3f} spent)"


def _say_once_a_month(tx: Tx, held: HeldChannel, reason: str, moment: datetime) -> None:
    month = moment.astimezone(held.zone).strftime("%Y-%m")
    if held.memory.get("cap_told") != month:
        held.memory["cap_told"] = month
        channel_rows.change(tx, held.name, memory=held.memory)
        held.report.alert(f"channel {held.name}: {reason}; its posts wait for the next month")


def instant(value: float | None) -> datetime | None:
    """Epoch seconds as an aware instant."""
    return None if value is None else datetime.fromtimestamp(value, UTC)
