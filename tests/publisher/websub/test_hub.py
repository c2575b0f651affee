"""WebSub: our feeds' news reach hubs and subscribers, once, signed, and nobody who did not ask."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

import feeds
from publisher import websub
from publisher.settings import Settings
from publisher.store import open_store
from publisher.store import websub as rows
from publisher.websub import fanning_out
from tests import factories
from tests.feeds.conftest import make_article

BASE = "https://slow.example"
TOPIC = f"{BASE}/feed.atom"
NOW = 1_000_000.0


class Neighbour(BaseHTTPRequestHandler):
    """A subscriber and a hub: what it answers stands in its path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append((parts.path, query))
        kind = parts.path.split("/")[1]
        if kind == "moody":
            self._say(503, b"")
        elif kind == "stranger":
            self._say(404, b"I never asked")
        elif kind == "liar":
            self._say(200, b"yes")
        elif kind == "elsewhere":
            self._say(302, b"", location=f"/subscriber?{parts.query}")
        else:
            self._say(200, query["hub.challenge"].encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, dict(self.headers.items()), body))
        kind = self.path.split("/")[1]
        if kind == "failing":
            self.server.failures += 1
            self._say(204 if self.server.failures > self.server.fails else 500, b"")
        else:
            self._say(410 if kind == "gone" else 204, b"")

    def _say(self, code, body, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if code != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if code != 204:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def neighbour() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Neighbour) as server:
        server.asked, server.got, server.failures, server.fails = [], [], 0, 1
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path):
    def make(allow_private=("127.0.0.0/8",), **values) -> Settings:
        return factories.settings(tmp_path, net={"allow_private": allow_private}, websub=values)

    return make


@pytest.fixture
def store():
    opened = open_store("sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def hub(settings, store, clock):
    """A hub with a feed of one article."""
    return Hub(settings(), store, clock)


class Hub:
    def __init__(self, settings, store, clock) -> None:
        self.settings, self.store, self.clock = settings, store, clock
        self.publish(1)

    def publish(self, count: int) -> tuple[str, ...]:
        return feeds.write_all(self.settings, [make_article(number) for number in range(count)]).changed

    def ask(self, callback: str, mode: str = "subscribe", topic: str = TOPIC, **more: str) -> None:
        form = {"hub.mode": mode, "hub.topic": topic, "hub.callback": callback}
        form |= {f"hub.{name}": value for name, value in more.items()}
        with self.store.begin() as tx:
            websub.ask(tx, self.settings, form, now=self.clock())

    def announce(self, changed) -> int:
        with self.store.begin() as tx:
            return websub.announce(tx, self.settings, changed, now=self.clock())

    def run(self) -> websub.FanOut:
        return websub.fan_out_due(self.store, self.settings, now=self.clock)

    def account(self) -> rows.HubAccount:
        with self.store.read() as tx:
            return rows.account(tx, now=self.clock())


def test_a_subscriber_that_meant_it_gets_the_whole_feed_signed_with_its_secret(hub, neighbour):
    hub.ask(f"{neighbour.url}/subscriber?x=1", secret="s3cret", lease_seconds="86400")
    assert hub.run() == websub.FanOut(verified=1)
    [(path, query)] = neighbour.asked
    assert path == "/subscriber"
    assert (query["x"], query["hub.mode"], query["hub.topic"]) == ("1", "subscribe", TOPIC)
    assert query["hub.lease_seconds"] == "86400"
    assert len(query["hub.challenge"]) >= 20

    hub.announce(hub.publish(2))
    assert hub.run().delivered == 1
    [(path, headers, body)] = neighbour.got
    assert path == "/subscriber?x=1"
    assert body == (hub.settings.state / "feeds" / "feed.atom").read_bytes()
    assert headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert headers["link"] == f'<{TOPIC}>; rel="self", <{BASE}/websub>; rel="hub"'
    assert headers["x-hub-signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert hub.run().idle
    assert hub.account() == rows.HubAccount(1, 0, 0, 0)


def test_without_a_secret_there_is_no_signature(hub, neighbour):
    hub.ask(f"{neighbour.url}/subscriber")
    hub.run()
    hub.announce(hub.publish(2))
    hub.run()
    assert "x-hub-signature" not in neighbour.got[0][1]


@pytest.mark.parametrize("kind", ["stranger", "liar", "elsewhere"])
def test_a_callback_that_does_not_repeat_the_challenge_is_not_subscribed(hub, neighbour, kind):
    hub.ask(f"{neighbour.url}/{kind}")
    assert hub.run() == websub.FanOut(denied=1)
    hub.announce(hub.publish(2))
    assert hub.run().idle
    assert neighbour.got == []


def test_nobody_can_unsubscribe_another(hub, neighbour):
    hub.ask(f"{neighbour.url}/subscriber")
    hub.run()
    with hub.store.begin() as tx:  # the subscriber's callback says no to what it did not ask for
        tx.execute(rows.websub_subscription.update().values(callback=f"{neighbour.url}/liar"))
    hub.ask(f"{neighbour.url}/liar", mode="unsubscribe")
    assert hub.run() == websub.FanOut(denied=1)
    assert hub.account().subscriptions == 1


def test_unsubscribing_is_verified_and_ends_deliveries(hub, neighbour):
    hub.ask(f"{neighbour.url}/subscriber")
    hub.run()
    hub.ask(f"{neighbour.url}/subscriber", mode="unsubscribe")
    assert hub.run() == websub.FanOut(verified=1)
    assert neighbour.asked[-1][1]["hub.mode"] == "unsubscribe"
    hub.announce(hub.publish(2))
    assert hub.run().idle


def test_a_lease_ends_and_a_second_subscription_renews_it(hub, neighbour, clock):
    hub.ask(f"{neighbour.url}/subscriber", lease_seconds="7200", secret="old")
    hub.run()
    clock.at += 7000
    hub.ask(f"{neighbour.url}/subscriber", lease_seconds="7200", secret="new")
    hub.run()
    clock.at += 7000
    hub.announce(hub.publish(2))
    assert hub.run().delivered == 1
    body = neighbour.got[0][2]
    assert neighbour.got[0][1]["x-hub-signature"] == fanning_out.signature("new", body)
    clock.at += 300
    hub.announce(hub.publish(3))
    assert hub.run().idle
    assert hub.account().subscriptions == 0


@pytest.mark.parametrize(
    ("asked", "granted"), [("1", 3600), ("99999999999", 864000), ("100000000", 2592000), ("x", 864000)]
)
def test_a_lease_is_granted_within_bounds(hub, neighbour, asked, granted):
    hub.ask(f"{neighbour.url}/subscriber", lease_seconds=asked)
    hub.run()
    assert neighbour.asked[0][1]["hub.lease_seconds"] == str(granted)


def test_a_failed_delivery_is_tried_again_later_and_a_newer_state_takes_its_place(hub, neighbour, clock):
    hub.ask(f"{neighbour.url}/failing")
    hub.run()
    hub.announce(hub.publish(2))
    assert hub.run().put_off == 1
    assert hub.run().idle
    hub.announce(hub.publish(3))
    clock.at += 61
    assert hub.run().delivered == 1
    assert neighbour.got[-1][2] == (hub.settings.state / "feeds" / "feed.atom").read_bytes()
    assert hub.account().deliveries == 0


def test_a_subscriber_that_never_takes_anything_is_let_go_after_a_stated_number_of_tries(hub, neighbour, clock):
    neighbour.fails = 10**6
    hub.ask(f"{neighbour.url}/failing", lease_seconds="2592000")
    hub.run()
    for state in range(fanning_out.END_AFTER):
        hub.announce(hub.publish(2 + state))
        for _ in range(len(fanning_out.BACK_OFF.steps) + 1):
            hub.run()
            clock.at += max(fanning_out.BACK_OFF.steps) + 1
        assert hub.account().deliveries == 0
        assert hub.account().subscriptions == (0 if state == fanning_out.END_AFTER - 1 else 1)
    assert len(neighbour.got) == fanning_out.END_AFTER * (len(fanning_out.BACK_OFF.steps) + 1)


def test_410_ends_a_subscription_at_once(hub, neighbour):
    hub.ask(f"{neighbour.url}/gone")
    hub.run()
    hub.announce(hub.publish(2))
    assert hub.run().given_up == 1
    assert hub.account() == rows.HubAccount(0, 0, 0, 0)


def test_a_callback_that_is_down_is_asked_again_later(hub, neighbour, clock):
    hub.ask(f"{neighbour.url}/moody")
    assert hub.run() == websub.FanOut(put_off=1)
    clock.at += 61
    assert hub.run() == websub.FanOut(put_off=1)
    assert hub.account().requests == 1


def test_a_worker_that_died_with_claimed_rows_is_followed_by_the_next(hub, neighbour, clock):
    hub.ask(f"{neighbour.url}/subscriber")
    hub.run()
    hub.announce(hub.publish(2))
    with hub.store.begin() as tx:
        assert len(rows.claim_deliveries(tx, now=clock(), until=clock() + fanning_out.LEASE_SECONDS, limit=10)) == 1
    assert hub.run().idle
    clock.at += fanning_out.LEASE_SECONDS + 1
    assert hub.run().delivered == 1


def test_news_that_come_while_a_delivery_is_on_its_way_are_still_owed(hub, neighbour, clock):
    hub.ask(f"{neighbour.url}/subscriber")
    hub.run()
    hub.announce(hub.publish(2))
    with hub.store.begin() as tx:
        [taken] = rows.claim_deliveries(tx, now=clock(), until=clock() + fanning_out.LEASE_SECONDS, limit=10)
    hub.announce(hub.publish(3))
    with hub.store.begin() as tx:
        rows.delivered(tx, [taken])
    assert hub.account().deliveries == 1
    assert hub.run().delivered == 1


def test_other_hubs_are_told_of_each_changed_feed_and_again_if_they_fail(settings, store, clock, neighbour):
    hub = Hub(settings(hubs=[f"{neighbour.url}/hub", f"{neighbour.url}/failing"]), store, clock)
    hub.announce([TOPIC])
    assert hub.run() == websub.FanOut(announced=1, put_off=1)
    clock.at += 61
    assert hub.run() == websub.FanOut(announced=1)
    form = parse_qs(neighbour.got[0][2].decode())
    assert form == {"hub.mode": ["publish"], "hub.url": [TOPIC], "hub.topic": [TOPIC]}
    assert sorted(path for path, _, _ in neighbour.got) == ["/failing", "/failing", "/hub"]


def test_no_request_goes_to_a_private_address_unless_the_settings_allow_it(settings, store, clock, neighbour):
    hub = Hub(settings(allow_private=[], hubs=[f"{neighbour.url}/hub"]), store, clock)
    hub.ask(f"{neighbour.url}/subscriber")
    hub.ask("http://169.254.169.254/latest/meta-data")
    hub.ask("http://[::ffff:10.0.0.1]/")
    hub.announce([TOPIC])
    done = hub.run()
    assert (done.denied, done.given_up) == (3, 1)
    assert (neighbour.asked, neighbour.got) == ([], [])
    assert hub.account() == rows.HubAccount(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hub.mode": "publish"}, "own publication"),
        ({"hub.mode": ""}, "hub.mode"),
        ({"hub.topic": "https://other.example/feed"}, "hub.topic"),
        ({"hub.callback": "/relative"}, "hub.callback"),
        ({"hub.callback": "javascript:alert(1)"}, "hub.callback"),
        ({"hub.callback": "https://[oops/"}, "hub.callback"),
        ({"hub.callback": "https://user:pw@a.example/"}, "hub.callback"),
        ({"hub.callback": "https://a.example/#x"}, "hub.callback"),
        ({"hub.callback": "https://a.example/ x"}, "hub.callback"),
        ({"hub.callback": "https://a.example/" + "x" * 3000}, "hub.callback"),
        ({"hub.secret": "x" * 200}, "hub.secret"),
    ],
)
def test_what_can_never_be_done_is_refused_with_what_to_change(hub, change, word):
    form = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": "https://a.example/"}
    with hub.store.begin() as tx, pytest.raises(websub.BadRequest, match=word):
        websub.ask(tx, hub.settings, {**form, **change}, now=NOW)
    assert hub.account().requests == 0


def test_our_hub_does_not_let_itself_be_used_against_one_host(hub, monkeypatch):
    monkeypatch.setattr(websub.hub, "MAX_WAITING_FOR_HOST", 3)
    for number in range(3):
        hub.ask(f"https://victim.example/{number}")
    with pytest.raises(websub.HubBusy):
        hub.ask("https://victim.example/4")
    hub.ask("https://other.example/1")


def test_a_secret_is_in_no_repr(hub, clock):
    hub.ask("https://a.example/", secret="hunter2")
    with hub.store.begin() as tx:
        [asked] = rows.claim_requests(tx, now=clock(), until=clock() + 1, limit=1)
    assert asked.secret == "hunter2"
    assert "hunter2" not in repr(asked)
