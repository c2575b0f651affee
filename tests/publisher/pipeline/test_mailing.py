"""One transport for each thread, kept from drain to drain with what it knows of its relays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from publisher.mail.transport import Transport
from publisher.pipeline import mailing
from publisher.pipeline.site import Site
from publisher.store import open_store
from tests.factories import settings


def open_sending_site(directory: Path, migrated: Path, port: int = 9) -> Site:
    shutil.copy(migrated, directory / "masthead.db")
    mail = {"transport": "smtp", "host": "127.0.0.1", "port": port, "security": "none"}
    return Site(settings(directory, mail=mail), open_store(f"sqlite:///{directory}/masthead.db"))


def test_a_transport_is_kept_until_the_settings_change(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Transport] = []
    plain = mailing.transport_of

    def count(site: Site) -> Transport:
        made.append(plain(site))
        return made[-1]

    monkeypatch.setattr(mailing, "transport_of", count)
    site = open_sending_site(tmp_path, migrated)
    try:
        for _ in range(3):
            assert not mailing.drain(site).more
        assert len(made) == 1
        edited = Site(settings(tmp_path, mail={"transport": "memory"}), site.store)
        mailing.drain(edited)
        assert len(made) == 2
    finally:
        site.close()
