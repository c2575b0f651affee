"""The addresses that providers report to, through to the store."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import httpx
import pytest
from starlette.testclient import TestClient

from publisher import net
from publisher.mail.feedback import webhooks as providers
from publisher.mail.feedback.fetching import Fetcher
from publisher.mail.feedback.webhooks import Refused
from publisher.pipeline.site import Site
from publisher.settings import load_settings
from publisher.store import subscribers
from publisher.store.subscribers import SubscriberStatus
from publisher.web.app import application
from publisher.web.frame.frame import Frame

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FEEDBACK = """
[feedback]
mailgun_key = { env = "MAILGUN_KEY" }
ses_topics = ["arn:aws:sns:eu-west-1:123456789012:bounces"]

[feedback.heron]
"""


def body(event: str = "complained", token: str = "t1", **more: object) -> bytes:
    stamp = str(int(NOW.timestamp()))
    signature = hmac.new(b"secret", (stamp + token).encode(), hashlib.sha256).hexdigest()
    data = {"event": event, "recipient": "ada@example.org", "id": token, **more}
    return json.dumps(
        {"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": data}
    ).encode()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def client(site_dir, store, monkeypatch, asked):
    monkeypatch.setenv("MAILGUN_KEY", "secret")
    file = site_dir / "publication.toml"
    file.write_text(file.read_text() + FEEDBACK)
    with store.begin() as tx:
        subscribers.import_list(tx, [subscribers.NewSubscriber("ada@example.org")], now=1.0, digests=["digest"])

    def fetch(url: str) -> bytes:
        asked.append(url)
        raise Refused("no network in a test")

    site = Site(load_settings(site_dir), store, clock=NOW.timestamp)
    return TestClient(application(Frame.of(site, fetch=fetch)))


def reason(store) -> str:
    with store.read() as tx:
        found = subscribers.suppressed(tx, "ada@example.org")
    return found.reason if found else ""


def test_a_genuine_complaint_suppresses(client, store) -> None:
    assert client.post("/webhooks/mailgun", content=body()).status_code == 200
    assert reason(store) == "complained"


def test_a_replay_answers_200_and_changes_nothing(client, store) -> None:
    client.post("/webhooks/mailgun", content=body())
    with store.begin() as tx:
        subscribers.lift_suppression(tx, "ada@example.org")
    assert client.post("/webhooks/mailgun", content=body()).status_code == 200
    assert reason(store) == ""


@pytest.mark.parametrize("first", ["delivered", "opened", "failed", "complained", "unsubscribed"])
def test_a_signature_that_was_seen_once_signs_no_other_event(client, store, first) -> None:
    """Mailgun signs time stamp and token alone: the event beside them could be any."""
    genuine = body(first, recipient="bo@example.org")
    assert client.post("/webhooks/mailgun", content=genuine).status_code == 200
    for forged in ({"id": "new"}, {"id": "t1"}, {}):
        data = json.loads(genuine)
        data["event-data"] = {"event": "complained", "recipient": "ada@example.org"} | forged
        assert client.post("/webhooks/mailgun", content=json.dumps(data)).status_code == 200
    assert reason(store) == ""
    assert client.post("/webhooks/mailgun", content=body(token="t2")).status_code == 200
    assert reason(store) == "complained"


def test_an_end_of_the_time_stamp_that_becomes_the_tokens_beginning_is_the_same_signature(client, store) -> None:
    genuine = json.loads(body("opened", token="e0cafe"))
    assert client.post("/webhooks/mailgun", content=json.dumps(genuine)).status_code == 200
    stamp, token = genuine["signature"]["timestamp"], genuine["signature"]["token"]
    genuine["signature"] |= {"timestamp": stamp + token[:2], "token": token[2:]}
    genuine["event-data"] = {"event": "complained", "recipient": "ada@example.org", "id": "new"}
    client.post("/webhooks/mailgun", content=json.dumps(genuine))
    assert reason(store) == ""


@pytest.mark.parametrize("path", ["/webhooks/mailgun", "/webhooks/ses"])
@pytest.mark.parametrize("raw", [b"", b"{}", body().replace(b"signature", b"signatura"), b"\xff" * 2000])
def test_what_is_not_genuine_answers_401_and_changes_nothing(client, store, asked, path, raw) -> None:
    assert client.post(path, content=raw).status_code == 401
    assert reason(store) == ""
    assert asked == []


def test_a_provider_that_is_not_set_up_has_no_address(client) -> None:
    for path in ("/webhooks/postmark", "/webhooks/sendgrid"):
        assert client.post(path, content=b"{}").status_code == 404


@pytest.mark.parametrize("name", ["pigeon", "_base", "__init__", "..%2fses", "mailbox", "warn_complaints"])
def test_what_is_no_provider_has_no_address(client, name) -> None:
    assert client.post(f"/webhooks/{name}", content=b"{}").status_code == 404


def test_a_new_file_is_a_provider_with_an_address_and_a_dead_address_is_suppressed_at_once(
    client, store, tmp_path, monkeypatch
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "heron.py").write_text(
        "from publisher.mail.feedback import Kind, Report\n"
        "from publisher.mail.feedback.webhooks import BaseProvider\n"
        "from publisher.mail.transport import Cause\n"
        "class Heron(BaseProvider):\n"
        "    ready = True\n"
        "    def read(self, call, now):\n"
        "        return [Report(Kind.BOUNCE, 'heron', address=call.headers['x-about'], cause=Cause.DEAD)]\n"
        "PROVIDER = Heron\n"
    )
    assert client.post("/webhooks/heron", headers={"X-About": "ada@example.org"}).status_code == 404
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path / "more")])
    assert client.post("/webhooks/heron", headers={"X-About": "ada@example.org"}).status_code == 200
    assert reason(store) == "bounced"


def test_an_unsubscription_at_the_provider_is_one_here(client, store) -> None:
    client.post("/webhooks/mailgun", content=body("unsubscribed"))
    with store.read() as tx:
        who = subscribers.by_address(tx, "ada@example.org")
        assert subscribers.status_of(tx, who.id) is SubscriberStatus.UNSUBSCRIBED


def test_a_certificate_is_fetched_once_and_never_through_a_redirect() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        if request.url.path == "/moved.pem":
            return httpx.Response(302, headers={"location": "https://evil.example/"})
        if request.url.path == "/large.pem":
            raise net.OutOfBounds("the answer is larger than 65536 bytes")
        return httpx.Response(200, content=b"pem")

    certificates = Fetcher(httpx.Client(transport=httpx.MockTransport(answer)))
    base = "https://sns.eu-west-1.amazonaws.com"
    assert certificates.get(f"{base}/a.pem") == certificates.get(f"{base}/a.pem") == b"pem"
    for name in ("moved", "large"):
        with pytest.raises(Refused):
            certificates.get(f"{base}/{name}.pem")
    assert seen == [f"{base}/a.pem", f"{base}/moved.pem", f"{base}/large.pem"]
