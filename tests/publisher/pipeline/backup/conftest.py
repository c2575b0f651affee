"""A site with an edition under way, on each kind of database."""

from __future__ import annotations

import pytest

from publisher.pipeline.audience import join_audience
from publisher.pipeline.collecting import collect
from publisher.pipeline.planning import freeze_due, plan_editions
from publisher.pipeline.site import open_site
from tests.factories import write_site


class Clock:
    """A clock that stands where it is set."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0  # 2026-09-21

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def make(directory, url: str = "", *, addresses: int = 20):
    tables = {"database": {"url": url}} if url else {}
    write_site(directory, digests=[{"name": "letter"}], mail={"transport": "memory"}, **tables)
    (directory / "articles" / "one.md").write_text("---\ntitle: One\ndate: 2026-09-20\n---\nWords.\n")
    lines = "\n".join(f"s{number}@example.org" for number in range(addresses))
    (directory / "subscribers.csv").write_text(f"address\n{lines}\n")
    return directory


@pytest.fixture
def sending(tmp_path, database_url, clock):
    """An open site whose first edition is frozen and not sent yet."""
    site = open_site(make(tmp_path / "site", database_url), clock=clock)
    join_audience(site)
    collect(site)
    plan_editions(site)
    freeze_due(site)
    yield site
    site.close()
