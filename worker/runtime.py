"""What the tasks of one process share: the open site, kept fresh, and the wish to stop.

The site (settings, store, clock) is opened after a fork, never before, and opened anew when
``publication.toml`` changes (:mod:`publisher.pipeline.following`): schedules and limits are edited without a restart.
"""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from publisher.pipeline.following import Followed
from publisher.pipeline.placed import Placed
from publisher.pipeline.site import Site, open_site
from worker.locks import Locks


def _itself(site: Site) -> Site:
    return site


class Runtime:
    """One site directory, in one process tree.

    :param opening: opens the site; a test hands in its own.
    :param placed: what stood where before anything was opened.
    """

    def __init__(
        self,
        directory: Path,
        *,
        concurrency: int,
        opening: Callable[[Path], Site] = open_site,
        placed: Placed | None = None,
    ) -> None:
        self.directory = directory
        self.concurrency = concurrency
        self._followed = Followed(directory, _itself, opening=opening)
        self._placed = placed
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
        """The site as its settings are now.

        :raises SiteMoved: ``state/`` is not where it was.
        """
        self._check()
        with self._followed.current() as site:
            yield site

    def _check(self) -> None:
        if self._placed is not None:
            self._placed.check()

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Hold the lock of that name among the workers of this machine; the context says whether it could be had."""
        self._check()
        return self._locks.hold(name)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold one of this worker's places for drains; yields whether one was free.

        There is one less than this worker runs tasks, or its tick would wait behind messages to a slow relay. Other
        workers have places of their own: one that stands still costs its own share only.
        """
        self._check()
        with ExitStack() as held:
            free = (self._locks.hold(f"{self._places}-{number}") for number in range(max(1, self.concurrency - 1)))
            yield any(held.enter_context(place) for place in free)

    def close(self) -> None:
        """Close the site; tasks are over."""
        self._followed.close()
        self._locks.remove(f"{self._places}-*")
