"""What happened to connections, as one line a minute however many there were."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
#: How lines of the server begin that any stranger can cause as often as they like, and what is counted instead.
COUNTED = {
    "Invalid HTTP request received.": "sent no HTTP",
    "Unsupported upgrade request.": "asked for another protocol",
    "No supported WebSocket library detected.": "",
    "socket.accept() out of system resource": "found no file descriptor free",
}


class Summary(logging.Filter):
    """Counts by what happened. As a filter of a log, it counts the lines of :data:`COUNTED` and lets others through.

    :param clock: monotonic seconds.
    :param later: calls a function after some seconds; a thread that keeps no process alive, if left out.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        super().__init__()
        self._later = later or _on_a_thread
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._since: float | None = None
        self._lock = threading.Lock()

    def note(self, what: str) -> None:
        """Count one; the first since the last line plans the next."""
        with self._lock:
            first = self._since is None
            self._since = self._clock() if self._since is None else self._since
            self._counts[what] += 1
        if first:
            self._later(EVERY_SECONDS, self.say)

    def filter(self, record: logging.LogRecord) -> bool:
        what = next((what for text, what in COUNTED.items() if str(record.msg).startswith(text)), None)
        if what is None:
            return True
        if what:
            self.note(what)
        return False

    def say(self) -> None:
        """Write the line, if there is anything to say."""
        with self._lock:
            if self._since is None:
                return
            seconds, self._since = self._clock() - self._since, None
            counts, self._counts = self._counts, Counter()
        told = ", ".join(f"{number} {what}" for what, number in counts.most_common())
        log.warning("connections of the last %.0f s: %s", seconds, told)


def _on_a_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
