"""Sending notices: whatever the notice is, if its folder is there."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from publisher.lib.addresses import parse_address
from publisher.mail.transport import Outcome, Result
from publisher.mail.transports.memory import MemoryTransport
from publisher.store import notices, signups, subscribers
from publisher.subscribers.notices import send_due_notices
from tests import factories

NOW = 1_800_000_000.0
DAY = 86_400.0


def write_notice(site, name, words):
    folder = site / "templates" / "notice" / name
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("{{ words.subject }}", encoding="utf-8")
    for part in ("body.txt", "body.html"):
        (folder / part).write_text(f'{{% extends "notice/{part}" %}}', encoding="utf-8")
    (site / "templates" / "words").mkdir()
    (site / "templates" / "words" / "it.toml").write_text(words, encoding="utf-8")


def test_a_made_up_notice_is_sent_in_the_subscribers_language(either_store, tmp_path):
    write_notice(
        tmp_path,
        "farewell",
        '[notice.farewell]\nsubject = "Addio da {name}"\ntitle = "Addio"\nlead = "{name} ti saluta."\n',
    )
    with either_store.begin() as tx:
        who = subscribers.add(tx, "ada@example.org", now=NOW, language="it")
        notices.queue(tx, "farewell", "ada@example.org", now=NOW, language="it", subscriber_id=who)
        notices.queue(tx, "no-such-notice", "ada@example.org", now=NOW, subscriber_id=who)
    transport = MemoryTransport()
    assert send_due_notices(either_store, factories.settings(tmp_path), transport, now=NOW) == (1, 1)
    [sent] = transport.taken
    message = message_from_bytes(sent.message, policy=policy.default)
    assert message["Subject"] == "Addio da The Slow Post"
    assert "The Slow Post ti saluta." in message.get_body(("plain",)).get_content()
    assert 'lang="it"' in message.get_body(("html",)).get_content()


class Refusing(MemoryTransport):
    """Refuses every message for now."""

    def send(self, outgoing):
        return Result(Outcome.DEFERRED, 451, reply="451 not now")


def queue_confirmation(tx, address, *, due=NOW):
    request = signups.add(tx, parse_address(address), {}, language="en", now=NOW)
    notices.queue(tx, "confirm", address, now=NOW, due=due, language="en", signup_id=request)


def states(store):
    with store.read() as tx:
        return [(row.address, row.state) for row in tx.execute(notices.notice.select().order_by(notices.notice.c.id))]


@pytest.mark.parametrize("days", [0, 2, 5])
def test_a_confirmation_is_tried_for_a_day_from_its_first_try_however_long_it_was_kept(either_store, tmp_path, days):
    with either_store.begin() as tx:
        queue_confirmation(tx, "ada@example.org", due=NOW + days * DAY)
    transport = Refusing()
    settings, now, tries = factories.settings(tmp_path), NOW + days * DAY, 0
    while states(either_store) == [("ada@example.org", "queued")]:
        tries += send_due_notices(either_store, settings, transport, now=now)[1]
        with either_store.read() as tx:
            now = max(now, tx.scalar(notices.notice.select().with_only_columns(notices.notice.c.due)))
    assert tries == 10
    assert 0.8 * DAY < now - NOW - days * DAY < 1.2 * DAY
    assert states(either_store) == [("ada@example.org", "failed")]


def test_a_confirmation_whose_link_would_be_void_is_not_sent(either_store, tmp_path):
    with either_store.begin() as tx:
        queue_confirmation(tx, "ada@example.org")
    with either_store.begin() as tx:
        notices.claim(tx, now=NOW, limit=1)  # and the worker that claimed it died
    transport = MemoryTransport()
    late = NOW + signups.KEPT_SECONDS
    assert send_due_notices(either_store, factories.settings(tmp_path), transport, now=late) == (0, 0)
    assert states(either_store) == [("ada@example.org", "void")]
    assert transport.taken == []


@pytest.mark.parametrize("swept", [True, False])
def test_confirmations_that_can_no_longer_be_confirmed_do_not_stand_before_fresh_ones(either_store, tmp_path, swept):
    late = NOW + signups.KEPT_SECONDS
    with either_store.begin() as tx:
        for number in range(60):
            queue_confirmation(tx, f"invented{number}@example.org", due=late - 1)
        request = signups.add(tx, parse_address("ada@example.org"), {}, language="en", now=late)
        notices.queue(tx, "confirm", "ada@example.org", now=late, language="en", signup_id=request)
        if swept:
            signups.sweep(tx, now=late)
            assert notices.sweep(tx, now=late) == 0, "none is forgotten yet"
    if swept:
        assert {state for _, state in states(either_store)[:60]} == {"void"}
    transport = MemoryTransport()
    assert send_due_notices(either_store, factories.settings(tmp_path), transport, now=late) == (1, 0)
    assert [sent.recipient for sent in transport.taken] == ["ada@example.org"]
    assert {state for _, state in states(either_store)[:60]} == {"void"}
