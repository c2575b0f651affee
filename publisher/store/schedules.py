"""Schedules as rows: who claims a slot, and what became of it.

A slot is claimed by a compare-and-set of ``next_run``, and recorded under (schedule, slot), which is unique:
however many tick, and whatever their clocks say, a slot fires once. It stays *claimed* until what it fires is
written down, and is found again by the next tick if a process dies in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from publisher.lib.schedules import CatchUp, Cron, decide, next_slot
from publisher.store.dialect import insert
from publisher.store.tables import schedule, schedule_run

CLAIMED, FIRED, SKIPPED = "claimed", "fired", "skipped"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schedule as the settings have it. ``grace`` in seconds."""

    cron: Cron
    zone: str
    catch_up: CatchUp = "once"
    grace: float = 3600.0


def sync(tx: Connection, wanted: Mapping[str, Wanted], *, now: float) -> None:
    """Make the rows what the settings say; a schedule that was edited waits for its next slot from now on."""
    known = {row.name: row for row in tx.execute(select(schedule))}
    for name in known.keys() - wanted.keys():
        tx.execute(delete(schedule).where(schedule.c.name == name))
    for name, one in wanted.items():
        row = known.get(name)
        values: dict[str, object] = {"catch_up": one.catch_up, "grace": one.grace, "enabled": True}
        if row is None or (row.rule, row.timezone) != (one.cron.line, one.zone):
            values |= {"rule": one.cron.line, "timezone": one.zone, "next_run": next_slot(one.cron, one.zone, now)}
        elif all(getattr(row, key) == value for key, value in values.items()):
            # A clock that was ahead for a while must not make us wait for it.
            upcoming = next_slot(one.cron, one.zone, now)
            if row.next_run is None or upcoming is None or row.next_run <= upcoming:
                continue
            values = {"next_run": upcoming}
        statement = insert(tx, schedule).values(name=name, **values)
        if row is None:
            tx.execute(statement.on_conflict_do_nothing())
        else:
            tx.execute(update(schedule).where(schedule.c.name == name).values(values))


def needs_sync(tx: Connection, wanted: Mapping[str, Wanted], *, now: float) -> bool:
    """Whether :func:`sync` has anything to do; only reads."""
    known = {row.name: row for row in tx.execute(select(schedule))}
    if known.keys() != wanted.keys():
        return True
    for name, one in wanted.items():
        row = known[name]
        same = (row.rule, row.timezone, row.catch_up, row.grace, row.enabled) == (
            one.cron.line,
            one.zone,
            one.catch_up,
            one.grace,
            True,
        )
        if not same or (row.next_run is not None and row.next_run > (next_slot(one.cron, one.zone, now) or 0)):
            return True
    return False


def claim_due(tx: Connection, *, now: float) -> list[tuple[str, float]]:
    """Claim every slot that has come; returns ``(schedule, slot)`` of those that fire."""
    fired = []
    due = select(schedule).where(schedule.c.enabled, schedule.c.next_run <= now).order_by(schedule.c.next_run)
    for row in tx.execute(due).all():
        found = decide(Cron(row.rule), row.timezone, slot=row.next_run, now=now, catch_up=row.catch_up, grace=row.grace)
        claimed = tx.execute(
            update(schedule)
            .where(schedule.c.name == row.name, schedule.c.next_run == row.next_run, schedule.c.enabled)
            .values(next_run=found.next, last_slot=found.fire if found.fire is not None else row.next_run)
        )
        if claimed.rowcount != 1:
            continue  # another tick has it
        slot, outcome = (row.next_run, SKIPPED) if found.fire is None else (found.fire, CLAIMED)
        recorded = tx.execute(
            insert(tx, schedule_run)
            .values(schedule=row.name, slot=slot, outcome=outcome, fired=now)
            .on_conflict_do_nothing()
            .returning(schedule_run.c.slot)
        ).first()
        if outcome == CLAIMED and recorded is not None:
            fired.append((row.name, slot))
    return fired


def claimed(tx: Connection) -> list[tuple[str, float]]:
    """Slots that were claimed and whose work is not written down yet."""
    query = select(schedule_run.c.schedule, schedule_run.c.slot).where(schedule_run.c.outcome == CLAIMED)
    return [(row[0], row[1]) for row in tx.execute(query.order_by(schedule_run.c.slot))]


def settled(tx: Connection, name: str, slot: float) -> None:
    """What this slot fires is written down."""
    tx.execute(
        update(schedule_run).where(schedule_run.c.schedule == name, schedule_run.c.slot == slot).values(outcome=FIRED)
    )


def upcoming(tx: Connection) -> dict[str, float | None]:
    """Schedule → its next slot (UTC epoch seconds)."""
    return {row[0]: row[1] for row in tx.execute(select(schedule.c.name, schedule.c.next_run))}
