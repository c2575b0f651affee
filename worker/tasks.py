"""The tasks: thin, without arguments, each a use case of :mod:`publisher.pipeline` under a doorbell's name.

::

    tick ─→ plan what is due, freeze them, sweep ─→ rings: collect, drain × (chunks due), post, hub, notices, reports

Running one twice, or two at once, or none for an hour, changes nothing but the time at which things happen.
What goes wrong is logged in one line and left to the next tick; nothing is retried by Celery.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import Celery

from publisher import delivery
from publisher.errors import MastheadError
from publisher.store import Store, chunks, meta
from worker.celery import EXPIRES
from worker.runtime import Runtime

log = logging.getLogger(__name__)

#: Seconds between two notes of the last tick.
NOTE_SECONDS = 10.0

#: Steps that the tick rings beside the drains, by task name and use case.
STEPS = {
    "collect": "gather",
    "post": "post_due",
    "hub": "fan_out",
    "notices": "send_notices",
    "reports": "read_reports",
}


def register(app: Celery, runtime: Runtime) -> None:
    """Give the application its tasks."""

    drains_at_once = max(1, runtime.concurrency - 1)

    def ring(name: str) -> None:
        try:
            app.send_task(f"masthead.{name}", expires=EXPIRES)
        except Exception as error:  # whatever the broker's client raises: the next tick rings again
            log.warning("the broker cannot be reached: %s", error)

    def tick() -> None:
        if runtime.stopping():
            return
        with runtime.alone("tick") as alone:
            if not alone:
                return
            with runtime.context() as context:
                _quietly(runtime, "plan_due", context)
                _quietly(runtime, "freeze_due", context)
                due = _sweep(context)
        for name in STEPS:
            ring(name)
        for _ in range(min(due, drains_at_once)):
            ring("drain")

    def drain() -> None:
        if runtime.stopping():
            return
        done = None
        # Never as many as there are places, or a tick would wait behind messages to a slow relay.
        for place in range(drains_at_once):
            with runtime.alone(f"drain-{place}") as alone:
                if alone:
                    with runtime.context() as context:
                        done = _quietly(runtime, "drain", context, runtime.stopping)
                    break
        if getattr(done, "more", False) and not getattr(done, "wait", 0.0) and not runtime.stopping():
            ring("drain")

    def step(name: str, use_case: str) -> Callable[[], None]:
        def run() -> None:
            if runtime.stopping():
                return
            with runtime.alone(name) as alone:
                if alone:
                    with runtime.context() as context:
                        found = _quietly(runtime, use_case, context)
                    if name == "collect" and found is not None:
                        ring("tick")  # there is something new: no need to wait for the next one

        return run

    app.task(_patient(tick), name="masthead.tick")
    app.task(_patient(drain), name="masthead.drain")
    for name, use_case in STEPS.items():
        app.task(_patient(step(name, use_case)), name=f"masthead.{name}")


def _patient(run: Callable[[], None]) -> Callable[[], None]:
    """A site that cannot be opened now (its database is away) is one line in the log, not a traceback a tick."""

    @wraps(run)
    def guarded() -> None:
        try:
            run()
        except MastheadError as error:
            log.error("%s", error)

    return guarded


def _sweep(context: Any) -> int:
    """Housekeeping of the ledger; answers how many chunks are due."""
    try:
        delivery.sweep(context.store, context.settings.journal, time.time)
        _note_tick(context.store)
        with context.store.read() as tx:
            return chunks.any_due(tx, time.time())
    except MastheadError as error:
        log.error("the ledger: %s", error)
        return 0


def _note_tick(store: Store) -> None:
    """Note that somebody looks for due work, for whoever watches; every tick would be a commit too many."""
    now = time.time()
    with store.read() as tx:
        noted = meta.get(tx, meta.TICKED)
    if noted is None or not 0 <= now - float(noted) < NOTE_SECONDS:
        with store.begin() as tx:
            meta.put(tx, meta.TICKED, f"{now:.0f}")


def _quietly(runtime: Runtime, name: str, *arguments: Any) -> Any:
    use_case = runtime.step(name)
    if use_case is None:
        return None
    try:
        return use_case(*arguments)
    except MastheadError as error:
        log.error("%s: %s", name, error)
    except Exception:
        log.exception("%s failed", name)
    return None
