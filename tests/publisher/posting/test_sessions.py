"""What a platform tells of itself, and the sessions and tokens that we keep."""

from __future__ import annotations

from typing import Any

from publisher.channels import open_channel
from publisher.model import PostStatus
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article


def test_mastodons_own_limit_is_asked_for_and_used(site_of: Any) -> None:
    site = site_of(FAKES["mastodon"])
    site.fakes["mastodon"].max_characters = 200
    long = "Words upon words follow each other here. " * 30
    site.queue(article(1, summary=long))
    site.send()
    channel = open_channel(site.settings.channels[0])
    channel.recall({"max_characters": 200, "url_units": 23})
    assert channel.fits(site.fakes["mastodon"].holds[0]["text"])
    site.fakes["mastodon"].max_characters = 1000
    site.clock.advance(90000)
    site.queue(article(1, summary=long), article(2, summary=long))
    site.send()
    site.queue(article(1, summary=long), article(2, summary=long), article(3, summary=long))
    site.send()
    assert len(site.fakes["mastodon"].holds[2]["text"]) > 600


def test_bluesky_logs_in_once_and_refreshes_its_session(site_of: Any) -> None:
    site = site_of(FAKES["bluesky"])
    for number in range(1, 4):
        site.queue(*[article(n) for n in range(1, number + 1)])
        site.send()
        site.clock.advance(7200)
    assert len(site.fakes["bluesky"].holds) == 3
    assert (site.fakes["bluesky"].logins, site.fakes["bluesky"].sessions) == (1, 3)


def test_reddit_buys_one_token_for_many_posts_and_a_new_one_when_it_is_refused(site_of: Any) -> None:
    site = site_of(FAKES["reddit"])
    site.queue(article(1), article(2))
    site.send()
    assert site.fakes["reddit"].tokens == 1
    site.fakes["reddit"].tokens += 1  # the platform forgot ours
    site.queue(article(1), article(2), article(3))
    site.send()
    assert len(site.fakes["reddit"].holds) == 3


def test_a_link_that_somebody_else_posted_to_reddit_is_a_failure_that_says_so(site_of: Any) -> None:
    site = site_of(FAKES["reddit"])
    site.fakes["reddit"].holds.append({"url": article().url, "subreddit": "elsewhere", "name": "t3_zz"})
    site.queue(article())
    assert site.send().failed == 1
    assert "r/papers already has this link, from another account" in site.row("reddit").reason


def test_a_duplicate_that_linkedin_cannot_show_stays_unknown(site_of: Any) -> None:
    site = site_of(FAKES["linkedin"])
    site.fakes["linkedin"].ghosts = True
    site.queue(article())
    site.fakes["linkedin"].faults.append("lost")
    site.send()
    site.settle()
    assert site.row("linkedin").status == PostStatus.UNKNOWN
    assert len(site.fakes["linkedin"].holds) == 1
