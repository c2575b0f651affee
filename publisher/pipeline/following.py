"""A site directory kept open, and opened anew when ``publication.toml`` changes.

::

    file as before ─→ the site that is open        another file ─→ opened ─→ in force, the old one closed after use
                                                                └ wrong ─→ said once; the last good one stays

Made for processes that fork too: a child opens its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from publisher.errors import MastheadError, SettingsError
from publisher.pipeline.saying import unsaid
from publisher.pipeline.site import Site, open_site
from publisher.settings import FILE_NAME

log = logging.getLogger(__name__)

T = TypeVar("T")

#: What is wrong elsewhere (the database is away) may mend itself without the file changing.
RETRY_SECONDS = 5.0


@dataclass(slots=True)
class _Held(Generic[T]):
    site: Site
    thing: T
    users: int = 0


class Followed(Generic[T]):
    """What ``make`` makes of a site, as its settings are now.

    :param opening: opens the site; a test hands in its own.
    """

    def __init__(
        self, directory: Path, make: Callable[[Site], T], *, opening: Callable[[Path], Site] = open_site
    ) -> None:
        self._directory = directory
        self._make = make
        self._opening = opening
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._lock, self._refreshing = threading.Lock(), threading.Lock()
        self._held: _Held[T] | None = None
        self._seen: tuple[int, int] | None = None
        self._not_before = 0.0

    def refresh(self) -> None:
        """Open the site anew where its file changed.

        :raises MastheadError: it cannot be opened, and never could.
        """
        if self._pid != os.getpid():
            self._begin_anew()
        with self._refreshing:
            stamp = self._stamp()
            if self._held is not None and (stamp == self._seen or time.monotonic() < self._not_before):
                return
            try:
                fresh = self._open()
            except MastheadError as error:
                if self._held is None:
                    raise
                self._refuse(self._held.site, stamp, error)
                return
            unsaid(fresh.site.settings.state, "settings", ())
            with self._lock:
                old, self._held, self._seen = self._held, fresh, stamp
                unused = old if old is not None and not old.users else None
            if unused is not None:
                unused.site.close()

    def _open(self) -> _Held[T]:
        site = self._opening(self._directory)
        try:
            return _Held(site, self._make(site))
        except BaseException:
            site.close()
            raise

    def _refuse(self, site: Site, stamp: tuple[int, int], error: MastheadError) -> None:
        if isinstance(error, SettingsError):
            self._seen = stamp
        else:
            self._not_before = time.monotonic() + RETRY_SECONDS
        for line in unsaid(site.settings.state, "settings", [str(error)]):
            log.error("the settings in force stay as they were: %s", line)

    def _stamp(self) -> tuple[int, int]:
        try:
            status = (self._directory / FILE_NAME).stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)

    @contextmanager
    def current(self, *, fresh: bool = True) -> Iterator[T]:
        """What is in force; it stays open until the context ends.

        :param fresh: look at the file first; without, that is left to whoever calls :meth:`refresh`.
        """
        if fresh or self._held is None or self._pid != os.getpid():
            self.refresh()
        with self._lock:
            held = self._held
            assert held is not None
            held.users += 1
        try:
            yield held.thing
        finally:
            with self._lock:
                held.users -= 1
                unused = held is not self._held and not held.users
            if unused:
                held.site.close()

    def close(self) -> None:
        """Close the site; whoever used it is done."""
        with self._lock:
            if self._held is not None and self._pid == os.getpid():
                self._held.site.close()
            self._held = None
