"""Who the visitor is: one result for downloads, sign-ups and the desk, and only trusted proxies are believed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import feeds
from publisher.lib.networks import is_among, parse_network, plain_address
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import articles
from publisher.web.app import create_app
from publisher.web.frame.visitors import FORWARDING_HEADERS, Visitors
from tests.publisher.web.conftest import make_article

FORM = {"sections_shown": "1", "cadence": "daily", "hour": "7", "timezone": "Europe/Rome", "language": "en"}
OURS = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
#: What a stranger may write: anything that can stand in a header.
TEXTS = st.one_of(ADDRESSES, st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30))


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
        ("172.18.0.4", (("x-forwarded-for", "198.51.100.7"),), "198.51.100.7"),
        ("172.18.0.4", (("x-forwarded-for", "10.9.9.9, 198.51.100.7, 172.18.0.9, 127.0.0.1"),), "198.51.100.7"),
        ("172.18.0.4", (("x-forwarded-for", "172.18.0.7, 172.18.0.9"),), "172.18.0.7"),  # a machine of ours asks
        ("172.18.0.4", (("x-forwarded-for", "198.51.100.7, , "),), "198.51.100.7"),
        ("172.19.0.4", (("x-forwarded-for", "198.51.100.7"),), "172.19.0.4"),
        (None, (), ""),
    ],
)
def test_the_address_is_the_peers_or_the_last_that_a_trusted_proxy_saw(peer, headers, address):
    assert Visitors(["127.0.0.0/8", "::1", "172.18.0.0/16"]).of(scope(peer, *headers)).address == address
    assert Visitors().of(scope(peer, *headers)).address == Visitors().of(scope(peer)).address


@pytest.mark.parametrize("header", FORWARDING_HEADERS)
@pytest.mark.parametrize("trusted", [[], ["127.0.0.1"]])
def test_nobody_who_came_through_a_proxy_is_here(header, trusted):
    assert Visitors(trusted).of(scope("127.0.0.1")).here
    assert not Visitors(trusted).of(scope("127.0.0.1", (header, "127.0.0.1"))).here


@given(
    visitor=ADDRESSES.filter(lambda one: not is_among(plain_address(one), tuple(map(parse_network, OURS)))),
    written=st.lists(TEXTS, max_size=6),
    proxies=st.lists(st.sampled_from(["10.1.2.3", "10.9.9.9", "127.0.0.1", "fd00::7"]), max_size=4),
    breaks=st.lists(st.booleans(), max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_visitor_writes_and_however_many_proxies_of_ours_follow(visitor, written, proxies, breaks):
    """Each proxy adds the address that it saw; some as a line of its own, as RFC 9110 section 5.3 allows."""
    lines: list[str] = []
    for index, one in enumerate([*written, visitor, *proxies]):
        if lines and not (index < len(breaks) and breaks[index]):
            lines[-1] += f", {one}"
        else:
            lines.append(one)
    headers = [("x-forwarded-for", line) for line in lines]
    found = Visitors(OURS).of(scope("10.4.4.4", *headers))
    assert found.address == plain_address(visitor)
    assert not found.here
    assert Visitors(OURS).of(scope("203.0.113.9", *headers)).address == "203.0.113.9"


@given(written=TEXTS, header=st.sampled_from([one for one in FORWARDING_HEADERS if one != "x-forwarded-for"]))
@settings(max_examples=100, deadline=None)
def test_no_other_header_names_a_visitor(written, header):
    assert Visitors(OURS).of(scope("10.4.4.4", (header, written))).address == "10.4.4.4"


@pytest.mark.parametrize(
    ("peer", "said", "https"),
    [
        ("10.4.4.4", "https", True),
        ("10.4.4.4", "http, HTTPS", True),
        ("10.4.4.4", "https, http", False),
        ("10.4.4.4", "", False),
        ("203.0.113.9", "https", False),
        ("127.0.0.2", "https", False),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(peer, said, https):
    assert Visitors(OURS).is_https(scope(peer, ("x-forwarded-proto", said))) is https


def test_forwarding_headers_of_others_are_warned_of_once_and_no_stranger_is_named(caplog):
    visitors = Visitors(["10.0.0.1"])
    for _ in range(5):
        for peer in ("172.18.0.4", "172.18.0.5", "81.2.69.142", "81.2.69.143"):
            visitors.of(scope(peer, ("x-forwarded-for", "198.51.100.7")))
            visitors.of(scope(peer))
        visitors.of(scope("10.0.0.1", ("x-forwarded-for", "198.51.100.7")))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "172.18.0.4" in lines[0]
    assert "trusted_proxies" in lines[0]
    assert not any("81.2.69" in line or "198.51.100" in line for line in lines)


# Each asks twice and returns whether the second visitor was taken for the first one.


def downloads(first: TestClient, second: TestClient) -> bool:
    assert first.get("/feed.rss").status_code == 200
    return second.get("/feed.rss").status_code == 429


def sign_ups(first: TestClient, second: TestClient) -> bool:
    assert first.post("/subscribe", data={"address": "ada@example.org", **FORM}).status_code == 200
    return second.post("/subscribe", data={"address": "bo@example.org", **FORM}).status_code == 429


def json_sign_ups(first: TestClient, second: TestClient) -> bool:
    assert first.post("/api/subscribe", json={"address": "ada@example.org"}).status_code == 202
    return second.post("/api/subscribe", json={"address": "bo@example.org"}).status_code == 429


@pytest.fixture
def limited(site_dir, store):
    """Makes clients of a site that lets each visitor in once; its proxies are on loopback and in 172.18.0.0/16."""
    file = site_dir / "publication.toml"
    file.write_text(
        file.read_text()
        + "[feed]\ndownloads_per_minute = 1\n[subscribing]\nper_network = 1\n"
        + '[web]\ntrusted_proxies = ["127.0.0.1", "172.18.0.0/16"]\n'
    )
    loaded = load_settings(site_dir)
    with store.begin() as tx:
        articles.save(tx, make_article(1), source_path="articles/1.md", now=0.0)
    with store.read() as tx:
        feeds.write_all(loaded, articles.newest(tx))
    app = create_app(Site(loaded, store, clock=lambda: 1_700_000_000.0))

    def client(peer: str, **headers: str) -> TestClient:
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        return TestClient(app, base_url="http://127.0.0.1", client=(peer, 1), headers=shown, follow_redirects=False)

    return client


def forwarded(peer: str, value: str):
    return peer, {"x_forwarded_for": value}


@pytest.mark.parametrize("asker", [downloads, sign_ups, json_sign_ups])
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (("203.0.113.9", {}), ("203.0.113.9", {}), True),
        (("203.0.113.9", {}), ("198.51.100.7", {}), False),
        # Behind a proxy the peer is always the same; who is behind it counts.
        (forwarded("127.0.0.1", "203.0.113.9"), forwarded("127.0.0.1", "203.0.113.9"), True),
        (forwarded("127.0.0.1", "203.0.113.9"), forwarded("127.0.0.1", "198.51.100.7"), False),
        (forwarded("172.18.0.4", "203.0.113.9"), forwarded("172.18.0.4", "198.51.100.7"), False),
        (forwarded("172.18.0.4", "203.0.113.9"), forwarded("172.18.0.5", "203.0.113.9, 172.18.0.4"), True),
        (forwarded("127.0.0.1", "203.0.113.9"), ("203.0.113.9", {}), True),
        # What a visitor writes into the header himself changes nothing.
        (forwarded("203.0.113.9", "1.1.1.1"), forwarded("203.0.113.9", "2.2.2.2"), True),
        (forwarded("172.19.0.4", "203.0.113.9"), forwarded("172.19.0.4", "198.51.100.7"), True),
        (forwarded("127.0.0.1", "1.1.1.1, 203.0.113.9"), forwarded("127.0.0.1", "2.2.2.2, 203.0.113.9"), True),
    ],
)
def test_every_limit_counts_the_same_visitor(limited, asker, first, second, same):
    assert asker(limited(first[0], **first[1]), limited(second[0], **second[1])) is same
    for peer, headers in (first, second):
        assert limited(peer, **headers).get("/desk/outbox").status_code == 404  # none of them is the operator


def test_a_proxy_that_names_nobody_is_not_counted_as_one_visitor(limited):
    client = limited("127.0.0.1")
    assert [client.get("/feed.rss").status_code for _ in range(3)] == [200, 200, 200]
