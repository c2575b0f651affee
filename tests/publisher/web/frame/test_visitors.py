"""Who the visitor is: one answer for downloads, sign-ups and the desk."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

import feeds
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import articles
from publisher.web.app import create_app
from publisher.web.frame.visitors import FORWARDING_HEADERS, visitor_of
from tests.publisher.web.conftest import make_article

FORM = {"sections_shown": "1", "cadence": "daily", "hour": "7", "timezone": "Europe/Rome", "language": "en"}


def scope(peer, *headers: tuple[str, str]):
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "client": (peer, 1) if peer is not None else None, "headers": raw}


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", (("x-forwarded-for", "198.51.100.7"),), "203.0.113.9"),  # a stranger says so himself
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.1", (("x-forwarded-for", "198.51.100.7"),), "198.51.100.7"),
        ("127.0.0.1", (("x-forwarded-for", "10.9.9.9, 198.51.100.7"),), "198.51.100.7"),
        ("127.0.0.1", (("x-forwarded-for", "10.9.9.9"), ("x-forwarded-for", "198.51.100.7")), "198.51.100.7"),
        ("127.8.8.8", (("x-forwarded-for", "198.51.100.7"),), "198.51.100.7"),
        ("::1", (("x-forwarded-for", "2001:db8::7"),), "2001:db8::7"),
        ("::ffff:127.0.0.1", (("x-forwarded-for", "::ffff:198.51.100.7"),), "198.51.100.7"),
        ("127.0.0.1", (("x-forwarded-for", "198.51.100.7:4711"),), "198.51.100.7"),
        ("127.0.0.1", (("x-forwarded-for", "[2001:DB8::7]:4711"),), "2001:db8::7"),
        ("127.0.0.1", (("x-forwarded-for", " "),), "127.0.0.1"),
        ("127.0.0.1", (("x-forwarded-for", "unknown"),), "unknown"),
        ("127.0.0.1", (("x-forwarded-for", "x" * 9000),), "x" * 64),
        (None, (), ""),
    ],
)
def test_the_address_is_the_peers_or_what_a_proxy_of_ours_saw_last(peer, headers, address):
    assert visitor_of(scope(peer, *headers)).address == address


@pytest.mark.parametrize("header", FORWARDING_HEADERS)
def test_nobody_who_came_through_a_proxy_is_here(header):
    assert visitor_of(scope("127.0.0.1")).here
    assert not visitor_of(scope("127.0.0.1", (header, "127.0.0.1"))).here


# Each asks twice and returns whether the second visitor was taken for the first one.


def downloads(first: TestClient, second: TestClient) -> bool:
    assert first.get("/feed.rss").status_code == 200
    return second.get("/feed.rss").status_code == 429


def sign_ups(first: TestClient, second: TestClient) -> bool:
    assert first.post("/subscribe", data={"address": "ada@example.org", **FORM}).status_code == 200
    return second.post("/subscribe", data={"address": "bo@example.org", **FORM}).status_code == 429


@pytest.fixture
def limited(site_dir, store):
    """Makes clients of a site that lets each visitor in once."""
    file = site_dir / "publication.toml"
    file.write_text(file.read_text() + "[feed]\ndownloads_per_minute = 1\n[subscribing]\nper_network = 1\n")
    settings = load_settings(site_dir)
    with store.begin() as tx:
        articles.save(tx, make_article(1), source_path="articles/1.md", now=0.0)
    with store.read() as tx:
        feeds.write_all(settings, articles.newest(tx))
    app = create_app(Site(settings, store, clock=lambda: 1_700_000_000.0))

    def client(peer: str, **headers: str) -> TestClient:
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        return TestClient(app, base_url="http://127.0.0.1", client=(peer, 1), headers=shown, follow_redirects=False)

    return client


@pytest.mark.parametrize("asker", [downloads, sign_ups])
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (("203.0.113.9", {}), ("203.0.113.9", {}), True),
        (("203.0.113.9", {}), ("198.51.100.7", {}), False),
        # Behind a proxy on this machine the peer is always the same; who is behind it counts.
        (("127.0.0.1", {"x_forwarded_for": "203.0.113.9"}), ("127.0.0.1", {"x_forwarded_for": "203.0.113.9"}), True),
        (("127.0.0.1", {"x_forwarded_for": "203.0.113.9"}), ("127.0.0.1", {"x_forwarded_for": "198.51.100.7"}), False),
        (("127.0.0.1", {"x_forwarded_for": "203.0.113.9"}), ("203.0.113.9", {}), True),
        # What a visitor writes into the header himself changes nothing.
        (("203.0.113.9", {"x_forwarded_for": "1.1.1.1"}), ("203.0.113.9", {"x_forwarded_for": "2.2.2.2"}), True),
        (
            ("127.0.0.1", {"x_forwarded_for": "1.1.1.1, 203.0.113.9"}),
            ("127.0.0.1", {"x_forwarded_for": "2.2.2.2, 203.0.113.9"}),
            True,
        ),
    ],
)
def test_every_limit_counts_the_same_visitor(limited, asker, first, second, same):
    assert asker(limited(first[0], **first[1]), limited(second[0], **second[1])) is same
    for peer, headers in (first, second):
        assert limited(peer, **headers).get("/desk/outbox").status_code == 404  # none of them is the operator


def test_a_proxy_that_names_nobody_is_not_counted_as_one_visitor(limited):
    client = limited("127.0.0.1")
    assert [client.get("/feed.rss").status_code for _ in range(3)] == [200, 200, 200]
