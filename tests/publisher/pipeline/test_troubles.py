"""Why nothing leaves is told: the last reply and since when, in ``publish``, ``status``, the desk and the log."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from publisher.cli import app
from publisher.mail.transport import Cause, Outcome, Result
from publisher.pipeline import publishing
from publisher.pipeline.operating import standings, troubles
from publisher.pipeline.site import open_site
from publisher.pipeline.troubles import mail_trouble, word_of
from publisher.store import channels
from publisher.store import troubles as trouble_rows
from tests.factories import write_site
from tests.fakes.relay import FaultyRelay, Habits

TOWN = {"name": "town", "kind": "webhook", "options": {"url": "https://a.example/", "secret": {"env": "TOWN_SECRET"}}}
DENIED = b"454 4.7.1 <anna@example.org>: Relay access denied\r\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PATIENCE_SECONDS", 0.0)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def make(directory: Path, port: int, **more: object) -> Path:
    mail = {"transport": "smtp", "host": "127.0.0.1", "port": port, "security": "none"}
    write_site(directory, digests=[{"name": "letter"}], mail=mail, **more)
    (directory / "articles" / "one.md").write_text("---\ntitle: One\ndate: 2026-11-01\n---\nWords.\n")
    (directory / "subscribers.csv").write_text("address\nanna@example.org\n")
    return directory


def call(site: Path, *words: str):
    return CliRunner().invoke(app, [*words, "--site", str(site)])


def told(site: Path, reply: str) -> None:
    """Every place says it, and in the same words: the first ``publish``, a second one, and ``status``."""
    for _ in range(2):
        shown = call(site, "publish")
        assert shown.exit_code == 1
        assert reply in shown.output
        assert "since 20" in shown.output
        assert "nobody is due" not in shown.output
        assert "1 still to go" in shown.output
    as_json = json.loads(call(site, "publish", "--json").stdout)
    assert not as_json["ok"]
    assert reply in as_json["troubles"][0]["reply"]
    assert reply in " ".join(call(site, "status").output.split())
    (one,) = json.loads(call(site, "status", "--json").stdout)
    assert reply in one["trouble"]["reply"]
    assert one["trouble"]["since"] > 0
    assert one["trouble"]["times"] >= 1


def test_a_relay_whose_port_is_closed_is_named_by_every_command(tmp_path: Path) -> None:
    told(make(tmp_path, closed_port()), "refused")


@pytest.mark.parametrize("reply", [DENIED, b"451 4.3.2 system not accepting network messages\r\n"])
@pytest.mark.parametrize("place", ["rcpt_reply", "mail_reply"])
def test_a_relay_that_refuses_everybody_for_now_is_named_by_every_command(
    tmp_path: Path, reply: bytes, place: str
) -> None:
    with FaultyRelay(Habits(**{place: reply})) as relay:
        site = make(tmp_path, relay.port)
        if reply is DENIED or place == "mail_reply":
            told(site, reply.decode().split(" ", 2)[2].strip())
        else:  # said of one recipient: that one waits, and the reply is shown beside it
            shown = call(site, "publish")
            assert "not accepting network messages" in shown.output


def test_success_clears_it_and_the_log_says_both_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "publisher.pipeline.troubles")
    with FaultyRelay() as relay:
        relay.stop()
        site = open_site(make(tmp_path, relay.port))
        try:
            for _ in range(2):
                found = publishing.publish(site)
                assert found.refused
                assert [one.name for one in found.troubles] == ["mail"]
                assert troubles(site) == found.troubles
            assert standings(site)[0].trouble == found.troubles[0]
            assert [one.levelname for one in caplog.records] == ["ERROR"]
            relay.start()
            with site.store.begin() as tx:
                tx.exec_driver_sql("UPDATE chunk SET due = 0")
            found = publishing.publish(site)
            assert (found.refused, found.sent, found.troubles) == (False, 1, ())
            assert troubles(site) == ()
            assert caplog.records[-1].message.startswith("mail leaves again")
        finally:
            site.close()


def test_a_trouble_of_a_transport_that_is_no_longer_set_is_not_shown(tmp_path: Path) -> None:
    site = make(tmp_path, closed_port())
    assert call(site, "publish").exit_code == 1
    assert "mail does not leave" in call(site, "status").output
    write_site(site, digests=[{"name": "letter"}])
    shown = call(site, "status")
    assert "mail does not leave" not in shown.output
    assert "refused" not in shown.output
    (one,) = json.loads(call(site, "status", "--json").stdout)
    assert one["trouble"] is None
    opened = open_site(site)
    try:
        assert troubles(opened) == ()
        with opened.store.begin() as tx:
            tx.exec_driver_sql("UPDATE chunk SET due = 0")
            begun = trouble_rows.note(tx, trouble_rows.MAIL, "no space", now=1_800_000_000.0, by="maildir")
        assert begun is None, "it begins now, not with the other transport's"
        assert [one.times for one in troubles(opened)] == [1]
    finally:
        opened.close()


def test_a_standing_trouble_fails_a_publish_only_while_deliveries_wait(tmp_path: Path) -> None:
    site = make(tmp_path, closed_port())
    assert call(site, "publish").exit_code == 1
    waiting = call(site, "publish")
    assert waiting.exit_code == 1
    assert "mail does not leave" in waiting.output
    assert call(site, "cancel", "latest", "--yes").exit_code == 0
    idle = call(site, "publish")
    assert idle.exit_code == 0, idle.output
    assert "mail does not leave" not in idle.output
    assert "mail does not leave" in call(site, "status").output, "it stands until a message leaves"


def test_one_process_notes_it_and_another_sees_it(tmp_path: Path) -> None:
    make(tmp_path, closed_port())
    call(tmp_path, "publish")
    site = open_site(tmp_path)
    try:
        with site.store.read() as tx:
            first = mail_trouble(tx, "smtp")
        call(tmp_path, "publish")
        with site.store.begin() as tx:
            tx.exec_driver_sql("UPDATE chunk SET due = 0")
        call(tmp_path, "publish")
        with site.store.read() as tx:
            second = mail_trouble(tx, "smtp")
    finally:
        site.close()
    assert first is not None
    assert second is not None
    assert second.since == first.since
    assert second.times > first.times


def test_a_channel_whose_token_is_dead_is_told_as_well(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        site = make(tmp_path, relay.port, channels=[TOWN])
        opened = open_site(site)
        with opened.store.begin() as tx:
            channels.see(tx, "town", "webhook", 0.0)
            channels.pause(tx, "town", 1_790_000_000.0, "the platform refuses our token: 401")
        opened.close()
        shown = call(site, "publish")
    assert shown.exit_code == 1
    assert "channel town is paused, since 2026-09-21" in shown.output
    assert "the platform refuses our token: 401" in " ".join(call(site, "status").output.split())


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (Result(Outcome.SENT, 250), ""),
        (Result(Outcome.FAILED, 550, "5.1.1", "no", cause=Cause.DEAD), ""),
        (Result(Outcome.DEFERRED, 450, "4.2.1", "busy", cause=Cause.SOFT), ""),
        (Result(Outcome.DEFERRED, 452, "4.3.1", "storage", cause=Cause.RELAY), "452 4.3.1 storage"),
        (Result(Outcome.RELEASED, reply="no relay can be used", cause=Cause.RELAY), "no relay can be used"),
        (Result(Outcome.RELEASED, 535, "5.7.8", "no", cause=Cause.OURS, pause="look"), "535 5.7.8 no"),
        (Result(Outcome.RELEASED, reply="stopped before it was begun"), None),
        (Result(Outcome.IN_DOUBT, reply="the connection broke"), None),
    ],
)
def test_what_one_result_says_of_the_relays(result: Result, word: str | None) -> None:
    assert word_of(result) == word
