"""A subscriber's whole life, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from datetime import date

from publisher.lib.addresses import parse_address
from publisher.mail.feedback import Kind, Report
from publisher.mail.transport import Cause
from publisher.mail.transports.memory import MemoryTransport
from publisher.model import Cadence
from publisher.pipeline.subscribers import SWEEP_SECONDS
from publisher.store import limits, notices, reports, signups, subscribers, tracking
from publisher.store.subscribers import SubscriberStatus
from publisher.store.tables import metadata
from publisher.subscribers import feedback, leaving, personal_data, personal_links, standing, subscribing
from publisher.subscribers.notices import send_due_notices
from publisher.subscribers.wishes import Wishes
from tests import factories

NOW = 1_800_000_000.0
DAY = 86_400.0


def test_from_asking_to_being_erased(either_store, tmp_path) -> None:
    store = either_store
    settings = factories.settings(tmp_path)
    transport = MemoryTransport()
    ada = parse_address("ada@example.org")
    wishes = Wishes(sections=("Coast",), cadence=Cadence.WEEKLY, weekday=4, timezone="Europe/Rome", language="it")

    for _ in range(3):  # asked three times, mailed once
        assert subscribing.ask(store, settings, ada, wishes, network="192.0.2.7", now=NOW) == "taken"
    assert send_due_notices(store, settings, transport, now=NOW) == (1, 0)
    assert transport.taken[0].recipient == "ada@example.org"

    with store.read() as tx:
        created = signups.get(tx, 1).created
    url = personal_links.confirm_url(settings, personal_links.keyring_of(store), 1, created)
    found = subscribing.pending(store, url.rpartition("/")[2], now=NOW)
    who = subscribing.confirm(store, settings, found, now=NOW)
    assert subscribing.confirm(store, settings, found, now=NOW + 1) == who
    assert send_due_notices(store, settings, transport, now=NOW + 1) == (1, 0)

    held = standing.find(store, who, now=NOW)
    assert (held.subscriber.status, held.wishes.sections, held.wishes.language) == (
        SubscriberStatus.CONFIRMED,
        ("Coast",),
        "it",
    )
    pause = date(2027, 3, 1)
    changed = Wishes(("digest",), cadence=Cadence.MONTHLY, monthday=31, paused_until=pause, tracking=False)
    after = standing.change(store, who, changed, now=NOW)
    assert after.wishes == changed
    assert leaving.leave(store, who, now=NOW + 2, how="page")
    assert not leaving.leave(store, who, now=NOW + 3, how="page")
    assert leaving.undo_leave(store, who, now=NOW + 4)

    for day in range(2):
        event = Report(Kind.BOUNCE, "mail", who, 1, cause=Cause.DEAD, status="5.1.1", event_id=f"e{day}")
        effect = feedback.record(store, settings, event, now=NOW + day * DAY)
        assert feedback.record(store, settings, event, now=NOW + day * DAY) is feedback.Effect.IGNORED
    assert effect is feedback.Effect.SUPPRESSED

    with store.begin() as tx:
        assert tracking.number_links(tx, 1, ["https://a.example/", "https://b.example/"]) == {
            "https://a.example/": 1,
            "https://b.example/": 2,
        }
        for _ in range(2):
            tracking.count(tx, 1, "click", link=2, human=True)
            tracking.count_subscriber(tx, who, 1, "click", link=2, now=NOW)
        assert [(row.url, row.times) for row in tracking.of_edition(tx, 1)] == [("https://b.example/", 2)]

    data = personal_data.export(store, who, now=NOW)
    assert data["suppressed"] == "bounced"
    assert data["opened_and_clicked"][0]["times"] == 2
    assert [one["what"] for one in data["record"]] == ["confirmed", "changed", "unsubscribed", "came back"]

    assert personal_data.erase(store, who, now=NOW + 5)
    assert not personal_data.erase(store, who, now=NOW + 6)
    with store.begin() as tx:
        assert subscribers.suppressed(tx, "ada@example.org").reason == "bounced", "the first reason stays"
        late = NOW + 40 * DAY + SWEEP_SECONDS
        assert limits.sweep(tx, now=late) > 0
        assert signups.sweep(tx, now=late) == 0, "they went with the erasure"
        assert notices.sweep(tx, now=late) == 0, "they too"
        reports.sweep(tx, now=NOW + 500 * DAY)
        everything = json.dumps([[repr(row) for row in tx.execute(t.select())] for t in metadata.tables.values()])
    assert "ada@" not in everything
    assert "192.0.2" not in everything
