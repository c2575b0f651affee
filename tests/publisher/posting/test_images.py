"""Images of posts, and link cards."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image as Pillow

from publisher.errors import NotSent, RefusedAddress
from publisher.model import PostStatus
from tests.fakes import FAKES
from tests.publisher.posting.conftest import article, png


def test_images_go_with_their_alternative_text_and_within_the_limit(site_of: Any) -> None:
    names = ("facebook", "x", "mastodon", "bluesky", "linkedin", "telegram", "discord", "slack", "threads")
    site = site_of(*[FAKES[name] for name in names], **{name: {"images": True} for name in names})
    site.queue(article())
    source = png()
    assert len(source) > 2_000_000
    assert site.send(fetch=lambda url: source).published == len(names)
    alt = "A harbour at low tide"
    fakes = site.fakes
    assert fakes["x"].holds[0]["media"] == {"media_ids": ["m1"]}
    assert fakes["x"].alts == {"m1": alt}
    assert fakes["mastodon"].alts == [alt]
    assert fakes["mastodon"].holds[0]["media"] == ["m1"]
    (image,) = fakes["bluesky"].holds[0]["embed"]["images"]
    assert image["alt"] == alt
    assert image["aspectRatio"]["width"] <= 2000
    (blob,) = fakes["bluesky"].blobs.values()
    assert len(blob) <= 2_000_000
    assert Pillow.open(io.BytesIO(blob)).format == "JPEG"
    assert fakes["linkedin"].holds[0]["content"] == {"media": {"id": "urn:li:image:C1", "altText": alt}}
    assert fakes["facebook"].uploads[0][0] == alt
    assert fakes["facebook"].holds[0]["media"] == [{"media_fbid": "photo1"}]
    assert fakes["facebook"].holds[0]["message"].endswith(article().url)
    assert fakes["discord"].holds[0]["attachments"][0]["description"] == alt
    assert fakes["telegram"].holds[0]["photo"]
    assert fakes["slack"].holds[0]["blocks"][-1]["alt_text"] == alt
    assert (fakes["threads"].holds[0]["image_url"], fakes["threads"].holds[0]["alt_text"]) == (article().image.url, alt)


def test_link_cards_are_built_where_the_client_must(site_of: Any) -> None:
    site = site_of(FAKES["bluesky"], FAKES["linkedin"], FAKES["threads"])
    site.queue(article())
    site.send(fetch=lambda url: png(400, 300))
    card = site.fakes["bluesky"].holds[0]["embed"]["external"]
    assert (card["uri"], card["title"], card["description"]) == (article().url, article().title, article().summary)
    assert card["thumb"]["ref"]["$link"] in site.fakes["bluesky"].blobs
    assert site.fakes["linkedin"].holds[0]["content"]["article"]["thumbnail"] == "urn:li:image:C1"
    assert site.fakes["linkedin"].holds[0]["content"]["article"]["source"] == article().url
    assert site.fakes["threads"].holds[0]["link_attachment"] == article().url


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", png(20, 20)[:60]])
def test_a_broken_image_is_left_out_and_the_post_goes(site_of: Any, data: bytes) -> None:
    site = site_of(FAKES["bluesky"], bluesky={"images": True})
    site.queue(article())
    assert site.send(fetch=lambda url: data).published == 1
    assert site.fakes["bluesky"].holds[0]["embed"]["$type"] == "app.bsky.embed.external"
    assert "cannot be read" in site.row("bluesky").progress["image_is"]


@pytest.mark.parametrize(
    "trouble", [RefusedAddress("169.254.169.254 is not allowed"), ValueError("odd"), MemoryError()]
)
def test_an_image_that_cannot_be_had_is_left_out(site_of: Any, trouble: Exception) -> None:
    def guarded(url: str) -> bytes:
        raise trouble

    site = site_of(FAKES["x"], x={"images": True})
    site.queue(article())
    assert site.send(fetch=guarded).published == 1
    assert "media" not in site.fakes["x"].holds[0]


def test_a_retry_sends_the_image_that_the_first_try_had_or_nothing(site_of: Any) -> None:
    answers: list[bytes | Exception] = [png(64, 64), NotSent("no connection"), png(64, 64)]

    def fetch(url: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    site = site_of(FAKES["bluesky"], bluesky={"images": True})
    site.queue(article())
    site.fakes["bluesky"].faults.append("lost")
    site.send(fetch=fetch)
    first = dict(site.fakes["bluesky"].records)
    for _ in range(4):
        site.clock.advance(700)
        site.send(fetch=fetch)
    assert site.row("bluesky").status == PostStatus.PUBLISHED
    assert site.fakes["bluesky"].records == first


def test_mastodon_waits_for_an_image_without_holding_a_worker(site_of: Any) -> None:
    site = site_of(FAKES["mastodon"], mastodon={"images": True})
    site.fakes["mastodon"].processing = 2
    site.queue(article())
    assert site.send(fetch=lambda url: png(64, 64)).deferred == 1
    site.clock.advance(60)
    assert site.send(fetch=lambda url: png(64, 64)).published == 1
    assert len(site.fakes["mastodon"].alts) == 1


def test_linkedins_upload_goes_only_to_linkedin(site_of: Any) -> None:
    site = site_of(FAKES["linkedin"])
    site.fakes["linkedin"].upload_to = "https://evil.example/steal"
    site.queue(article())
    report = site.send(fetch=lambda url: png(64, 64))
    assert report.failed == 1
    assert "our token does not go there" in site.row("linkedin").reason
