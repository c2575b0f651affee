"""Sending notices: whatever the notice is, if its folder is there."""

from __future__ import annotations

from email import message_from_bytes, policy

from publisher.mail.transports.memory import MemoryTransport
from publisher.store import notices, subscribers
from publisher.subscribers.notices import send_due_notices
from tests import factories

NOW = 1_800_000_000.0


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
