"""Feeds over HTTP: what feed readers, browsers, caches and strangers get."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime

import brotli
import feedparser
import pytest
from starlette.testclient import TestClient

import feeds
from publisher.lib import links
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import articles as stored
from publisher.store import feed_readers, private_feeds, subscribers
from publisher.subscribers import personal_links
from publisher.web.app import create_app
from publisher.web.feeds.files import accepted_encoding
from tests.publisher.web.conftest import BASE

PLAIN = {"accept-encoding": "identity"}
NAVIGATION = {"sec-fetch-dest": "document", "accept": "text/html"}


@pytest.fixture
def publish(site_dir, store, add):
    """Saves articles and writes the feeds, as the pipeline does."""

    def run(*given):
        add(*given)
        with store.read() as tx:
            return feeds.write_all(load_settings(site_dir), stored.newest(tx))

    return run


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/feed.rss", "application/rss+xml; charset=utf-8"),
        ("/feed.atom", "application/atom+xml; charset=utf-8"),
        ("/feed.json", "application/feed+json; charset=utf-8"),
        ("/feeds/section/coast.rss", "application/rss+xml; charset=utf-8"),
        ("/feeds/tag/ice.atom", "application/atom+xml; charset=utf-8"),
        ("/feeds/author/ada-moretti.json", "application/feed+json; charset=utf-8"),
        ("/feeds.opml", "text/x-opml; charset=utf-8"),
    ],
)
def test_every_feed_is_answered_as_the_file_that_was_built(publish, far, site_dir, article_of, path, media_type):
    publish(article_of(1))
    answer = far.get(path, headers=PLAIN)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content == (site_dir / "state" / "feeds" / path.lstrip("/")).read_bytes()
    assert answer.headers["cache-control"].startswith("public, max-age=300")
    assert answer.headers["vary"] == "Accept-Encoding, Sec-Fetch-Dest, A-IM"
    head = far.head(path, headers=PLAIN)
    assert (head.status_code, head.content) == (200, b"")
    assert {k: v for k, v in head.headers.items() if k != "date"} == {
        k: v for k, v in answer.headers.items() if k != "date"
    }


def test_a_feed_reader_gets_the_smallest_encoding_it_takes_and_each_has_an_etag_of_its_own(publish, far, article_of):
    publish(article_of(1))
    plain = far.get("/feed.rss", headers=PLAIN)
    tags = {plain.headers["etag"]}
    for accepted, encoding, decode in (("br, gzip", "br", brotli.decompress), ("gzip", "gzip", gzip.decompress)):
        with far.stream("GET", "/feed.rss", headers={"accept-encoding": accepted}) as answer:
            assert answer.headers["content-encoding"] == encoding
            assert decode(b"".join(answer.iter_raw())) == plain.content
            tags.add(answer.headers["etag"])
    assert len(tags) == 3
    assert all(tag.startswith('"') for tag in tags)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0", ""),
        ("*", "br"),
        ("identity;q=1, *;q=0", ""),
        ("GZIP ; q=0.5, deflate", "gzip"),
        ("br;q=x", ""),
    ],
)
def test_accept_encoding_is_read_with_its_weights(header, encoding):
    assert accepted_encoding(header) == encoding


def test_304_on_either_validator_and_the_etag_goes_before_the_date(publish, far, article_of):
    publish(article_of(1))
    first = far.get("/feed.rss", headers=PLAIN)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for condition in (
        {"if-none-match": tag},
        {"if-none-match": f"W/{tag}"},
        {"if-none-match": f'"other", {tag}'},
        {"if-none-match": tag[:-1] + '-gzip"'},
        {"if-none-match": "*"},
        {"if-modified-since": date},
        {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ):
        for method in ("GET", "HEAD"):
            answer = far.request(method, "/feed.rss", headers={**PLAIN, **condition})
            assert (answer.status_code, answer.content) == (304, b""), condition
            assert answer.headers["etag"] == tag
            assert answer.headers["last-modified"] == date
            assert "cache-control" in answer.headers
            assert "vary" in answer.headers
    for condition in (
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": date},
        {"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"if-modified-since": "yesterday"},
    ):
        assert far.get("/feed.rss", headers={**PLAIN, **condition}).status_code == 200


def test_the_etag_of_another_encoding_still_means_the_content_that_is_there(publish, far, article_of):
    publish(article_of(1))
    tag = far.get("/feed.rss", headers={"accept-encoding": "gzip"}).headers["etag"]
    answer = far.get("/feed.rss", headers={"accept-encoding": "br", "if-none-match": tag})
    assert (answer.status_code, answer.headers["etag"]) == (304, tag)


def test_a_delta_brings_new_and_edited_entries_only(publish, far, article_of):
    publish(*(article_of(number) for number in range(1, 6)))
    known = far.get("/feed.rss", headers=PLAIN)
    publish(article_of(6), article_of(2, title="Mended"))
    answer = far.get("/feed.rss", headers={**PLAIN, "a-im": "feed", "if-none-match": known.headers["etag"]})
    assert (answer.status_code, answer.headers["im"]) == (226, "feed")
    assert answer.headers["cache-control"] == "no-store, im"
    assert answer.headers["content-type"] == "application/rss+xml; charset=utf-8"
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    assert [entry.title for entry in parsed.entries] == ["Piece number 6", "Mended"]
    assert answer.headers["etag"] == far.get("/feed.rss", headers=PLAIN).headers["etag"]
    again = far.get("/feed.rss", headers={**PLAIN, "a-im": "feed", "if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["atom", "json"])
def test_every_format_and_every_encoding_can_be_asked_for_a_delta(publish, far, article_of, name):
    publish(article_of(1), article_of(2))
    for encoding in ("identity", "gzip", "br"):
        known = far.get(f"/feed.{name}", headers={"accept-encoding": encoding})
        publish(article_of(3, title=f"New for {encoding}"))
        asked = {"accept-encoding": encoding, "a-im": "diffe, feed", "if-none-match": known.headers["etag"]}
        answer = far.get(f"/feed.{name}", headers=asked)
        assert answer.status_code == 226
        if name == "json":
            assert [item["title"] for item in json.loads(answer.content)["items"]] == [f"New for {encoding}"]
        else:
            assert [entry.title for entry in feedparser.parse(answer.content).entries] == [f"New for {encoding}"]


def test_a_state_that_is_not_remembered_and_a_feed_reader_that_chokes_on_226_get_the_whole_feed(
    publish, far, article_of
):
    publish(article_of(1))
    known = far.get("/feed.rss", headers=PLAIN).headers["etag"]
    publish(article_of(2))
    asked = {**PLAIN, "a-im": "feed", "if-none-match": known}
    assert far.get("/feed.rss", headers=asked).status_code == 226
    for other in (
        {"if-none-match": '"gone"'},
        {"a-im": "feed;q=0"},
        {"a-im": "vcdiff"},
        {"user-agent": "rss2email/3.13"},
    ):
        answer = far.get("/feed.rss", headers={**asked, **other})
        assert answer.status_code == 200
        assert len(feedparser.parse(answer.content).entries) == 2


def test_a_browser_that_navigates_gets_a_page_and_a_feed_reader_the_feed_whatever_it_accepts(publish, far, article_of):
    publish(article_of(1, title="Tea & <toast>"))
    for path in ("/feed.rss", "/feed.atom", "/feed.json", "/feeds/section/coast.atom"):
        page = far.get(path, headers=NAVIGATION)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "Tea &amp; &lt;toast&gt;" in page.text
        assert f'value="{BASE}{path}"' in page.text
        assert "Sec-Fetch-Dest" in page.headers["vary"]
        raw = far.get(f"{path}?raw", headers=NAVIGATION)
        assert not raw.headers["content-type"].startswith("text/html")
        for accept in ("text/html", "text/html, application/rss+xml;q=0.1", "*/*"):
            answer = far.get(path, headers={"accept": accept})
            assert not answer.headers["content-type"].startswith("text/html")


def test_an_archive_page_may_be_kept_for_a_day_and_names_no_hub(publish, far, article_of):
    publish(*(article_of(number) for number in range(40)))
    live = far.get("/feed.rss", headers=PLAIN)
    previous = feedparser.parse(live.content).feed.links
    url = next(link.href for link in previous if link.rel == "prev-archive")
    page = far.get(url.removeprefix(BASE), headers=PLAIN)
    assert page.status_code == 200
    assert page.headers["cache-control"].startswith("public, max-age=86400")
    assert 'rel="hub"' not in page.headers["link"]
    assert live.headers["link"] == f'<{BASE}/feed.rss>; rel="self", <{BASE}/websub>; rel="hub"'


@pytest.mark.parametrize(
    "path",
    [
        "/feeds/nothing.rss",
        "/feeds/../masthead.db",
        "/feeds/%2e%2e/masthead.db",
        "/feeds/..%2ffeed-cache%2fcatalogue.json",
        "/feeds/section/coast.rss.gz",
        "/feeds/section/coast.exe",
        "/feeds/section",
        "/feeds/.hidden.rss",
        "/feeds/" + "a" * 5000 + ".rss",
    ],
)
def test_what_is_no_feed_is_not_found(publish, far, article_of, path):
    publish(article_of(1))
    assert far.get(path).status_code == 404


def test_before_the_first_build_a_feed_reader_is_told_when_to_come_back(far):
    answer = far.get("/feed.rss")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_whole_downloads_are_limited_and_say_when_but_304_never_is(publish, far, article_of):
    publish(article_of(1))
    tag = far.get("/feed.rss", headers=PLAIN).headers["etag"]
    for _ in range(60):
        assert far.get("/feed.rss", headers={**PLAIN, "if-none-match": tag}).status_code == 304
    codes = [far.get("/feed.atom", headers=PLAIN) for _ in range(61)]
    refused = [answer for answer in codes if answer.status_code == 429]
    assert refused
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    assert far.get("/feed.atom", headers={**PLAIN, "user-agent": "another"}).status_code == 200


def test_a_feed_that_moved_answers_301_and_keeps_its_ids(site_dir, store, publish, article_of):
    publish(article_of(1))
    moved = '[feed]\nmoved = { "/index.xml" = "/feed.rss", "/old.atom" = "https://new.example/feed.atom" }\n'
    with (site_dir / "publication.toml").open("a") as file:
        file.write(moved)
    client = TestClient(create_app(Site(load_settings(site_dir), store)), base_url=BASE, follow_redirects=False)
    answer = client.get("/index.xml")
    assert (answer.status_code, answer.headers["location"]) == (301, f"{BASE}/feed.rss")
    assert client.get("/old.atom").headers["location"] == "https://new.example/feed.atom"
    ids = [entry.id for entry in feedparser.parse(client.get("/feed.rss").content).entries]
    assert ids == [feeds.entry_id("piece-1", BASE)]


def test_every_page_announces_every_format(publish, far, article_of):
    publish(article_of(1))
    for path in ("/", "/feeds", "/sections/coast", "/nowhere"):
        html = far.get(path).text
        for name, media_type in (("rss", "rss+xml"), ("atom", "atom+xml"), ("json", "feed+json")):
            assert f'type="application/{media_type}"' in html
            assert f'href="{BASE}/feed.{name}"' in html


def test_the_page_of_feeds_lists_all_of_them(publish, far, article_of):
    publish(article_of(1), article_of(2))
    html = far.get("/feeds").text
    for path in ("/feed.rss", "/feeds/section/coast.atom", "/feeds/tag/rain.json", "/feeds/author/ada-moretti.rss"):
        assert f'href="{path}"' in html
    assert 'href="/feeds.opml"' in html


def test_an_aggregators_subscribers_are_counted_by_feed_and_no_address_is_kept(publish, far, store, article_of):
    publish(article_of(1))
    agent = {"user-agent": "Feedbin feed-id:1373711 - 142 subscribers"}
    far.get("/feed.rss", headers=agent)
    far.get("/feed.rss", headers=agent)
    far.get("/feed.atom", headers={"user-agent": "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)"})
    far.get("/feed.rss", headers={"user-agent": "NetNewsWire (RSS Reader)"})
    with store.read() as tx:
        now = datetime.now(UTC).timestamp()
        rows = feed_readers.readers(tx, now=now)
    assert [(row.feed, row.reader, row.subscribers) for row in rows] == [
        ("feed.rss", "Feedbin #1373711", 142),
        ("feed.atom", "Feedly", 16),
    ]
    assert "203.0.113" not in repr(rows)


@pytest.fixture
def subscriber(store):
    with store.begin() as tx:
        one = subscribers.add(tx, "ann@slow.example", now=1.0, status=subscribers.SubscriberStatus.CONFIRMED)
        subscribers.subscribe(tx, one, "digest", now=1.0, tags='["ice"]')
        return one, private_feeds.issue(tx, one, now=1.0)


@pytest.mark.parametrize("name", ["rss", "atom", "json"])
def test_a_private_feed_holds_what_its_owner_follows_and_is_for_no_shared_cache(
    publish, far, article_of, subscriber, name
):
    publish(article_of(1), article_of(2))
    _, token = subscriber
    answer = far.get(f"/feeds/private/{token}.{name}")
    assert answer.status_code == 200
    assert b"Piece number 1" in answer.content
    assert b"Piece number 2" not in answer.content
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    again = far.get(f"/feeds/private/{token}.{name}", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_revoked_token_a_wrong_one_and_one_whose_owner_left_are_the_same_404(
    publish, far, store, article_of, subscriber
):
    publish(article_of(1))
    owner, token = subscriber
    wrong = far.get("/feeds/private/wrong.rss")
    with store.begin() as tx:
        other = private_feeds.issue(tx, owner, now=2.0)
        [_, first] = private_feeds.listing(tx, owner)
        assert private_feeds.revoke(tx, owner, first.id, now=3.0) == 1
    revoked = far.get(f"/feeds/private/{token}.rss")
    assert far.get(f"/feeds/private/{other}.rss").status_code == 200
    with store.begin() as tx:
        subscribers.unsubscribe(tx, owner, now=4.0)
    left = far.get(f"/feeds/private/{other}.rss")
    assert [each.status_code for each in (wrong, revoked, left)] == [404] * 3
    assert token not in revoked.text


def test_a_private_feed_stands_in_no_list(publish, far, article_of, subscriber, site_dir):
    publish(article_of(1))
    _, token = subscriber
    far.get(f"/feeds/private/{token}.rss")
    for path in ("/", "/feeds", "/feeds.opml"):
        assert token not in far.get(path).text
    kept = [path for path in (site_dir / "state").rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert kept == []


def test_a_subscriber_opens_and_closes_a_private_feed_behind_the_preferences_link(
    publish, far, store, article_of, subscriber
):
    publish(article_of(1))
    owner, _ = subscriber
    page = links.preferences_url("", personal_links.keyring_of(store), owner) + "/feed"
    assert "Make a private feed" in far.get(page).text
    opened = far.post(page, data={"choice": "issue"}).text
    [path] = re.findall(r"/feeds/private/[\w-]+\.atom", opened)
    assert far.get(path).status_code == 200
    assert path not in far.get(page).text
    held = far.get(page.removesuffix("feed") + "data.json").json()
    assert [one["closed"] for one in held["private_feeds"]] == [None, None]
    assert "Your private feeds" in far.get(page.removesuffix("feed") + "data").text
    assert "are closed" in far.post(page, data={"choice": "revoke"}).text
    assert far.get(path).status_code == 404
    assert far.get("/preferences/none/feed").status_code == 404
    assert far.post("/preferences/none/feed", data={"choice": "issue"}).status_code == 404
