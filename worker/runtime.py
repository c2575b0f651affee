"""What the tasks of one process share: the open site, kept fresh, and the wish to stop.

The site (settings, store, clock) is opened after a fork, never before, and opened anew when
``publication.toml`` changes: schedules and limits are edited without a restart. A file that has become wrong
is reported once, and the last good one stays in force.
"""

from __future__ import annotations

import logging
import mmap
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from publisher.errors import MastheadError
from publisher.pipeline.site import Site, open_site
from worker.locks import Locks

log = logging.getLogger(__name__)


class Runtime:
    """One site directory, in one process tree.

    :param opening: opens the site; a test hands in its own.
    """

    def __init__(self, directory: Path, *, concurrency: int, opening: Callable[[Path], Site] = open_site) -> None:
        self.directory = directory
        self.concurrency = concurrency
        self._opening = opening
        self._lock = threading.Lock()
        self._site: Site | None = None
        self._users: dict[int, int] = {}
        self._pid = os.getpid()
        self._seen: tuple[int, int] | None = None
        self._locks = Locks(directory / "state" / "locks")
        self._locks.remove("drain-*")  # those of workers that were killed
        self._places = f"drain-{secrets.token_hex(4)}"  # the same in the children that are forked
        # One byte that a parent and the children it forks all see; children ignore the parent's signals.
        self._stop = mmap.mmap(-1, 1)

    def stop(self) -> None:
        """Ask every task of this process and its children to come to an end."""
        self._stop[0] = 1

    def stopping(self) -> bool:
        """Whether :meth:`stop` was called, here or in the parent."""
        return self._stop[0] != 0

    @contextmanager
    def site(self) -> Iterator[Site]:
        """The site as its settings are now."""
        with self._lock:
            current = self._fresh()
            self._users[id(current)] = self._users.get(id(current), 0) + 1
        try:
            yield current
        finally:
            with self._lock:
                self._users[id(current)] -= 1
                if current is not self._site and not self._users[id(current)]:
                    self._users.pop(id(current))
                    current.close()

    def _fresh(self) -> Site:
        if self._pid != os.getpid():
            self._pid, self._site, self._users = os.getpid(), None, {}
        stamp = self._stamp()
        if self._site is not None and stamp == self._seen:
            return self._site
        try:
            fresh = self._opening(self.directory)
        except MastheadError as error:
            if self._site is None:
                raise
            log.error("the settings in force stay as they were: %s", error)
            self._seen = stamp
            return self._site
        old, self._site, self._seen = self._site, fresh, stamp
        if old is not None and not self._users.get(id(old)):
            self._users.pop(id(old), None)
            old.close()
        return fresh

    def _stamp(self) -> tuple[int, int]:
        try:
            status = (self.directory / "publication.toml").stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Hold the lock of that name among the workers of this machine; the context says whether it could be had."""
        return self._locks.hold(name)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold one of this worker's places for drains; yields whether one was free.

        There is one less than this worker runs tasks, or its tick would wait behind messages to a slow relay. Other
        workers have places of their own: one that stands still costs its own share only.
        """
        with ExitStack() as held:
            free = (self._locks.hold(f"{self._places}-{number}") for number in range(max(1, self.concurrency - 1)))
            yield any(held.enter_context(place) for place in free)

    def close(self) -> None:
        """Close the site; tasks are over."""
        with self._lock:
            if self._site is not None and self._pid == os.getpid():
                self._site.close()
            self._site = None
        self._locks.remove(f"{self._places}-*")
