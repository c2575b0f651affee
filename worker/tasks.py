"""The tasks: thin, without arguments, each a use case of :mod:`publisher.pipeline` under a doorbell's name.

::

    tick ─→ plan what is due, freeze them, sweep: one at a time on a machine
      └→ rings: collect, drain × (chunks due, as many as this worker has places), post, websub, notices, feedback

Running one twice, or two at once, or none for an hour, changes nothing but the time at which things happen.
What goes wrong is logged in one line and left to the next tick; nothing is retried by Celery.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, TypeVar

from celery import Celery

from publisher import delivery, posting
from publisher.errors import MastheadError, SiteMoved
from publisher.pipeline import collecting, mailing, planning, scheduling, subscribers
from publisher.pipeline.fetching import image_fetcher
from publisher.pipeline.site import Site
from publisher.pipeline.waiting import held_by_restore
from publisher.store import Store, chunks, meta
from publisher.websub import FanOut, fan_out_due
from worker.celery import EXPIRES_SECONDS
from worker.runtime import Runtime

log = logging.getLogger(__name__)

#: Seconds between two notes of the last tick.
NOTE_SECONDS = 10.0

#: An error that lasts is said again after this many seconds.
AGAIN_SECONDS = 300.0
#: Seconds after which one fan-out of WebSub claims no more; the next tick goes on.
FAN_OUT_SECONDS = 30.0

T = TypeVar("T")


@held_by_restore(posting.SendReport)
def _post_due(site: Site) -> posting.SendReport:
    return posting.send_due(site.store, site.settings, fetch=image_fetcher(site), clock=site.now_utc)


def _sweep(site: Site) -> object:
    found = mailing.sweep(site)
    _note_tick(site.store)
    return found


@held_by_restore(FanOut)
def _fan_out(site: Site) -> FanOut:
    return fan_out_due(site.store, site.settings, now=site.now, budget_seconds=FAN_OUT_SECONDS)


class Complaints:
    """What goes wrong, each error said once while it lasts, whichever steps meet it, and again every few minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, tuple[str, float]] = {}

    def say(self, error: Exception, step: str = "") -> None:
        """Log the error, unless it was and a while is not over."""
        text, now = str(error), self._clock()
        self._said = {known: said for known, said in self._said.items() if now - said[1] < AGAIN_SECONDS}
        if text not in self._said:
            self._said[text] = (step, now)
            log.error("%s", f"{step}: {text}" if step else text)

    def settle(self, step: str) -> None:
        """The step has worked: what it said is over."""
        self._said = {known: said for known, said in self._said.items() if said[0] != step}


_complaints = Complaints()


class UseCases(NamedTuple):
    """What the tasks call; a test hands in a double for those it watches."""

    plan_due: Callable[[Site], object] = scheduling.plan_due
    freeze_due: Callable[[Site], object] = planning.freeze_due
    sweep: Callable[[Site], object] = _sweep
    drain: Callable[[Site, Callable[[], bool]], delivery.Drained] = mailing.drain
    collect: Callable[[Site], object] = collecting.gather
    post: Callable[[Site], object] = _post_due
    websub: Callable[[Site], object] = _fan_out
    notices: Callable[[Site], object] = subscribers.send_notices
    feedback: Callable[[Site], object] = subscribers.read_reports


USE_CASES = UseCases()

#: Tasks that the tick rings beside the drains; each is a field of :class:`UseCases`.
STEPS = ("collect", "post", "websub", "notices", "feedback")


def register(app: Celery, runtime: Runtime, use_cases: UseCases = USE_CASES) -> None:
    """Give the application its tasks."""

    drains_at_once = max(1, runtime.concurrency - 1)

    def ring(name: str) -> None:
        try:
            app.send_task(f"masthead.{name}", expires=EXPIRES_SECONDS)
        except Exception as error:  # whatever the broker's client raises: the next tick rings again
            log.warning("the broker cannot be reached: %s", error)

    def tick() -> None:
        if runtime.stopping():
            return
        with runtime.alone("tick") as alone, runtime.site() as site:
            if alone:
                _quietly("plan_due", lambda: use_cases.plan_due(site))
                _quietly("freeze_due", lambda: use_cases.freeze_due(site))
                _quietly("the ledger", lambda: use_cases.sweep(site))
            due = _quietly("what is due", lambda: _due(site.store)) or 0
        for name in STEPS:
            ring(name)
        for _ in range(min(due, drains_at_once)):
            ring("drain")

    def drain() -> None:
        if runtime.stopping():
            return
        done = None
        with runtime.place() as free:
            if free:
                with runtime.site() as site:
                    done = _quietly("drain", lambda: use_cases.drain(site, runtime.stopping))
        if done is not None and done.more and not done.wait and not runtime.stopping():
            ring("drain")

    def step(name: str, use_case: Callable[[Site], object]) -> Callable[[], None]:
        def run() -> None:
            if runtime.stopping():
                return
            with runtime.alone(name) as alone:
                if alone:
                    with runtime.site() as site:
                        found = _quietly(name, lambda: use_case(site))
                    if name == "collect" and found is not None:
                        ring("tick")  # there is something new: no need to wait for the next one

        return run

    app.task(_patient(tick), name="masthead.tick")
    app.task(_patient(drain), name="masthead.drain")
    for name in STEPS:
        app.task(_patient(step(name, getattr(use_cases, name))), name=f"masthead.{name}")


def _patient(run: Callable[[], None]) -> Callable[[], None]:
    """A site that cannot be opened now (its database is away) is one line in the log, not a traceback a tick."""

    @wraps(run)
    def guarded() -> None:
        try:
            run()
        except SiteMoved:
            return  # said, and acted upon, by whoever watches the place
        except (MastheadError, OSError) as error:
            _complaints.say(error)

    return guarded


def _due(store: Store) -> int:
    """How many chunks are due."""
    with store.read() as tx:
        return chunks.any_due(tx, time.time())


def _note_tick(store: Store) -> None:
    """Note that somebody looks for due work, for whoever watches; every tick would be a commit too many."""
    now = time.time()
    with store.read() as tx:
        noted = meta.get(tx, meta.TICKED)
    if noted is None or not 0 <= now - float(noted) < NOTE_SECONDS:
        with store.begin() as tx:
            meta.put(tx, meta.TICKED, f"{now:.0f}")


def _quietly(name: str, use_case: Callable[[], T]) -> T | None:
    """What goes wrong is a line in the log, and the next tick tries again."""
    try:
        done = use_case()
    except SiteMoved:
        return None  # said, and acted upon, by whoever watches the place
    except (MastheadError, OSError) as error:
        _complaints.say(error, name)
    except Exception:
        log.exception("%s failed", name)
    else:
        _complaints.settle(name)
        return done
    return None
