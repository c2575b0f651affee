"""One open site: its settings, its store and its clock; what pipeline, web, worker and cli hold.

There is one clock. :meth:`Site.now` is UTC epoch seconds, as the database keeps instants; :meth:`Site.now_utc` is
the same instant as an aware datetime, for rules of the calendar.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from publisher.errors import NewerDatabase, SiteError, StoreError
from publisher.settings import Settings, load_settings
from publisher.store import Store, open_store

log = logging.getLogger(__name__)


class Progress(Protocol):
    """Told how far a stage has come."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """The progress of someone who is not watching."""


@dataclass(frozen=True, slots=True)
class Site:
    """One site, open. ``clock`` gives UTC epoch seconds."""

    settings: Settings
    store: Store
    clock: Callable[[], float] = time.time

    def now(self) -> float:
        """UTC epoch seconds."""
        return self.clock()

    def now_utc(self) -> datetime:
        """The same instant as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def close(self) -> None:
        self.store.close()


def refuse_newer(settings: Settings) -> None:
    """Open the database and close it again, before processes are started that could not use it.

    :raises NewerDatabase: a newer Masthead made it. What may mend itself (the database is away) passes.
    """
    try:
        open_store(settings.database_url).close()
    except NewerDatabase:
        raise
    except StoreError as error:
        log.warning("%s", error)


def open_site(directory: Path, *, clock: Callable[[], float] = time.time, members: bool = True) -> Site:
    """Open the site directory.

    :param members: whether the kinds and options that the settings name are looked up; needed by whoever uses them.
    :raises SettingsError: ``publication.toml`` is missing or wrong, or names what is not there.
    :raises SiteError: ``state/`` cannot be written.
    :raises StoreError: the database cannot be opened.
    """
    settings = load_settings(directory)
    if members:
        from publisher.pipeline.checks import check_members

        check_members(settings)
    make_writable(settings.state)
    return Site(settings, open_store(settings.database_url), clock)


def make_writable(state: Path) -> None:
    """Make the directory where it is missing, and try whether we can write there; several processes may at once.

    :raises SiteError: it cannot be written.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=state):
            pass  # a file of its own: one name for all would be taken away by whoever opens the site beside us
    except OSError as error:
        raise SiteError(f"{state} cannot be written: {error.strerror}; make it writable") from None
