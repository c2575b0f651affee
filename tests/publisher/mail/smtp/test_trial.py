"""A relay is tried as the doctor does: logged in to and left, with the relay's own words where it fails."""

from __future__ import annotations

import socket

import pytest

from publisher.lib.findings import Finding, Level
from publisher.mail.smtp import trial
from publisher.mail.transports import looks
from tests import factories
from tests.fakes.certificates import Authority, make_authority
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.domains.zone import ZoneResolver

PASSWORD = "hunter2-of-the-relay"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def tried(tmp_path, monkeypatch, **mail) -> Finding:
    monkeypatch.setenv("RELAY_PASSWORD", PASSWORD)
    settings = factories.settings(tmp_path, mail={"transport": "smtp", "host": "127.0.0.1", **mail})
    found = next(look for look in looks(settings, ZoneResolver("")) if look.check.startswith("relay")).run()
    (finding,) = found
    assert PASSWORD not in f"{finding}"
    return finding


def test_a_relay_that_lets_us_in_is_ready_and_was_sent_nothing(tmp_path, monkeypatch, authority):
    habits = Habits(tls=authority.server("127.0.0.1"), credentials=("ada", PASSWORD))
    with FaultyRelay(habits) as relay:
        found = tried(
            tmp_path,
            monkeypatch,
            port=relay.port,
            username="ada",
            password={"env": "RELAY_PASSWORD"},
            ca_file=str(authority.ca_file),
        )
    assert (found.level, found.check) == (Level.OK, f"relay 127.0.0.1:{relay.port}")
    assert "TLSv1" in found.seen
    assert "signed in as ada" in found.seen
    assert relay.memory.messages == 0
    assert not any(command.startswith("MAIL") for command in relay.memory.commands)
    assert relay.memory.commands[-1] == "QUIT"


def test_a_wrong_password_is_told_in_the_relays_own_words(tmp_path, monkeypatch, authority):
    habits = Habits(
        tls=authority.server("127.0.0.1"),
        credentials=("ada", "another"),
        auth_reply=b"535 5.7.8 Username and Password not accepted by the treasury\r\n",
    )
    with FaultyRelay(habits) as relay:
        found = tried(
            tmp_path,
            monkeypatch,
            port=relay.port,
            username="ada",
            password={"env": "RELAY_PASSWORD"},
            ca_file=str(authority.ca_file),
        )
    assert found.level is Level.FAULT
    assert found.seen == "AUTH: 535 5.7.8 Username and Password not accepted by the treasury"
    assert "username and password" in found.todo


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("wrong", ["expired", "another name", "unknown authority"])
def test_a_certificate_that_is_not_right_is_named(tmp_path, monkeypatch, authority, implicit, wrong):
    name = "other.example" if wrong == "another name" else "127.0.0.1"
    habits = Habits(tls=authority.server(name, expired=wrong == "expired"), implicit_tls=implicit)
    ca_file = "" if wrong == "unknown authority" else str(authority.ca_file)
    with FaultyRelay(habits) as relay:
        security = "tls" if implicit else "starttls"
        found = tried(tmp_path, monkeypatch, port=relay.port, security=security, ca_file=ca_file)
    assert (found.level, "certificate is not accepted" in found.seen) == (Level.FAULT, True), found
    assert "ca_file" in found.todo


def test_a_relay_without_starttls_is_a_fault_and_gets_nothing_in_clear(tmp_path, monkeypatch):
    with FaultyRelay(Habits(offer_starttls=False)) as relay:
        found = tried(tmp_path, monkeypatch, port=relay.port)
    assert (found.level, "STARTTLS" in found.seen, "security" in found.todo) == (Level.FAULT, True, True)


def test_a_port_where_nobody_listens_is_a_fault(tmp_path, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = tried(tmp_path, monkeypatch, port=probe.getsockname()[1])
    assert (found.level, found.seen) == (Level.FAULT, "connecting: connection refused")
    assert "firewall" in found.todo


def test_a_relay_that_says_nothing_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "STEP_SECONDS", 0.2)
    with FaultyRelay(Habits(greeting_delay=5)) as relay:
        found = tried(tmp_path, monkeypatch, port=relay.port)
    assert (found.level, found.seen) == (Level.FAULT, "greeting: no greeting within 0.2 s")


def test_a_relay_that_is_busy_says_so_in_its_greeting(tmp_path, monkeypatch):
    with FaultyRelay(Habits(greeting=b"421 4.3.2 too busy, come back\r\n")) as relay:
        found = tried(tmp_path, monkeypatch, port=relay.port)
    assert (found.level, found.seen) == (Level.FAULT, "greeting: 421 4.3.2 too busy, come back")


def test_each_relay_is_tried_and_one_in_trouble_does_not_hide_the_other(tmp_path):
    with FaultyRelay() as good, FaultyRelay(Habits(greeting=b"554 no\r\n")) as bad:
        relays = [{"host": "127.0.0.1", "port": one.port, "security": "none"} for one in (good, bad)]
        settings = factories.settings(tmp_path, mail={"transport": "smtp", "relays": relays})
        found = {look.check: next(iter(look.run())).level for look in looks(settings, ZoneResolver(""))}
    assert found[f"relay 127.0.0.1:{good.port}"] is Level.OK
    assert found[f"relay 127.0.0.1:{bad.port}"] is Level.FAULT


@pytest.mark.parametrize("kind", ["maildir", "memory"])
def test_a_transport_that_sends_nothing_says_so(tmp_path, kind):
    settings = factories.settings(tmp_path, mail={"transport": kind})
    ((finding,),) = [list(look.run()) for look in looks(settings, ZoneResolver(""))]
    assert finding.level is Level.WARNING
    assert "smtp" in finding.todo
