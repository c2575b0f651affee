"""``python -m worker --site DIR``: a Celery worker with its tick, for one site, in the foreground.

It stops at SIGTERM or Ctrl-C: nothing new is begun, messages on their way get their answer, the rest goes back
to the ledger. After ten seconds it ends in any case; what was on its way then is in the journal. It also stops
when whoever started it is gone, so that a killed supervisor leaves no process behind.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from celery import signals
from celery.beat import SchedulingError
from celery.platforms import SecurityWarning

from publisher.errors import HOPELESS, MastheadError, NewerDatabase, SiteMoved
from publisher.mail.feedback import coverage
from publisher.pipeline.placed import Placed, keep_looking
from publisher.pipeline.site import Site, open_site, refuse_newer
from publisher.settings import Settings, load_settings
from worker import tasks
from worker.celery import make_app
from worker.runtime import Runtime

log = logging.getLogger(__name__)

#: Seconds from the wish to stop to the end.
GRACE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; the exit status is 1 when the settings are wrong, 78 when starting again cannot help."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=Path("."), help="the site directory")
    parser.add_argument("--concurrency", type=int, default=0, help="tasks at a time; default: [worker] concurrency")
    parser.add_argument("--no-tick", action="store_true", help="leave the tick to another worker")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when standard input is closed")
    chosen = parser.parse_args(arguments)
    try:
        settings = load_settings(chosen.site)
        refuse_newer(settings)
    except NewerDatabase as error:
        print(error, file=sys.stderr)
        return HOPELESS
    except MastheadError as error:
        print(error, file=sys.stderr)
        return 1
    return run(settings, concurrency=chosen.concurrency, tick=not chosen.no_tick, watch_stdin=chosen.watch_stdin)


def run(
    settings: Settings,
    *,
    concurrency: int = 0,
    tick: bool = True,
    watch_stdin: bool = False,
    opening: Callable[[Path], Site] = open_site,
    use_cases: tasks.UseCases = tasks.USE_CASES,
) -> int:
    """Run a worker in this process, which must be a main thread's; a test hands in doubles."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("celery", "kombu", "amqp", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("celery.beat").addFilter(_in_one_line)
    for line in coverage.gaps(settings):
        log.warning("%s", line)
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"{settings.state} cannot be made: {error.strerror}", file=sys.stderr)
        return 1
    size = concurrency or settings.worker.concurrency
    app = make_app(settings)
    placed = Placed(settings)
    runtime = Runtime(settings.directory, concurrency=size, opening=opening, placed=placed)
    tasks.register(app, runtime, use_cases)
    warnings.filterwarnings("ignore", category=SecurityWarning)  # in a container, root is who one is
    _die_with_parent()
    _stop_in_time(runtime)
    if watch_stdin:
        threading.Thread(target=_watch_stdin, daemon=True, name="stdin").start()
    worker = app.Worker(
        hostname=f"masthead@{os.getpid()}",
        pool=settings.worker.pool_name,
        concurrency=size,
        beat=tick,
        scheduler="celery.beat:Scheduler",  # in memory: when a tick was last rung matters to nobody
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=not settings.worker.broker.startswith("amqp"),
        quiet=True,
    )
    moved: list[SiteMoved] = []

    def stop(error: SiteMoved) -> None:
        log.critical("%s", error)
        moved.append(error)
        os.kill(os.getpid(), signal.SIGTERM)

    keep_looking(placed, stop)
    worker.start()
    runtime.close()
    if moved:
        return HOPELESS
    return 0 if runtime.stopping() else int(worker.exitcode or 0)


def _in_one_line(record: logging.LogRecord) -> bool:
    """A broker that is away costs a line a tick, not two tracebacks."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, SchedulingError):
        record.msg, record.args = "the tick was not rung, the next one will be: %s", (error,)
        record.exc_info = None
    return True


def _stop_in_time(runtime: Runtime) -> None:
    def begin(**_: Any) -> None:
        runtime.stop()
        timer = threading.Timer(GRACE_SECONDS, _end_now)
        timer.daemon = True
        timer.start()

    signals.worker_shutting_down.connect(begin, weak=False)
    signals.worker_process_init.connect(_child, weak=False)
    signals.beat_embedded_init.connect(_child, weak=False)
    signals.setup_logging.connect(lambda **_: None, weak=False)  # logging is ours


def _child(**_: Any) -> None:
    _die_with_parent(signal.SIGKILL)


def _end_now() -> None:
    log.warning("not everything ended in %g s; the journal keeps the rest", GRACE_SECONDS)
    os._exit(0)


def _die_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel signal us when our parent dies (Linux)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), number)


def _watch_stdin() -> None:
    while sys.stdin.buffer.raw.read(4096):  # type: ignore[union-attr]
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
