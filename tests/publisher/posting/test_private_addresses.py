"""A channel at a private address needs ``[net] allow_private``, and whoever lacks it is told what to write."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from publisher import posting
from publisher.channels import kinds
from publisher.errors import SettingsError
from publisher.model import PostStatus
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article

TO_WRITE = 'write in publication.toml: [net] allow_private = ["127.0.0.1"]'


@pytest.mark.parametrize("kind", kinds())
def test_a_post_to_a_private_address_waits_until_the_setting_allows_it(site_of: Any, kind: str) -> None:
    site = site_of(FAKES[kind])
    site.private = []
    site.queue(article())
    report = site.send()
    assert (report.published, report.failed, report.unknown) == (0, 0, 0)
    (alert,) = report.alerts
    assert TO_WRITE in alert
    assert site.fakes[kind].calls == []
    site.clock.advance(61)
    assert site.send().alerts == [], "it is said once"
    site.private = ["127.0.0.1"]
    site.clock.advance(61)
    assert site.send().published == 1
    assert site.row(kind).status == PostStatus.PUBLISHED


def test_asking_a_channel_at_a_private_address_says_what_to_write(site_of: Any) -> None:
    site = site_of(FAKES["mastodon"])
    site.private = []
    with pytest.raises(SettingsError) as refused:
        posting.try_channel(site.store, site.settings, "mastodon", clock=site.clock)
    assert TO_WRITE in str(refused.value)


@pytest.mark.parametrize("work", ["edit", "look"])
def test_an_edit_and_a_look_wait_for_the_setting_too(site_of: Any, work: str, caplog: pytest.LogCaptureFixture) -> None:
    site = site_of(FAKES["mastodon"])
    site.queue(article())
    if work == "look":
        site.fakes["mastodon"].faults += ["lost"]
    site.send()
    site.clock.advance(3600)
    site.queue(article(title="Another title"))
    site.private = []
    with caplog.at_level(logging.ERROR):
        site.send()
    assert TO_WRITE in caplog.text
    site.private = ["127.0.0.1"]
    for _ in range(4):
        site.clock.advance(3600)
        site.queue(article(title="Another title"))
        site.send()
    (held,) = site.fakes["mastodon"].holds
    assert site.row("mastodon").status == PostStatus.PUBLISHED
    assert held["text"].startswith("Another title" if work == "edit" else "Story 1")
