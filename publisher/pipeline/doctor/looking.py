"""Many looks beside each other, each in a thread of its own, within a bounded time in all."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from publisher.errors import MastheadError
from publisher.lib.findings import Finding, Look, fault, unknown
from publisher.pipeline.site import Progress, silent

log = logging.getLogger(__name__)


def look_at_all(
    looks: Sequence[Look],
    *,
    seconds: float,
    told: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
) -> list[Finding]:
    """What the looks find, in their order. A look that has not ended after ``seconds`` is left behind and said so.

    :param clock: monotonic seconds.
    """
    ended: queue.SimpleQueue[tuple[int, list[Finding]]] = queue.SimpleQueue()
    for at, look in enumerate(looks):
        # Daemons: a name look-up that hangs must not hold up the end of the process.
        run = threading.Thread(target=lambda at=at, look=look: ended.put((at, _run(look))), daemon=True)
        run.start()
    found: dict[int, list[Finding]] = {}
    until = clock() + seconds
    while len(found) < len(looks):
        told("looking", len(found), len(looks))
        try:
            at, findings = ended.get(timeout=max(0.0, until - clock()))
        except queue.Empty:
            break
        found[at] = findings
    told("looking", len(found), len(looks))
    return [finding for at, look in enumerate(looks) for finding in found.get(at, [_late(look, seconds)])]


def _late(look: Look, seconds: float) -> Finding:
    return Finding(look.check, look.late, f"not ended within {seconds:g} s", "try again, and see what it waits for")


def _run(look: Look) -> list[Finding]:
    try:
        return list(look.run())
    except MastheadError as error:
        return [fault(look.check, str(error), "mend this first; the rest of the check needs it")]
    except Exception as error:  # one look that fails must not hide what the others see
        log.debug("a look of the doctor failed", exc_info=True)
        # Without the exception's words: they may hold a secret.
        return [unknown(look.check, f"could not be looked at ({type(error).__name__})", "please report this")]
