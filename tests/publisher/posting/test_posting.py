"""Windows, spacing, caps, threads, images, dry runs and what an operator does by hand."""

from __future__ import annotations

import io
import itertools
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from publisher import posting
from publisher.channels import kinds, open_channel
from publisher.channels._oauth1 import Credentials, authorization
from publisher.errors import ChannelError, NotSent, RefusedAddress, SettingsError
from publisher.model import PostStatus
from publisher.posting import timing
from publisher.posting.compose import hashtags, with_utm
from publisher.settings.channels import parse_window
from publisher.store import posts
from tests.fakes import FAKES, FakeSlackWebhook
from tests.publisher.posting.conftest import article

ROME = ZoneInfo("Europe/Rome")


def png(width: int = 1800, height: int = 1200) -> bytes:
    out = io.BytesIO()
    Pillow.effect_noise((width, height), 90).convert("RGB").save(out, "PNG")
    return out.getvalue()


def sentences(number: int) -> str:
    return " ".join(f"Sentence {n} stands here and is long enough to count." for n in range(number))


# When.


def test_a_window_opens_at_its_local_hour_across_a_clock_change() -> None:
    before = datetime(2026, 3, 28, 22, tzinfo=UTC)  # the night in which Italy's clocks go forward
    assert timing.opens_at(before, ["08:00-20:00"], ROME) == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert timing.opens_at(datetime(2026, 3, 27, 22, tzinfo=UTC), ["08:00-20:00"], ROME).hour == 7
    inside = datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert timing.opens_at(inside, ["08:00-20:00"], ROME) == inside
    friday = datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert timing.opens_at(friday, ["mon-fri 09:00-24:00"], ROME) == datetime(2026, 3, 30, 7, tzinfo=UTC)


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2 * 365 * 86400).map(lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    st.lists(
        st.sampled_from(["08:00-20:00", "mon-fri 09:30-12:00", "sun 00:00-24:00", "sat-mon 23:00-23:01"]), max_size=3
    ),
)
def test_a_window_that_opens_is_open_then_and_was_not_open_before(now: datetime, windows: list[str]) -> None:
    at = timing.opens_at(now, windows, ROME)
    assert now <= at <= now + timedelta(days=8)
    assert timing.opens_at(at, windows, ROME) == at
    if at > now:
        middle = now + (at - now) / 2
        assert timing.opens_at(middle, windows, ROME) == at


@pytest.mark.parametrize("bad", ["8-20", "20:00-08:00", "mon-xyz 08:00-09:00", "08:00-25:00", "08:00-08:00"])
def test_a_window_that_makes_no_sense_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="expected a window"):
        parse_window(bad)


def test_posts_keep_their_distance_and_go_in_the_order_of_the_articles(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"spacing_minutes": 30})
    site.queue(article(3), article(1), article(2))
    sent = []
    for _ in range(8):
        if site.send().published:
            sent.append((site.fakes["x"].holds[-1]["text"][:7], site.clock()))
        site.clock.advance(10 * 60)
    assert [text for text, _ in sent] == ["Story 1", "Story 2", "Story 3"]
    assert all(later - earlier >= timedelta(minutes=30) for (_, earlier), (_, later) in itertools.pairwise(sent))


def test_a_post_waits_for_its_window(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"windows": ["08:00-09:00"]})
    site.clock.now = site.clock.now.replace(hour=10, minute=0) + timedelta(days=1)
    site.queue(article())
    assert site.send().deferred == 1
    opens = datetime.fromtimestamp(site.row("x")["due"], UTC)
    assert (opens.hour, opens.minute) == (8, 0)
    site.clock.now = opens
    assert site.send().published == 1


def test_a_cron_line_lets_posts_go_at_its_slots_and_an_edited_one_holds_within_a_minute(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"schedule": "0 18 * * *"})
    site.clock.now = (site.clock.now + timedelta(days=1)).replace(hour=9, minute=0, second=0)
    site.queue(article())
    assert site.send().published == 0
    site.clock.now = site.clock.now.replace(hour=17, minute=59, second=30)
    assert site.send().published == 0
    site.clock.now = site.clock.now.replace(hour=18, minute=0, second=0)
    assert site.send().published == 1
    site.clock.advance(60)
    site.queue(article(1), article(2))
    assert site.send().published == 0
    site.tables["x"] = {"schedule": "at-once"}
    site.clock.advance(60)
    assert site.send().published == 1


def test_when_enough_articles_are_ready_all_that_wait_go(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"schedule": "when 3 articles are ready"})
    site.queue(article(1), article(2))
    assert site.send().published == 0
    site.clock.advance(61)
    site.queue(article(1), article(2), article(3))
    assert site.send().published + site.send().published == 3
    site.clock.advance(61)
    site.queue(article(4))
    assert site.send().published == 0


# What it costs.


def test_xs_price_is_shown_before_and_its_cap_holds_until_the_next_month(site_of: Any) -> None:
    site = site_of(FAKES["x"])
    site.tables["x"] = {"options": {**site.fakes["x"].options(), "monthly_cap": 0.5}}
    table = site.settings.channels[0]
    assert posting.preview(article(), table, site.settings).price == 0.2
    site.clock.now = (site.clock.now + timedelta(days=40)).replace(day=10)
    site.queue(*[article(number) for number in range(4)])
    report = site.send()
    assert report.published == 2
    (alert,) = report.alerts
    assert "the monthly cap of $0.50 is reached ($0.400 spent)" in alert
    site.clock.advance(86400)
    assert site.send().alerts == []
    assert len(site.fakes["x"].holds) == 2
    site.clock.now = timing.next_month(site.clock(), ZoneInfo("UTC")) + timedelta(seconds=1)
    assert site.send().published == 2


# Threads, own texts, hashtags, UTM.


def test_a_long_text_becomes_a_thread_whose_first_post_bears_the_link(site_of: Any) -> None:
    site = site_of(FAKES["mastodon"], FAKES["bluesky"], mastodon={"thread": 6}, bluesky={"thread": 6})
    site.queue(article(summary=sentences(20)))
    site.send()
    for name, fake in site.fakes.items():
        texts = [post["text"] for post in fake.holds]
        assert 2 < len(texts) <= 6, name
        assert [article().url in text for text in texts] == [True, *[False] * (len(texts) - 1)]
        assert all(text.endswith(("count.", "#harbour")) for text in texts), "a post ends with a sentence"
    masts = site.fakes["mastodon"].holds
    assert [post["reply"] for post in masts] == [None, *[post["id"] for post in masts[:-1]]]
    blue = site.fakes["bluesky"].holds
    assert all(post["reply"]["root"]["uri"].endswith(next(iter(site.fakes["bluesky"].records))) for post in blue[1:])


def test_a_lost_answer_inside_a_thread_doubles_nothing_and_keeps_the_order(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"thread": 4, "template": "mastodon"})
    site.queue(article(summary=sentences(16)))
    site.fakes["x"].faults += ["", "lost", "error_before"]
    site.send()
    site.settle(rounds=12)
    held = site.fakes["x"].holds
    assert len(held) == 4
    assert [post.get("reply", {}).get("in_reply_to_tweet_id") for post in held] == [None, *[p["id"] for p in held[:-1]]]


def test_an_articles_own_text_goes_before_the_template_and_gets_the_link(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["mastodon"])
    own = article(post_texts=(("x", "Read this. {{ 7*7 }}"), ("mastodon", "{title}: {url} {hashtags}")))
    site.queue(own)
    site.send()
    assert site.fakes["x"].holds[0]["text"] == f"Read this. {{{{ 7*7 }}}}\n\n{own.url}"
    assert site.fakes["mastodon"].holds[0]["text"] == f"{own.title}: {own.url} #SeaLevel #harbour"


def test_hashtags_are_made_of_letters_and_never_twice() -> None:
    assert hashtags(("climate change", "2024", "Sea", "sea", "C++ & C", "日本 語", ""), 9) == (
        "ClimateChange",
        "Sea",
        "CC",
        "日本語",
    )
    assert hashtags(("a", "b", "c"), 2) == ("a", "b")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.org/a", "https://e.org/a?utm_source=x&utm_medium=social&utm_campaign=s"),
        ("https://e.org/a?", "https://e.org/a?utm_source=x&utm_medium=social&utm_campaign=s"),
        ("https://e.org/a?b=%C3%A9#c?d", "https://e.org/a?b=%C3%A9&utm_source=x&utm_medium=social&utm_campaign=s#c?d"),
        ("https://e.org/a?UTM_source=mine#c", "https://e.org/a?UTM_source=mine#c"),
    ],
)
def test_utm_values_are_added_once_and_change_nothing_else(url: str, expected: str) -> None:
    assert with_utm(url, "x", article(slug="s")) == expected
    assert with_utm(expected, "x", article(slug="s")) == expected


def test_utm_is_off_unless_it_is_asked_for(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["reddit"], reddit={"utm": True})
    site.queue(article(slug="tide"))
    site.send()
    assert "utm_" not in site.fakes["x"].holds[0]["text"]
    assert site.fakes["reddit"].holds[0]["url"].endswith("&utm_source=reddit&utm_medium=social&utm_campaign=tide#top")


def test_sections_and_tags_choose_what_a_channel_gets(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["matrix"], x={"sections": ["coast"]}, matrix={"tags": ["harbour"]})
    site.queue(article(1, section="coast", tags=()), article(2, section="hills"))
    site.send()
    assert [post["text"][:7] for post in site.fakes["x"].holds] == ["Story 1"]
    assert [post["body"][:7] for post in site.fakes["matrix"].holds] == ["Story 2"]


@pytest.mark.parametrize(("backfill", "posted"), [("none", 0), ("newest", 1), ("all", 3)])
def test_backfill_says_what_a_new_channel_posts(site_of: Any, backfill: str, posted: int) -> None:
    site = site_of(FAKES["x"], connect=False, x={"backfill": backfill})
    site.queue(article(1), article(2), article(3))
    site.send()
    assert len(site.fakes["x"].holds) == posted


# Images.


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
    assert "cannot be read" in json.loads(site.row("bluesky")["progress"])["image_is"]


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
    assert site.row("bluesky")["status"] == PostStatus.PUBLISHED
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
    assert "our token does not go there" in site.row("linkedin")["reason"]


def test_a_duplicate_that_linkedin_cannot_show_stays_unknown(site_of: Any) -> None:
    site = site_of(FAKES["linkedin"])
    site.fakes["linkedin"].ghosts = True
    site.queue(article())
    site.fakes["linkedin"].faults.append("lost")
    site.send()
    site.settle()
    assert site.row("linkedin")["status"] == PostStatus.UNKNOWN
    assert len(site.fakes["linkedin"].holds) == 1


# Limits a platform tells of itself; sessions.


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
    assert "r/papers already has this link, from another account" in site.row("reddit")["reason"]


# By hand.


def test_a_dry_run_records_the_post_and_sends_nothing(site_of: Any) -> None:
    site = site_of(*FAKES.values(), connect=False, **{kind: {"dry_run": True, "options": {}} for kind in kinds()})
    report = site.queue(article())
    assert (report.queued, report.recorded) == (0, len(kinds()))
    assert site.send() == posting.SendReport()
    assert {site.row(kind)["status"] for kind in kinds()} == {PostStatus.RECORDED}
    assert all(fake.calls == [] for fake in site.fakes.values())


@pytest.mark.parametrize("fake_of", [*FAKES.values(), FakeSlackWebhook], ids=lambda fake: fake.__name__)
def test_a_dry_run_prints_what_is_sent_byte_for_byte(site_of: Any, fake_of: Any) -> None:
    site = site_of(fake_of)
    fake = site.fakes[fake_of.kind]
    moment = site.clock().replace(microsecond=0)
    site.clock.now = moment
    site.queue(article())
    with site.store.read() as tx:
        kept = posts.of_article(tx, fake.kind, "article-1")[0]["created"]
    assert kept == moment.timestamp()
    site.send()
    sent = next(call for call in fake.calls if fake.publishes(call))
    table = site.settings.channels[0]
    printed = posting.dry_run(article(), table, site.settings, moment)
    several = fake.kind in ("bluesky", "reddit", "threads")
    last = printed.rstrip(b"\n").rpartition(b"\n\nPOST ")[2] if several else printed
    body = last.partition(b"\r\n\r\n")[2].rstrip(b"\n")
    for name, value in (("{did}", getattr(fake, "did", "")), ("{container_id}", "c1"), ("%7Bcontainer_id%7D", "c1")):
        body = body.replace(name.encode(), value.encode())
    assert body == sent.body
    if not several:
        masked = sent.raw.decode()
        path = urlsplit(sent.raw.decode().split(" ")[1]).path
        hidden = path.strip("/") if table.options.get("webhook") else fake.token
        for secret in (hidden, sent.headers.get("webhook-signature", "")):
            masked = masked.replace(secret, "***") if secret else masked
        assert printed.decode() == masked + "\n"
    assert fake.token.encode() not in printed


def test_posting_by_hand_ignores_windows_but_never_posts_twice(site_of: Any) -> None:
    site = site_of(FAKES["x"], x={"windows": ["03:00-03:01"], "spacing_minutes": 999})
    site.clock.now = site.clock.now.replace(hour=12)
    done = posting.post_now(site.store, site.settings, article(), "x", clock=site.clock)
    assert (done.status, done.url) == (PostStatus.PUBLISHED, "https://x.com/i/status/1000")
    with pytest.raises(ChannelError, match=r"already on x: https://x\.com/i/status/1000"):
        posting.post_now(site.store, site.settings, article(), "x", clock=site.clock)
    site.fakes["x"].faults.append("lost")
    done = posting.post_now(site.store, site.settings, article(2), "x", clock=site.clock)
    assert done.status == PostStatus.UNKNOWN
    with pytest.raises(ChannelError, match="may be published already"):
        posting.post_now(site.store, site.settings, article(2), "x", clock=site.clock)
    with pytest.raises(SettingsError, match="there is no channel 'y'; channels: x"):
        posting.post_now(site.store, site.settings, article(2), "y", clock=site.clock)


def test_a_person_decides_what_nobody_can_tell(site_of: Any) -> None:
    site = site_of(FAKES["telegram"])
    site.queue(article(1), article(2))
    site.fakes["telegram"].faults += ["lost", "lost"]
    alerts = site.send().alerts
    site.clock.advance(31)
    alerts += site.send().alerts
    assert [alert.partition(": post")[0] for alert in alerts] == ["channel telegram"] * 2
    one, two = site.row("telegram", 1)["id"], site.row("telegram", 2)["id"]
    posting.decide(site.store, one, "published", url="https://t.me/paper/1", now=site.clock())
    posting.decide(site.store, two, "failed", now=site.clock())
    assert site.row("telegram", 1)["remote_url"] == "https://t.me/paper/1"
    assert site.row("telegram", 2)["status"] == PostStatus.FAILED
    with pytest.raises(ChannelError, match="only an unknown or failed post"):
        posting.decide(site.store, one, "send", now=site.clock())


def test_a_secret_that_is_not_set_holds_its_channel_until_it_is(site_of: Any, monkeypatch: Any) -> None:
    site = site_of(FAKES["x"], FAKES["matrix"])
    site.queue(article())
    monkeypatch.delenv("FAKE_X_TOKEN")
    report = site.send()
    assert report.alerts == ["channel x cannot post: the environment variable FAKE_X_TOKEN is not set"]
    assert len(site.fakes["matrix"].holds) == 1
    site.clock.advance(61)
    assert site.send().alerts == []
    monkeypatch.setenv("FAKE_X_TOKEN", site.fakes["x"].token)
    site.clock.advance(61)
    assert site.send().published == 1


def test_an_edit_before_the_post_leaves_changes_what_is_posted(site_of: Any) -> None:
    site = site_of(FAKES["x"])
    site.queue(article())
    site.queue(article(title="Corrected"))
    site.send()
    (post,) = site.fakes["x"].holds
    assert post["text"].startswith("Corrected")


def test_a_broken_template_stops_its_channel_and_no_other(site_of: Any) -> None:
    site = site_of(FAKES["x"], FAKES["matrix"])
    folder = site.path / "templates" / "post"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_text("{{ title }\n")
    (problem,) = site.queue(article()).problems
    assert problem.startswith("channel x: template ")
    site.send()
    assert (len(site.fakes["x"].holds), len(site.fakes["matrix"].holds)) == (0, 1)
    (folder / "x.txt").write_text("{{ title }} | {{ url }}\n")
    site.queue(article())
    site.send()
    assert " | " in site.fakes["x"].holds[0]["text"]


def test_x_signs_as_its_documentation_shows() -> None:
    credentials = Credentials(
        "xvz1evFS4wEEPTGEFPHBog",
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    )
    url = "https://api.twitter.com/1.1/statuses/update.json?include_entities=true&status="
    url += "Hello%20Ladies%20%2B%20Gentlemen%2C%20a%20signed%20OAuth%20request%21"
    nonce = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"
    value, signature = authorization("POST", url, credentials, nonce=nonce, timestamp=1318622958)
    assert signature == "hCtSmYh+iHYCEqBWrE7C7hYmtUk="
    assert 'oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"' in value
    assert "kAcSOqF" not in value


# Secrets.


def test_no_secret_is_in_any_log_error_report_row_or_dry_run(site_of: Any, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    site = site_of(*FAKES.values(), **{name: {"images": True} for name in FAKES})
    seen: list[str] = []
    faults = ["lost", "error_after", "rate_limit", "cut"]
    for number in range(1, 6):
        site.queue(*[article(n) for n in range(1, number + 1)])
        for fake in site.fakes.values():
            fake.faults[:] = faults[number - 1 : number]
            fake.dead = number == 5
        seen.append(repr(site.send(fetch=lambda url: png(32, 32))))
        site.clock.advance(4000)
        seen.append(repr(site.send(fetch=lambda url: png(32, 32))))
    for name, fake in site.fakes.items():
        table = next(table for table in site.settings.channels if table.name == name)
        channel = open_channel(table)
        seen += [repr(table), repr(channel), repr(vars(channel.vault).keys())]
        seen.append(posting.dry_run(article(), table, site.settings, site.clock()).decode())
        try:
            seen.append(posting.try_channel(site.store, site.settings, name, clock=site.clock))
        except ChannelError as error:
            seen += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        fake.base = "http://127.0.0.1:9"
    site.settle(rounds=1)
    with site.store.read() as tx:
        seen += [repr(dict(row)) for row in posts.newest(tx, 1000)]
        seen += [f"{row['name']} {row['reason']}" for row in posts.channel_states(tx)]
    everything = "\n".join([*seen, caplog.text, *[repr(record.args) for record in caplog.records]])
    assert len(everything) > 50_000
    secrets = {value for fake in site.fakes.values() for value in (*fake.environment().values(), fake.token)}
    secrets |= {"access-s3cret", "eyJ-s3cret", "sig-s3cret", "s3cret"}
    assert [secret for secret in secrets if secret in everything] == []
