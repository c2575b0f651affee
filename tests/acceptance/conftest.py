"""A site directory in a temporary place, and the whole flow over it."""

from __future__ import annotations

import mailbox
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest

from publisher.pipeline import publishing
from publisher.pipeline.publishing import Published
from publisher.pipeline.site import open_site
from tests.conftest import absent
from tests.factories import write_site

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CHANNELS = [{"name": kind, "kind": kind, "dry_run": True} for kind in ("facebook", "x", "reddit")]

PEOPLE = """address,name,language
anna@example.org,Anna,en
bruno@example.org,Bruno,it
noor@example.org,Noor,ar
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_site(
        tmp_path,
        publication={"id": "urn:uuid:5f0b4a0e-3c51-4f0e-9a52-6f2f2a8f9a11", "timezone": "Europe/Rome"},
        sources=[{"kind": "markdown", "path": "articles"}, {"kind": "page", "path": "pages"}],
        channels=[*CHANNELS[:2], {**CHANNELS[2], "options": {"subreddit": "slowpost"}}],
    )
    (tmp_path / "pages").mkdir()
    (tmp_path / "subscribers.csv").write_text(PEOPLE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def publish(site: Path) -> Callable[[], Published]:
    def once() -> Published:
        opened = open_site(site)
        try:
            return publishing.publish(opened)
        finally:
            opened.close()

    return once


@pytest.fixture
def outbox(site: Path) -> Callable[[], list[Message]]:
    """The messages in the outbox, by recipient."""

    def read() -> list[Message]:
        box = mailbox.Maildir(str(site / "state" / "outbox"), create=False)
        try:
            return sorted(box, key=lambda message: str(message["Delivered-To"]))
        finally:
            box.close()

    return read


@pytest.fixture
def part() -> Callable[[Message, str], str]:
    """One part of a message, decoded: ``part(message, "text/html")``."""

    def read(message: Message, kind: str) -> str:
        (found,) = [one for one in message.walk() if one.get_content_type() == kind]
        payload = found.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode("utf-8")

    return read


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, driven by playwright; one for the whole run, because a process can hold only one driver."""
    if not Path(CHROMIUM).exists():
        absent("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
