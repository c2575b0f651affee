"""What every use case is handed: the settings, the store and the clock of one site."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from publisher.errors import SiteError
from publisher.posting import check_channels
from publisher.settings import Settings, load_settings
from publisher.share_links import check_targets
from publisher.store import Store, open_store


class Progress(Protocol):
    """Told how far a stage has come."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """The progress of someone who is not watching."""


@dataclass(frozen=True, slots=True)
class Context:
    """One site, open. ``clock`` gives UTC epoch seconds."""

    settings: Settings
    store: Store
    clock: Callable[[], float] = time.time

    def now(self) -> float:
        """UTC epoch seconds."""
        return self.clock()

    def today(self) -> datetime:
        """The instant as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def close(self) -> None:
        self.store.close()


def open_context(site: Path, *, clock: Callable[[], float] = time.time) -> Context:
    """Open the site directory.

    :raises SettingsError: ``publication.toml`` is missing or wrong.
    :raises SiteError: ``state/`` cannot be written.
    :raises StoreError: the database cannot be opened.
    """
    settings = load_settings(site)
    check_targets(settings.publication.share_targets)
    check_channels(settings)
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
        probe = settings.state / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SiteError(f"{settings.state} cannot be written: {error.strerror}; make it writable") from None
    return Context(settings, open_store(settings.database_url), clock)
