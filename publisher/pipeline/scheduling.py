"""Which digests are to go out now, by their schedules; then they are planned.

::

    settings ─→ rows of schedule ── slot has come ─→ claimed ─→ planned ─→ fired
    at-once, "when N articles are ready" ───────────────────────↑

A slot stays claimed until the planning it asks for is committed. A process that dies in between leaves it to
the next tick, and since planning goes by the subscribers' cursors, planning twice makes one edition.
"""

from __future__ import annotations

from publisher.lib.schedules import AtOnce, Cron, WhenReady, parse_rule
from publisher.pipeline.planning import Planned, plan_editions
from publisher.pipeline.site import Site
from publisher.pipeline.waiting import held_by_restore
from publisher.store import Tx, planning, schedules
from publisher.store.schedules import Wanted


@held_by_restore(list[Planned])
def plan_due(site: Site) -> list[Planned]:
    """Plan every digest whose time has come; subscribers with a cadence of their own are planned whenever due."""
    now = site.now()
    rules = {digest.name: parse_rule(digest.schedule) for digest in site.settings.digests}
    zone = site.settings.publication.timezone
    wanted = {
        f"digest:{digest.name}": Wanted(rule, zone, digest.catch_up, digest.catch_up_minutes * 60)
        for digest in site.settings.digests
        if isinstance(rule := rules[digest.name], Cron)
    }
    with site.store.read() as tx:
        stale = schedules.needs_sync(tx, wanted, now=now)
        slots = schedules.claimed(tx)
        some_due = any(slot is not None and slot <= now for slot in schedules.upcoming(tx).values())
        fired = {name for name, rule in rules.items() if _is_ready(tx, name, rule)}
    if stale or some_due:
        with site.store.begin() as tx:
            schedules.sync(tx, wanted, now=now)
            slots += schedules.claim_due(tx, now=now)
    fired |= {name.removeprefix("digest:") for name, _ in slots}
    planned = plan_editions(site, fired=fired)
    if slots:
        with site.store.begin() as tx:
            for name, slot in slots:
                schedules.settled(tx, name, slot)
    return planned


def _is_ready(tx: Tx, digest: str, rule: object) -> bool:
    if isinstance(rule, AtOnce):
        return True
    return isinstance(rule, WhenReady) and planning.ready(tx, digest) >= rule.count
