"""Mailboxes and providers are found by their file names, each with options of its own; a new file is tested unasked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import SettingsError
from publisher.lib.tokens import Keyring
from publisher.mail.check import check_mail
from publisher.mail.feedback import mailboxes, webhooks
from publisher.mail.feedback.mailboxes import BaseMailbox, open_mailbox
from publisher.mail.feedback.webhooks import BaseProvider, Call, Refused, open_provider
from publisher.settings import Settings, load_settings
from publisher.store import open_store
from publisher.subscribers.mailbox import report_server

KEYS = Keyring((b"k" * 32,))
NOW = 1_800_000_000.0
HEAD = '[publication]\ntitle = "T"\nbase_url = "https://example.org"\n[sender]\naddress = "a@example.org"\n'

BOTTLE = '''
"""Messages in bottles: one file, one message a line."""

from pydantic import Field

from publisher.mail.feedback.mailboxes import BaseMailbox
from publisher.settings.base import Table


class BottleOptions(Table):
    beach: str = Field(description="The file.")


class Bottle(BaseMailbox):
    Options = BottleOptions
    every_seconds = 1.0

    def drain(self, handle):
        lines = (self.site / self.options.beach).read_bytes().splitlines()
        for line in lines:
            handle(line, ())
        return len(lines)


MAILBOX = Bottle
'''

PARROT = '''
"""A parrot tells who does not want it."""

from pydantic import Field

from publisher.mail.feedback import Kind, Report
from publisher.mail.feedback.webhooks import BaseProvider, Refused
from publisher.settings.base import Secret, Table


class ParrotOptions(Table):
    word: Secret | None = Field(default=None, description="What it says first.")


class Parrot(BaseProvider):
    Options = ParrotOptions

    @property
    def ready(self):
        return self.options.word is not None

    def read(self, call, now):
        word, _, address = call.body.decode("utf-8", "replace").partition(" ")
        if word != self.options.word.reveal(self.site):
            raise Refused("not our parrot")
        return [Report(Kind.COMPLAINT, "parrot", address=address)]


PROVIDER = Parrot
'''


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, name, text in ((mailboxes, "bottle", BOTTLE), (webhooks, "parrot", PARROT)):
        folder = tmp_path / f"more-{name}"
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)


def a_site(directory: Path, feedback: str = "") -> Settings:
    (directory / "publication.toml").write_text(HEAD + feedback)
    return load_settings(directory, {})


def no_network(url: str) -> bytes:
    raise AssertionError(url)


def provider(settings: Settings, name: str) -> BaseProvider | None:
    return open_provider(settings, name, lambda: KEYS, no_network)


@pytest.mark.parametrize("kind", mailboxes.kinds())
def test_each_mailbox_has_options_with_defaults_and_descriptions_and_is_read_or_listens(
    kind: str, tmp_path: Path
) -> None:
    mailbox = open_mailbox(a_site(tmp_path, f'[feedback]\nmailbox = "{kind}"\n'))
    assert isinstance(mailbox, BaseMailbox)
    assert all(field.description for field in mailbox.Options.model_fields.values())
    own = type(mailbox)
    if own.listens:
        assert own.server is not BaseMailbox.server
        assert mailbox.every_seconds == 0
    else:
        assert own.drain is not BaseMailbox.drain
        assert mailbox.every_seconds >= 1


@pytest.mark.parametrize("name", webhooks.kinds())
def test_each_provider_has_no_address_until_it_is_set_up_and_believes_nothing_unsigned(
    name: str, tmp_path: Path
) -> None:
    options = webhooks.load(name).Options
    assert all(field.description for field in options.model_fields.values())
    assert provider(a_site(tmp_path), name) is None
    assert provider(a_site(tmp_path, f"[feedback.{name}]\n"), name) is None
    (tmp_path / "secret").write_text("s3cret")
    values = {
        key: '["arn:aws:sns:eu-west-1:123456789012:b"]'
        if "tuple" in str(field.annotation)
        else '{ file = "secret" }'
        if "Secret" in str(field.annotation)
        else '"x"'
        for key, field in options.model_fields.items()
    }
    table = "".join(f"{key} = {value}\n" for key, value in values.items())
    opened = provider(a_site(tmp_path, f"[feedback.{name}]\n{table}"), name)
    assert opened is not None
    for body in (b"", b"{}", b"[]", b"\xff\x00", b'{"signature": 1, "Type": "Notification"}', b"[" * 5000):
        with pytest.raises(Refused):
            opened.read(Call(body, {}), NOW)


def test_lmtp_listens_on_a_port_of_its_own_by_default(tmp_path: Path) -> None:
    mailbox = open_mailbox(a_site(tmp_path, '[feedback]\nmailbox = "lmtp"\n'))
    assert mailbox is not None
    assert (mailbox.options.host, mailbox.options.port) == ("127.0.0.1", 2424)
    other = open_mailbox(a_site(tmp_path, '[feedback]\nmailbox = "imap"\n'))
    assert other is not None
    assert other.options.port == 993


@pytest.mark.parametrize("kind", ["off", "imap", "maildir"])
def test_nothing_listens_for_a_mailbox_that_is_fetched_or_off(kind: str, tmp_path: Path) -> None:
    settings = a_site(tmp_path, f'[feedback]\nmailbox = "{kind}"\n')
    said = rf'feedback\.mailbox = "{kind}": .*write \[feedback\] mailbox = "lmtp"$'
    with (
        closing(open_store(f"sqlite:///{tmp_path / 'masthead.db'}")) as store,
        pytest.raises(SettingsError, match=said),
    ):
        report_server(store, settings, open_mailbox(settings), lambda: NOW)


def test_keys_of_another_mailbox_may_stay_in_an_old_file(tmp_path: Path) -> None:
    old = '[feedback]\nmailbox = "off"\npath = "mail"\nhost = "imap.example"\nport = 993\nusername = "u"\n'
    check_mail(a_site(tmp_path, old))
    assert open_mailbox(a_site(tmp_path, old)) is None


@pytest.mark.parametrize(
    ("feedback", "message"),
    [
        (
            '[feedback]\nmailbox = "pigeonhole"\n',
            r"feedback\.mailbox = 'pigeonhole': expected one of imap, lmtp, maildir",
        ),
        ('[feedback]\nmailbox = "imap"\nport = 0\n', r"feedback\.port = 0: "),
        (
            '[feedback]\nmailbox = "imap"\nfolders = "x"\n',
            r'feedback\.folders: unknown key; mailbox = "imap"',
        ),
        ('[feedback]\nfolders = "x"\n', r'feedback\.folders: unknown key; mailbox = "off" knows none'),
        ('[feedback]\nmailbox = "imap"\npassword = "hunter2"\n', r"feedback\.password: a secret never stands in"),
        (
            '[feedback.mailgun]\nkee = "hunter2"\n',
            r"feedback\.mailgun\.kee: unknown key; .*mailgun knows key",
        ),
        ('[feedback.mailgun]\nkey = "hunter2"\n', r"feedback\.mailgun\.key: a secret never stands in"),
        ("[feedback]\nses = 5\n", r"feedback\.ses: expected a table, \[feedback\.ses\]"),
        ("[feedback.ses]\ntopics = 5\n", r"feedback\.ses\.topics = 5: "),
        ("[feedback.gmail]\nkey = 1\n", r"feedback\.gmail: unknown key"),
    ],
)
def test_a_wrong_option_is_one_line_when_the_site_is_opened(tmp_path: Path, feedback: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        check_mail(a_site(tmp_path, feedback))
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("old", "name", "options"),
    [
        ('ses_topics = ["arn:1"]', "ses", {"topics": ("arn:1",)}),
        ("mailgun_key = { env = 'K' }", "mailgun", {"key": {"env": "K", "file": ""}}),
        ("postmark_password = { env = 'K' }", "postmark", {"username": "", "password": {"env": "K", "file": ""}}),
        ('sendgrid_key = "abc"', "sendgrid", {"key": "abc"}),
    ],
)
def test_old_names_of_the_providers_settings_keep_working_with_one_warning(
    tmp_path: Path, old: str, name: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        opened = provider(a_site(tmp_path, f"[feedback]\n{old}\n"), name)
    assert opened is not None
    assert opened.options.model_dump() == options
    (warning,) = caplog.messages
    assert f"is called feedback.{name}." in warning


@pytest.mark.usefixtures("added")
def test_a_new_file_is_a_mailbox_and_its_messages_are_handed_over(tmp_path: Path) -> None:
    (tmp_path / "shore").write_bytes(b"one\ntwo\n")
    mailbox = open_mailbox(a_site(tmp_path, '[feedback]\nmailbox = "bottle"\nbeach = "shore"\n'))
    assert mailbox is not None
    got: list[tuple[bytes, tuple[str, ...]]] = []
    handle: Callable[[bytes, tuple[str, ...]], None] = lambda raw, to: got.append((raw, to))  # noqa: E731
    assert mailbox.drain(handle) == 2
    assert got == [(b"one", ()), (b"two", ())]
    with pytest.raises(SettingsError, match=r"feedback\.beach: missing"):
        check_mail(a_site(tmp_path, '[feedback]\nmailbox = "bottle"\n'))
    assert "feedback.beach" in {key for key, _, _ in mailboxes.describe_options()}


@pytest.mark.usefixtures("added")
def test_a_new_file_is_a_provider_and_its_reports_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "polly")
    opened = provider(a_site(tmp_path, '[feedback.parrot]\nword = { env = "WORD" }\n'), "parrot")
    assert opened is not None
    (report,) = opened.read(Call(b"polly ada@example.org", {}), NOW)
    assert report.address == "ada@example.org"
    assert not report.by_mail
    with pytest.raises(Refused):
        opened.read(Call(b"jack ada@example.org", {}), NOW)
    assert "feedback.parrot.word" in {key for key, _, _ in webhooks.describe_options()}
