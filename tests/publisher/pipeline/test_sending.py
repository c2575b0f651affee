"""One transport for each thread, kept from drain to drain with what it knows of its relays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from publisher.mail.transport import Transport
from publisher.pipeline import sending
from publisher.pipeline.site import Site
from publisher.settings import Settings
from publisher.store import open_store
from tests.fakes.sending_worker import settings_of


def a_context(directory: Path, migrated: Path, port: int = 9) -> Site:
    shutil.copy(migrated, directory / "masthead.db")
    mail = {"transport": "smtp", "host": "127.0.0.1", "port": port, "security": "none"}
    settings: Settings = settings_of(directory, mail)
    return Site(settings, open_store(f"sqlite:///{directory}/masthead.db"))


def test_a_transport_is_kept_until_the_settings_change(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Transport] = []
    plain = sending.transport_of

    def count(context: Site) -> Transport:
        made.append(plain(context))
        return made[-1]

    monkeypatch.setattr(sending, "transport_of", count)
    context = a_context(tmp_path, migrated)
    try:
        for _ in range(3):
            assert not sending.drain(context).more
        assert len(made) == 1
        edited = Site(settings_of(tmp_path, {"transport": "memory"}), context.store)
        sending.drain(edited)
        assert len(made) == 2
    finally:
        context.close()
