"""A whole site is looked at: nothing is changed, made, sent or posted, and no secret is shown."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from publisher.cli import app
from publisher.lib.findings import Level
from publisher.mail.domains import system_resolver
from publisher.mail.new_key import make_key, save_key
from publisher.pipeline.doctor import examine
from publisher.store import channels as channel_rows
from publisher.store import open_store
from tests import factories
from tests.fakes import FAKES
from tests.fakes.certificates import make_authority
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.domains.zone import ZoneResolver

SECRETS = {"RELAY_PASSWORD": "hunter2-of-the-relay", "FAKE_TELEGRAM_TOKEN": ""}


def content_of(site):
    return {path: path.read_bytes() for path in site.rglob("*") if path.is_file() and path.suffix not in (".db-shm",)}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site that is set up well, its relay, its platform and its zone."""
    authority = make_authority(tmp_path)
    directory = tmp_path / "site"
    key = make_key("masthead")
    save_key(key, directory / "secrets" / "dkim.pem")
    habits = Habits(tls=authority.server("127.0.0.1"), credentials=("ada", SECRETS["RELAY_PASSWORD"]))
    with FaultyRelay(habits) as relay, FAKES["telegram"]() as fake:
        monkeypatch.setenv("RELAY_PASSWORD", SECRETS["RELAY_PASSWORD"])
        monkeypatch.setenv("FAKE_TELEGRAM_TOKEN", fake.token)
        options = {"base_url": fake.base, "chat": "@paper", "token": {"env": "FAKE_TELEGRAM_TOKEN"}}
        factories.write_site(
            directory,
            publication={"base_url": "http://127.0.0.1:8000"},
            mail={
                "transport": "smtp",
                "host": "127.0.0.1",
                "port": relay.port,
                "username": "ada",
                "password": {"env": "RELAY_PASSWORD"},
                "ca_file": str(authority.ca_file),
                "return_domain": "bounces.slow.example",
            },
            **{"mail.dkim": {"key": {"file": "secrets/dkim.pem"}}},
            channels=[
                {"name": "tg", "kind": "telegram", "options": options},
                {"name": "x", "kind": "x", "dry_run": True},
            ],
            net={"allow_private": ["127.0.0.1"]},
            feedback={"mailbox": "lmtp", "complaints_to": ["fbl@bounces.slow.example"]},
        )
        (directory / "state").mkdir()
        open_store(f"sqlite:///{directory}/state/masthead.db").close()
        zone = (
            'bounces.slow.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"\n'
            "bounces.slow.example. IN MX 10 mx.slow.example.\n"
            '_dmarc.slow.example. IN TXT "v=DMARC1; p=none"\n'
            + f'masthead._domainkey.slow.example. IN TXT "{key.dns_record()[:200]}" "{key.dns_record()[200:]}"'
        )
        yield directory, relay, fake, ZoneResolver(zone)


def test_a_site_that_is_set_up_well_has_no_fault_and_is_left_as_it_was(site, monkeypatch):
    directory, relay, fake, resolver = site
    before = content_of(directory)
    found = examine(directory, resolver=resolver)
    wrong = [one for one in found if one.level is not Level.OK]
    assert [one.check for one in wrong] == ["public address"], wrong  # on loopback
    checks = {one.check for one in found}
    assert {
        "database",
        "database integrity",
        "channel tg",
        f"relay 127.0.0.1:{relay.port}",
        "PTR of 127.0.0.1",
    } <= checks
    assert {"SPF of bounces.slow.example", "DMARC of slow.example", "MX of bounces.slow.example"} <= checks
    assert {"DKIM at masthead._domainkey.slow.example", "SPF alignment", "DKIM alignment", "secrets"} <= checks
    assert "channel x" not in checks
    assert relay.memory.messages == 0
    after = content_of(directory)
    assert {path for path in after if after[path] != before.get(path)} <= {directory / "state" / "masthead.db-wal"}
    shown = f"{found}"
    assert SECRETS["RELAY_PASSWORD"] not in shown
    assert fake.token not in shown


def test_a_revoked_token_is_told_in_the_platforms_words_and_the_channel_is_left_as_it_was(site, monkeypatch):
    directory, _, _, resolver = site
    monkeypatch.setenv("FAKE_TELEGRAM_TOKEN", "1:revoked-token-of-ours")
    found = {one.check: one for one in examine(directory, resolver=resolver)}["channel tg"]
    assert found.level is Level.FAULT
    assert "masthead channels test tg" in found.todo
    assert "revoked-token-of-ours" not in f"{found}"
    with open_store(f"sqlite:///{directory}/state/masthead.db").read() as tx:
        assert channel_rows.every(tx) == []


def test_a_paused_channel_stays_paused_and_is_told(site):
    directory, _, _, resolver = site
    with open_store(f"sqlite:///{directory}/state/masthead.db").begin() as tx:
        channel_rows.see(tx, "tg", "telegram", 1.0)
        channel_rows.change(tx, "tg", paused=2.0, reason="the token was refused")
    found = {one.check: one for one in examine(directory, resolver=resolver)}["channel tg"]
    assert (found.level, "the token was refused" in found.seen) == (Level.WARNING, True)
    with open_store(f"sqlite:///{directory}/state/masthead.db").read() as tx:
        assert channel_rows.get(tx, "tg").paused == 2.0


def test_what_comes_back_and_is_not_read_is_a_warning(site):
    directory, _, _, resolver = site
    file = directory / "publication.toml"
    file.write_text(file.read_text().replace('mailbox = "lmtp"', 'mailbox = "off"'))
    found = [one for one in examine(directory, resolver=resolver) if one.check == "feedback"]
    assert {one.level for one in found} == {Level.WARNING}
    assert len(found) == 2
    assert any("bounces and complaints are not read" in one.seen and "[feedback] mailbox" in one.todo for one in found)


def test_a_site_that_never_ran_is_looked_at_and_stays_so(tmp_path):
    factories.write_site(tmp_path, publication={"base_url": "http://127.0.0.1:8000"})
    before = content_of(tmp_path)
    found = {one.check: one for one in examine(tmp_path, resolver=ZoneResolver(""))}
    assert (found["database"].level, found["database"].seen) == (Level.UNKNOWN, "not there yet")
    assert content_of(tmp_path) == before
    assert not (tmp_path / "state").exists()


def test_settings_that_cannot_be_read_are_the_finding(tmp_path):
    (found,) = examine(tmp_path, resolver=ZoneResolver(""))
    assert (found.check, found.level) == ("settings", Level.FAULT)


def test_settings_that_name_what_is_not_there_are_a_fault_and_the_rest_is_looked_at(tmp_path):
    factories.write_site(tmp_path, publication={"base_url": "http://127.0.0.1:8000"}, mail={"transport": "pigeon"})
    found = {one.check: one for one in examine(tmp_path, resolver=ZoneResolver(""))}
    assert (found["settings"].level, "pigeon" in found["settings"].seen) == (Level.FAULT, True)
    assert "DMARC of slow.example" in found


def test_the_command_ends_with_one_for_a_fault_and_with_nought_for_warnings(site, monkeypatch):
    directory, _, _, resolver = site
    monkeypatch.setattr(system_resolver, "SystemResolver", lambda: resolver)
    done = CliRunner().invoke(app, ["doctor", "--site", str(directory)])
    assert done.exit_code == 0, done.output
    assert "no faults, 1 warning" in done.stdout
    monkeypatch.setattr(system_resolver, "SystemResolver", lambda: ZoneResolver(""))
    done = CliRunner().invoke(app, ["doctor", "--json", "--site", str(directory)])
    assert done.exit_code == 1
    assert SECRETS["RELAY_PASSWORD"] not in done.output


def test_json_has_every_finding_with_what_to_do(site, monkeypatch):
    directory, _, _, resolver = site
    monkeypatch.setattr(system_resolver, "SystemResolver", lambda: resolver)
    done = CliRunner().invoke(app, ["doctor", "--json", "--site", str(directory)])
    found = json.loads(done.stdout)
    assert {"check", "level", "seen", "todo"} == set(found[0])
    assert {one["level"] for one in found} == {"ok", "warning"}
    assert all(one["todo"] for one in found if one["level"] != "ok")
