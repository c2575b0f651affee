"""From the moment an unsubscription has been answered, no message starts: in the middle of a send, too."""

from __future__ import annotations

import random
import shutil
import threading
import time

from starlette.testclient import TestClient

from publisher.delivery import Options, drain
from publisher.lib import links
from publisher.mail.feedback import Kind, Report
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.pipeline.site import Site
from publisher.store import articles, deliveries, editions, freezing, open_store, subscribers
from publisher.store.subscribers import NewSubscriber
from publisher.subscribers import feedback
from publisher.subscribers.personal_links import keyring_of
from publisher.web.app import application
from publisher.web.frame.frame import Frame
from tests import factories

SUBSCRIBERS = 400


class Slow(OneByOne):
    """Takes a moment over each message and remembers when it began."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def send(self, outgoing: Outgoing) -> Result:
        self.began[outgoing.recipient] = time.monotonic()
        time.sleep(0.002)
        return SENT


def test_no_message_starts_after_the_answer_to_one_click_or_to_a_complaint(tmp_path, migrated) -> None:
    settings = factories.settings(tmp_path)
    store = open_store(f"sqlite:///{shutil.copy(migrated, tmp_path / 'masthead.db')}")
    with store.begin(snapshot=True) as tx:
        article = factories.article()
        articles.save(tx, article, source_path="a.md", now=1.0)
        people = [NewSubscriber(f"r{number}@example.org") for number in range(1, SUBSCRIBERS + 1)]
        subscribers.import_list(tx, people, now=1.0, digests=["digest"])
        edition = editions.create(tx, "digest", "News", [article], now=1.0)
        freezing.freeze(tx, edition, freezing.audience("digest"), now=1.0, chunk_size=100)
    keys = keyring_of(store)
    client = TestClient(application(Frame.of(Site(settings, store))))
    transport = Slow()

    def compose(row_edition, row) -> Outgoing:
        return Outgoing(row.id, "post@slow.example", row.address, b"Subject: x\r\n\r\n", f"{row.id}@slow.example")

    def send() -> None:
        drain(store, transport, compose, journal_directory=tmp_path / "journal", options=Options(seconds=30.0))

    sending = threading.Thread(target=send)
    sending.start()
    answered: dict[str, float] = {}
    rng = random.Random(4)
    for number, who in enumerate(rng.sample(range(1, SUBSCRIBERS + 1), 60)):
        if number % 2:
            path = links.unsubscribe_url("", keys, who, edition)
            assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
        else:
            feedback.record(store, settings, Report(Kind.COMPLAINT, "mail", who), now=time.time())
        answered[f"r{who}@example.org"] = time.monotonic()
        if not sending.is_alive():
            break
    sending.join(timeout=60)
    assert not sending.is_alive()
    late = [who for who, at in answered.items() if transport.began.get(who, 0.0) > at]
    assert late == []
    assert any(who not in transport.began for who in answered), "some left before their message was due"
    with store.read() as tx:
        audit = deliveries.audit(tx, edition)
    assert audit.problems == ()
    assert audit.account.sent == len(transport.began)
    assert audit.account.sent + audit.account.suppressed == SUBSCRIBERS
    store.close()
