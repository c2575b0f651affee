"""The hub's rows, private feeds and who reads: on SQLite, and on PostgreSQL with two workers at once."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.store import Store, feed_readers, private_feeds, subscribers, websub

NOW = 1_000_000.0
TOPIC = "https://slow.example/feed.rss"


@pytest.fixture
def store(either_store) -> Store:
    return either_store


def subscribe(store: Store, count: int) -> None:
    with store.begin() as tx:
        for number in range(count):
            callback = f"https://reader.example/{number}"
            websub.ask(
                tx, "subscribe", TOPIC, callback, host="reader.example", secret="s", lease_seconds=9_000, now=NOW
            )
        for asked in websub.claim_requests(tx, now=NOW, until=NOW + 60, limit=count):
            websub.confirm(tx, asked, now=NOW)


def test_two_workers_never_get_the_same_row(store):
    subscribe(store, 60)
    with store.begin() as tx:
        assert websub.owe(tx, {TOPIC: "v1"}, hubs=("https://a.example/", "https://b.example/"), now=NOW) == 62
    taken: list[int] = []
    told: list[str] = []

    def work() -> None:
        while True:
            with store.begin() as tx:
                some = websub.claim_deliveries(tx, now=NOW, until=NOW + 60, limit=7)
                news = websub.claim_announcements(tx, now=NOW, until=NOW + 60, limit=1)
            if not some and not news:
                return
            taken.extend(one.subscription_id for one in some)
            told.extend(one.hub for one in news)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 60
    assert sorted(told) == ["https://a.example/", "https://b.example/"]


def test_a_newer_request_takes_the_place_of_one_that_is_being_verified(store):
    with store.begin() as tx:
        websub.ask(tx, "subscribe", TOPIC, "https://r.example/", host="r.example", secret="a", lease_seconds=1, now=NOW)
        [first] = websub.claim_requests(tx, now=NOW, until=NOW + 60, limit=9)
        later = NOW + 1
        websub.ask(
            tx, "unsubscribe", TOPIC, "https://r.example/", host="r.example", secret="", lease_seconds=1, now=later
        )
        websub.confirm(tx, first, now=later)
        assert websub.waiting(tx) == 1
        [second] = websub.claim_requests(tx, now=later, until=later + 60, limit=9)
        websub.confirm(tx, second, now=later)
        assert websub.account(tx, now=later) == websub.HubAccount(0, 0, 0, 0)
        assert not websub.anything_due(tx, now=later)


def test_a_delivery_that_was_overtaken_is_still_owed_and_one_that_was_not_is_done(store):
    subscribe(store, 2)
    with store.begin() as tx:
        websub.owe(tx, {TOPIC: "v1"}, hubs=(), now=NOW)
        [one, two] = websub.claim_deliveries(tx, now=NOW, until=NOW + 60, limit=9)
        websub.owe(tx, {TOPIC: "v2"}, hubs=(), now=NOW)
        websub.delivered(tx, [one])
        assert websub.account(tx, now=NOW).deliveries == 2
        [again, _] = websub.claim_deliveries(tx, now=NOW, until=NOW + 60, limit=9)
        websub.delivered(tx, [again])
        websub.give_up_delivery(tx, two, end_after=1)
        assert websub.account(tx, now=NOW).deliveries == 0


def test_a_lease_that_is_over_is_due_and_ends_with_what_it_was_owed(store):
    subscribe(store, 1)
    with store.begin() as tx:
        websub.owe(tx, {TOPIC: "v1"}, hubs=(), now=NOW)
        assert websub.anything_due(tx, now=NOW + 10_000)
        assert websub.claim_deliveries(tx, now=NOW + 10_000, until=NOW + 10_060, limit=9) == []
        assert websub.end_expired(tx, now=NOW + 10_000) == 1
        assert websub.account(tx, now=NOW + 10_000) == websub.HubAccount(0, 0, 0, 0)


def test_private_feeds_open_and_close_one_by_one(store):
    with store.begin() as tx:
        owner = subscribers.add(tx, "ann@slow.example", now=NOW, status=subscribers.SubscriberStatus.CONFIRMED)
        tokens = [private_feeds.issue(tx, owner, now=NOW + number) for number in range(private_feeds.MAX_FEEDS + 1)]
        assert private_feeds.subscriber_of(tx, tokens[0]) is None
        assert private_feeds.subscriber_of(tx, tokens[-1]) == owner
        newest = private_feeds.listing(tx, owner)[0]
        assert private_feeds.revoke(tx, owner, newest.id, now=NOW + 99) == 1
        assert private_feeds.revoke(tx, owner, newest.id, now=NOW + 99) == 0
        assert private_feeds.subscriber_of(tx, tokens[-1]) is None
        assert private_feeds.revoke(tx, owner, now=NOW + 99) == private_feeds.MAX_FEEDS - 1
        assert private_feeds.sweep(tx, now=NOW + 90 + private_feeds.KEPT_SECONDS) == 1, "the one that gave way"
        assert private_feeds.sweep(tx, now=NOW + 100 + private_feeds.KEPT_SECONDS) == private_feeds.MAX_FEEDS
        subscribers.forget(tx, owner)
        assert private_feeds.listing(tx, owner) == []


def test_the_newest_claim_of_an_aggregator_counts_and_one_that_is_gone_does_not(store):
    feedbin = feed_readers.claim_of("Feedbin feed-id:1 - 10 subscribers")
    fewer = feed_readers.claim_of("Feedbin feed-id:1 - 7 subscribers")
    assert feedbin
    assert fewer
    with store.begin() as tx:
        feed_readers.saw(tx, "feed.rss", feedbin, now=NOW)
        feed_readers.saw(tx, "feed.rss", fewer, now=NOW + 1)
        feed_readers.saw(tx, "feeds/tag/tea.atom", feedbin, now=NOW - feed_readers.GONE_AFTER_SECONDS - 1)
        assert [(row.feed, row.subscribers) for row in feed_readers.readers(tx, now=NOW + 1)] == [("feed.rss", 7)]


def test_made_up_aggregators_do_not_fill_the_database(store, monkeypatch):
    monkeypatch.setattr(feed_readers, "MAX_FEED_READERS", 3)
    with store.begin() as tx:
        for number in range(9):
            feed_readers.saw(tx, "feed.rss", feed_readers.Claim(f"Reader {number}", 1), now=NOW)
        assert len(feed_readers.readers(tx, now=NOW)) == 3
        feed_readers.saw(tx, "feed.rss", feed_readers.Claim("Reader 1", 5), now=NOW)
        assert [row.subscribers for row in feed_readers.readers(tx, now=NOW)] == [5, 1, 1]


@pytest.mark.parametrize(
    ("user_agent", "reader", "subscribers_"),
    [
        ("Feedbin feed-id:1373711 - 142 subscribers", "Feedbin #1373711", 142),
        ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; like FeedFetcher-Google)", "Feedly", 16),
        ("NewsBlur Feed Fetcher - 5 subscribers - http://www.newsblur.com/site/1/x", "NewsBlur Feed Fetcher", 5),
        ("Inoreader/1.0 (+http://www.inoreader.com/feed-fetcher; 3 subscribers; )", "Inoreader", 3),
        ("Mozilla/5.0 (compatible; theoldreader.com; 10 subscribers; feed-id=ab12)", "theoldreader.com #ab12", 10),
        ("Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 1 subscribers)", "BazQux", 1),
        (
            "LiveJournal.com (webmaster@livejournal.com; for https://x.example/; 3 readers)",
            "LiveJournal.com",
            3,
        ),
        ("7 subscribers", "unnamed", 7),
    ],
)
def test_the_forms_that_aggregators_use_are_read(user_agent, reader, subscribers_):
    assert feed_readers.claim_of(user_agent) == feed_readers.Claim(reader, subscribers_)


@pytest.mark.parametrize(
    "user_agent",
    ["", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "NetNewsWire", "x 1.5 subscribersx", "v2 usersx"],
)
def test_a_feed_reader_that_polls_for_itself_claims_nothing(user_agent):
    assert feed_readers.claim_of(user_agent) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300) | st.text("0123456789 subcriesMozilla/().;-", max_size=200))
def test_any_user_agent_is_read_without_harm(user_agent):
    claim = feed_readers.claim_of(user_agent)
    assert claim is None or (0 < len(claim.reader) <= 110 and 0 <= claim.subscribers < 10**8)
