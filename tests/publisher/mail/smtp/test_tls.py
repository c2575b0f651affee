"""TLS, the names and passwords of relays, and what is never said in the clear."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import SettingsError
from publisher.mail.transport import Outcome
from publisher.mail.transports import check_transport
from publisher.settings import Settings
from tests.fakes.certificates import Authority, make_authority
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.mail.smtp.sending import a_message, a_site, deliver, sending, smtp


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def secured(directory: Path, relay: FaultyRelay, authority: Authority | None, **mail: Any) -> Settings:
    if authority is not None:
        mail["ca_file"] = str(authority.ca_file)
    mail.setdefault("security", "tls" if relay.habits.implicit_tls else "starttls")
    return a_site(directory, relay, **mail)


@pytest.mark.parametrize("implicit", [True, False])
def test_mail_goes_over_tls_and_big_messages_too(tmp_path: Path, authority: Authority, implicit: bool) -> None:
    habits = Habits(tls=authority.server("127.0.0.1"), implicit_tls=implicit)
    with FaultyRelay(habits) as relay, sending(secured(tmp_path, relay, authority)) as transport:
        big = b"".join(b"%070d\r\n" % n for n in range(30_000))
        messages = [a_message(0, text=big), *(a_message(n) for n in range(1, 40))]
        assert {result.outcome for result in deliver(transport, messages).values()} == {Outcome.SENT}
        assert relay.memory.messages == len(relay.memory.taken) == 40
        assert {line.split()[0] for line in relay.memory.commands_in_clear} <= {"EHLO", "STARTTLS"}


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("wrong", ["expired", "other name", "unknown authority", "broken"])
def test_tls_that_is_not_right_lets_no_mail_out_and_says_why(
    tmp_path: Path, authority: Authority, wrong: str, implicit: bool
) -> None:
    if wrong == "broken" and implicit:
        habits = Habits(greeting=b"220 I speak no TLS\r\n")
    else:
        context = authority.server("mail.example" if wrong == "other name" else "127.0.0.1", expired=wrong == "expired")
        habits = Habits(tls=context, implicit_tls=implicit, break_handshake=wrong == "broken")
    trusted = None if wrong == "unknown authority" else authority
    with FaultyRelay(habits) as relay:
        settings = secured(tmp_path, relay, trusted, security="tls" if implicit else "starttls")
        with sending(settings) as transport:
            result = deliver(transport, [a_message(0)])[0]
        assert result.outcome is Outcome.RELEASED
        said = {
            "expired": "expired",
            "other name": "mismatch",
            "unknown authority": "self-signed|unable to get local issuer",
            "broken": "TLS failed",
        }[wrong]
        assert any(word in result.reply for word in said.split("|")), result.reply
        assert not any(line.startswith(("MAIL", "AUTH", "DATA")) for line in relay.memory.commands)


def test_a_relay_that_hides_starttls_gets_no_mail_and_a_person_is_asked(tmp_path: Path, authority: Authority) -> None:
    habits = Habits(tls=authority.server("127.0.0.1"), offer_starttls=False)
    with FaultyRelay(habits) as relay, sending(secured(tmp_path, relay, authority)) as transport:
        result = deliver(transport, [a_message(0)])[0]
        assert result.outcome is Outcome.RELEASED
        assert "STARTTLS" in result.pause
        assert relay.memory.commands == [relay.memory.commands[0]]


def test_what_is_said_in_clear_after_starttls_is_not_believed(tmp_path: Path, authority: Authority) -> None:
    extra = b"250-evil\r\n250-AUTH PLAIN\r\n250 OK\r\n"
    habits = Habits(tls=authority.server("127.0.0.1"), starttls_extra=extra)
    with FaultyRelay(habits) as relay, sending(secured(tmp_path, relay, authority)) as transport:
        results = deliver(transport, [a_message(0)])
        assert results[0].outcome in (Outcome.SENT, Outcome.RELEASED)
        assert not any(line.startswith("AUTH") for line in relay.memory.commands)
        assert {line.split()[0] for line in relay.memory.commands_in_clear} <= {"EHLO", "STARTTLS"}


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN", "LOGIN PLAIN XOAUTH2"])
def test_auth_plain_or_login_over_tls(
    tmp_path: Path, authority: Authority, mechanisms: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "sehr geheim ü")
    habits = Habits(tls=authority.server("127.0.0.1"), credentials=("anna", "sehr geheim ü"), mechanisms=mechanisms)
    with FaultyRelay(habits) as relay:
        settings = secured(tmp_path, relay, authority, username="anna", password={"env": "RELAY_PASSWORD"})
        with sending(settings) as transport:
            assert deliver(transport, [a_message(0)])[0].outcome is Outcome.SENT
            assert "geheim" not in repr(transport.relays.all[0].login)


@pytest.mark.parametrize(
    ("habits", "pauses"),
    [
        ({"credentials": ("anna", "another")}, True),
        ({"credentials": ("anna", "right"), "mechanisms": "CRAM-MD5"}, True),
        ({"credentials": ("anna", "right"), "auth_reply": b"454 4.7.0 later\r\n"}, False),
    ],
)
def test_refused_credentials_touch_no_row_and_ask_for_a_person(
    tmp_path: Path, authority: Authority, habits: dict[str, Any], pauses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "right")
    with FaultyRelay(Habits(tls=authority.server("127.0.0.1"), **habits)) as relay:
        settings = secured(tmp_path, relay, authority, username="anna", password={"env": "RELAY_PASSWORD"})
        with sending(settings) as transport:
            results = deliver(transport, [a_message(n) for n in range(3)])
    assert {result.outcome for result in results.values()} == {Outcome.RELEASED}
    assert {bool(result.pause) for result in results.values()} == {pauses}
    assert "right" not in repr(results)


def test_one_relay_with_a_wrong_password_does_not_pause_while_another_works(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_PASSWORD", "right")
    tls = authority.server("127.0.0.1")
    with FaultyRelay(Habits(tls=tls, credentials=("a", "wrong"))) as one, FaultyRelay(
        Habits(tls=tls, credentials=("a", "right"))
    ) as two:  # fmt: skip
        settings = a_site(
            tmp_path, one, two, security="starttls", ca_file=str(authority.ca_file), username="a",
            password={"env": "RELAY_PASSWORD"},
        )  # fmt: skip
        with sending(settings) as transport:
            results = deliver(transport, [a_message(n) for n in range(20)])
    assert {result.outcome for result in results.values()} == {Outcome.SENT}


def test_a_password_is_never_configured_to_travel_in_the_clear(tmp_path: Path) -> None:
    with FaultyRelay() as relay, pytest.raises(SettingsError, match="never travels in the clear"):
        check_transport(a_site(tmp_path, relay, username="anna", password={"env": "X"}, security="none"))


def test_a_certificate_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with FaultyRelay() as relay, pytest.raises(SettingsError, match=r"ca_file = 'nowhere\.pem'"):
        smtp(a_site(tmp_path, relay, security="tls", ca_file="nowhere.pem"))


def test_tls_is_checked_against_the_machines_authorities_and_never_below_1_2(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        transport = smtp(a_site(tmp_path, relay, security="starttls"))
    (context,) = (one.relay.tls for one in transport.relays.all)
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
