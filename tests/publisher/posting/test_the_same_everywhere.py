"""What the queue decides, the desk and an operator by hand decide alike: the limits learned, the month of the cap."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from publisher import posting
from publisher.web.desk.posts import channel_view
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article

LONG = " ".join(f"Sentence {number} stands here and is long enough to count." for number in range(18))


@pytest.mark.parametrize("thread", [1, 5])
@pytest.mark.parametrize("way", ["preview", "dry run", "by hand"])
def test_a_text_is_cut_by_the_limit_that_the_server_told(site_of: Any, way: str, thread: int) -> None:
    site = site_of(FAKES["mastodon"], mastodon={"thread": thread})
    fake = site.fakes["mastodon"]
    fake.max_characters = 1100
    site.queue(article(1))
    site.send()  # the first post asks the server
    long = article(2, summary=LONG)
    expected = f"{long.title}\n\n{LONG}"
    if way == "preview":
        seen = posting.preview(long, *site.known("mastodon"), site.settings)
        texts, limit = seen.texts, seen.limit
        assert limit == 1100
    elif way == "dry run":
        printed = posting.dry_run(long, *site.known("mastodon"), site.settings, site.clock())
        bodies = [part.partition(b"\r\n\r\n")[2] for part in printed.split(b"\n\nPOST ")]
        texts = tuple(json.loads(body)["status"] for body in bodies)
    else:
        posting.post_now(site.store, site.settings, long, "mastodon", clock=site.clock)
        texts = tuple(post["text"] for post in fake.holds[1:])
    assert len(texts) == 1
    assert texts[0].startswith(expected)


#: The first of March in Auckland, still February in Greenwich; and the other way round in Honolulu.
ZONES = [
    ("Pacific/Auckland", datetime(2026, 2, 28, 10, 30, tzinfo=UTC), datetime(2026, 2, 28, 12, tzinfo=UTC)),
    ("Pacific/Honolulu", datetime(2026, 2, 28, 23, 0, tzinfo=UTC), datetime(2026, 3, 1, 9, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "before", "after"), ZONES)
def test_the_month_of_the_cap_is_the_publications_for_the_queue_and_the_desk(
    site_of: Any, zone: str, before: datetime, after: datetime
) -> None:
    site = site_of(FAKES["x"], connect=False)
    site.zone = zone
    site.tables["x"] = {"options": {**site.fakes["x"].options(), "monthly_cap": 0.3}}
    site.clock.now = before
    site.connect()
    site.queue(article(1))
    assert site.send().published == 1  # $0.20 of February
    site.clock.now = after
    channel, table = site.known("x")
    with site.store.read() as tx:
        shown = channel_view(tx, site.settings, table, channel, site.clock())["spent"]
        assert isinstance(shown, float)
        assert shown * 1e6 == posting.spent_this_month(tx, site.settings, "x", site.clock())
    site.queue(article(1), article(2))
    went = site.send().published
    # What the desk shows as spent is what held the second post back, or did not.
    assert went == (1 if shown == 0 else 0)
    assert shown == pytest.approx(0.0 if zone == "Pacific/Auckland" else 0.2)
