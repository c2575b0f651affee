"""What every transport promises; a new file in publisher/mail/transports is tested unasked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import DeliveryError, SettingsError
from publisher.mail import transports
from publisher.mail.transport import Outcome, Outgoing, Transport
from publisher.mail.transports import check_transport, kinds, open_transport
from publisher.pipeline.site import open_site
from publisher.settings import Settings
from tests import factories
from tests.fakes.relay import FaultyRelay, Habits

Received = Callable[[], list[bytes]]


def a_message(number: int) -> Outgoing:
    message_id = f"edition-1.{number}@example.org"
    text = f"Message-ID: <{message_id}>\r\nFrom: a@example.org\r\n\r\n.dot first\r\n..two\r\nend {number}\r\n"
    return Outgoing(number, "bounces@example.org", f"reader{number}@example.net", text.encode(), message_id)


def a_site(directory: Path, **mail: Any) -> Settings:
    return factories.settings(directory, mail=mail)


@pytest.fixture(params=kinds())
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Transport, Received]]:
    kind: str = request.param
    with FaultyRelay(Habits(keep_bodies=True)) as relay:
        here = {"host": "127.0.0.1", "port": relay.port, "security": "none"} if kind == "smtp" else {}
        with closing(open_transport(a_site(tmp_path, transport=kind, **here))) as opened:
            received: dict[str, Received] = {
                "memory": lambda: [one.message for one in opened.taken],  # type: ignore[attr-defined]
                "maildir": lambda: [
                    path.read_bytes().replace(b"\n", b"\r\n").split(b"\r\n", 2)[2]
                    for path in sorted((tmp_path / "state/outbox/new").iterdir())
                ],
                "smtp": lambda: list(relay.memory.bodies),
            }
            assert kind in received, f"say here how to see what left through {kind}"
            yield opened, received[kind]


def nothing(_: Outgoing) -> None:
    pass


def test_every_message_pulled_is_answered_once_and_arrives_with_the_same_bytes(
    transport: tuple[Transport, Received],
) -> None:
    sender, received = transport
    sent = [a_message(number) for number in range(25)]
    results = list(sender.deliver(iter(sent), intent=nothing))
    assert sorted(outgoing.delivery for outgoing, _ in results) == list(range(25))
    assert {result.outcome for _, result in results} == {Outcome.SENT}
    assert sorted(received()) == sorted(one.message for one in sent)


def test_the_intent_comes_before_the_result_and_for_each_message(transport: tuple[Transport, Received]) -> None:
    sender, _ = transport
    meant: list[int] = []
    messages = (a_message(n) for n in range(7))
    for outgoing, _result in sender.deliver(messages, intent=lambda one: meant.append(one.delivery)):
        assert outgoing.delivery in meant
    assert sorted(meant) == list(range(7))


def test_what_the_intent_raises_ends_the_sending_with_that_message_unsent(
    transport: tuple[Transport, Received],
) -> None:
    sender, received = transport

    def refuse(outgoing: Outgoing) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        list(sender.deliver(iter([a_message(1)]), intent=refuse))
    list(sender.deliver(iter([a_message(2)]), intent=nothing))
    assert received() == [a_message(2).message]


def test_when_told_to_stop_nothing_more_is_begun(transport: tuple[Transport, Received]) -> None:
    sender, received = transport
    results = list(sender.deliver((a_message(n) for n in range(5)), intent=nothing, stop=lambda: True))
    assert {result.outcome for _, result in results} <= {Outcome.RELEASED}
    list(sender.deliver(iter([a_message(9)]), intent=nothing))
    assert received() == [a_message(9).message]


def test_no_messages_is_no_work_and_closing_twice_is_harmless(transport: tuple[Transport, Received]) -> None:
    sender, _ = transport
    assert list(sender.deliver(iter(()), intent=nothing)) == []
    sender.close()
    sender.close()


def test_an_unknown_kind_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'pigeon': expected one of .*maildir"):
        open_transport(a_site(tmp_path), kind="pigeon")


def test_a_message_sent_again_lands_on_the_same_file_of_the_outbox(tmp_path: Path) -> None:
    for _ in range(2):
        list(open_transport(a_site(tmp_path)).deliver(iter([a_message(1)]), intent=nothing))
    assert len(list((tmp_path / "state/outbox/new").iterdir())) == 1
    assert list((tmp_path / "state/outbox/tmp").iterdir()) == []


def test_a_message_that_a_subscriber_has_seen_does_not_come_back_as_new(tmp_path: Path) -> None:
    import mailbox

    transport = open_transport(a_site(tmp_path))
    list(transport.deliver(iter([a_message(1), a_message(2)]), intent=nothing))
    with closing(mailbox.Maildir(tmp_path / "state/outbox", create=False)) as box:
        key = next(key for key in box.keys() if "end 1" in box[key].as_string())  # noqa: SIM118
        message = box[key]
        message.set_subdir("cur")
        message.add_flag("S")
        box[key] = message
    list(transport.deliver(iter([a_message(1), a_message(2)]), intent=nothing))
    assert len(list((tmp_path / "state/outbox/new").iterdir())) == 1
    assert len(list((tmp_path / "state/outbox/cur").iterdir())) == 1


def test_pythons_own_maildir_reader_reads_the_outbox(tmp_path: Path) -> None:
    import mailbox

    list(open_transport(a_site(tmp_path)).deliver((a_message(n) for n in range(3)), intent=nothing))
    with closing(mailbox.Maildir(tmp_path / "state/outbox", create=False)) as box:
        assert sorted(message["Delivered-To"] for message in box) == [f"reader{n}@example.net" for n in range(3)]
        assert {message["Return-Path"] for message in box} == {"<bounces@example.org>"}


def test_an_outbox_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, not a directory")
    with pytest.raises(DeliveryError, match=r"the outbox .*state/outbox cannot be written"):
        list(open_transport(a_site(tmp_path)).deliver(iter([a_message(1)]), intent=nothing))


PIGEONS = '''
"""Writes each message on a slip of paper."""

from publisher.mail.transport import SENT, OneByOne
from publisher.settings.base import Table
from pydantic import Field


class Options(Table):
    loft: str = Field(description="Where the pigeons live.")
    birds: int = Field(default=1, ge=1, description="How many.")


class PigeonTransport(OneByOne):
    Options = Options

    def __init__(self, options, settings, reserve=None):
        self.loft = settings.directory / options.loft

    def send(self, outgoing):
        self.loft.mkdir(exist_ok=True)
        (self.loft / f"{outgoing.delivery}.txt").write_bytes(outgoing.message)
        return SENT


TRANSPORT = PigeonTransport
'''


@pytest.fixture
def pigeons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "more"
    package.mkdir()
    (package / "pigeon.py").write_text(PIGEONS)
    monkeypatch.setattr(transports, "__path__", [*transports.__path__, str(package)])
    yield
    sys.modules.pop("publisher.mail.transports.pigeon", None)


@pytest.mark.usefixtures("pigeons")
def test_a_new_file_is_a_transport_and_mail_leaves_through_it(tmp_path: Path) -> None:
    settings = a_site(tmp_path, transport="pigeon", loft="roof")
    check_transport(settings)
    assert "pigeon" in kinds()
    results = list(open_transport(settings).deliver(iter([a_message(1), a_message(2)]), intent=nothing))
    assert [result.outcome for _, result in results] == [Outcome.SENT, Outcome.SENT]
    assert (tmp_path / "roof/2.txt").read_bytes() == a_message(2).message
    assert "mail.loft" in {key for key, _, _ in transports.describe_options()}


@pytest.mark.usefixtures("pigeons")
@pytest.mark.parametrize(
    ("mail", "message"),
    [
        ({"transport": "albatross"}, r"mail\.transport = 'albatross': expected one of maildir, memory, pigeon, smtp"),
        ({"transport": "pigeon"}, r"mail\.loft: missing"),
        ({"transport": "pigeon", "loft": "roof", "birds": 0}, r"mail\.birds = 0: .*greater than or equal to 1"),
        ({"transport": "maildir", "brids": 1}, r"mail\.brids: unknown key; the transport maildir knows none"),
        ({"transport": "smtp", "port": 70000}, r"mail\.port = 70000: "),
        ({"transport": "smtp", "relays": [{"host": "a", "weight": 0}]}, r"mail\.relays\[0\]\.weight = 0: "),
        ({"transport": "smtp", "relays": [{"host": "a", "wieght": 1}]}, r"mail\.relays\[0\]\.wieght: unknown key$"),
        ({"transport": "smtp", "username": "ada"}, r"^mail: username and password go together"),
        ({"transport": "smtp", "password": "hunter2", "username": "a"}, r"^mail\.password: a secret never stands in"),
        ({"transport": "smtp", "host": "a", "relays": [{"host": "b"}]}, r"^mail: write host into each \[\[mail"),
    ],
)
def test_a_wrong_option_is_one_line_when_the_site_is_opened(tmp_path: Path, mail: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        check_transport(a_site(tmp_path, **mail))
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_opening_a_site_checks_its_transport(tmp_path: Path) -> None:
    (tmp_path / "publication.toml").write_text(
        '[publication]\ntitle = "T"\nbase_url = "https://example.org"\n[sender]\naddress = "a@example.org"\n'
        '[mail]\ntransport = "smtp"\nport = 0\n'
    )
    with pytest.raises(SettingsError, match=r"mail\.port = 0: "):
        open_site(tmp_path)


def test_the_keys_of_a_transport_that_is_not_chosen_at_the_moment_may_stay(tmp_path: Path) -> None:
    check_transport(a_site(tmp_path, transport="maildir", host="relay.example", relays=[], hello="us.example"))
