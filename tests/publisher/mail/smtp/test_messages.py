"""What may go on the wire: contents, addresses and what the relay offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher.digests.composing import compose
from publisher.mail.transport import Outcome, Outgoing
from tests.fakes.relay import FaultyRelay, Habits
from tests.publisher.digests import digest_example as example
from tests.publisher.mail.smtp.sending import a_message, a_site, deliver, for_, sending

SMUGGLERS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n\n.\r\n", b"\r\r\n.\r\n", b"\0"]


SECOND = (
    b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nMessage-ID: <evil@x>\r\n\r\nx\r\n.\r\n"
)


@pytest.mark.parametrize("end", SMUGGLERS)
def test_smuggling_a_bare_line_end_in_the_content_is_refused_before_any_byte_leaves(tmp_path: Path, end: bytes) -> None:
    with FaultyRelay(Habits(lenient=True)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver(transport, [a_message(0, text=b"a" + end + SECOND), a_message(1)])
        assert (results[0].outcome, results[0].status) == (Outcome.FAILED, "5.6.0")
        assert results[1].outcome is Outcome.SENT
        assert list(relay.memory.taken) == ["edition-1.1@example.org"]


def test_smuggling_an_article_that_tries_becomes_exactly_one_message(tmp_path: Path) -> None:
    sent = []
    for number, end in enumerate(SMUGGLERS):
        text = f"before{end.decode()}{SECOND.decode()}"
        article = example.article(number, html=f"<pre>{text}</pre>", title=text, summary=text)
        compiled = compose(example.edition(article, id=number), example.settings()).compiled
        message = compiled.message(example.recipient(name=text))
        message_id = compiled.message_id("42").strip("<>")
        sent.append(Outgoing(number, "b@slow.example", "ada@reader.example", message, message_id))
    with FaultyRelay(Habits(lenient=True)) as relay, sending(a_site(tmp_path, relay)) as transport:
        assert {result.outcome for result in deliver(transport, sent).values()} == {Outcome.SENT}
        assert relay.memory.taken == {one.message_id: 1 for one in sent}
        assert set(relay.memory.recipients) == {"ada@reader.example"}


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize("text", [b".\r\n", b"..\r\n", b"a\r\n.\r\n" + SECOND, b".a\r\n.\r\n.\r\n..b\r\n", b"no end"])
def test_dots_are_doubled_and_undone_so_that_one_message_arrives_as_it_was(
    tmp_path: Path, text: bytes, lenient: bool
) -> None:
    with (
        FaultyRelay(Habits(keep_bodies=True, lenient=lenient)) as relay,
        sending(a_site(tmp_path, relay)) as transport,
    ):
        message = a_message(0, text=text)
        assert deliver(transport, [message])[0].outcome is Outcome.SENT
        assert relay.memory.bodies == [message.message.removesuffix(b"\r\n") + b"\r\n"]


@pytest.mark.parametrize(
    "address",
    [
        "c@d.example>\r\nRCPT TO:<e@f.example",
        "a@b.example, c@d.example",
        "a@evil.example(<b@c.example>)",
        '"a@b"@c.example',
        "no-at-sign",
        "@no.local",
        "two@@b.example",
        "sp ace@b.example",
        "a@b..example",
        "a@-b.example",
        "x" * 65 + "@b.example",
        "a@" + "b" * 250 + ".example",
        "",
        "a\n@b.example",
        "ä\u2028@b.example",
        "a@[127.0.0.1]",
        "\ud800@b.example",
    ],
)
def test_an_address_that_is_not_one_address_is_refused_and_never_rewritten(tmp_path: Path, address: str) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        wrong = Outgoing(0, "b@example.org", address, a_message(0).message, "x@y")
        results = deliver(transport, [wrong, a_message(1)])
        assert results[0].outcome is Outcome.FAILED
        assert not results[0].suppress
        assert list(relay.memory.recipients) == ["r1@example.net"]


def test_an_address_outside_ascii_goes_with_smtputf8_or_fails_by_name_and_domains_go_as_a_labels(
    tmp_path: Path,
) -> None:
    messages = [a_message(0, "jörg@example.net"), a_message(1, "anna@bücher.example")]
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay)) as transport:
        assert {result.outcome for result in deliver(transport, messages).values()} == {Outcome.SENT}
        assert sorted(relay.memory.recipients) == ["anna@xn--bcher-kva.example", "jörg@example.net"]
        mails = [line for line in relay.memory.commands if line.startswith("MAIL")]
        assert [line.endswith(" SMTPUTF8") for line in mails] == [True, False]
    with FaultyRelay(Habits(smtputf8=False)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver(transport, messages)
        assert (results[0].outcome, results[0].status) == (Outcome.FAILED, "5.6.7")
        assert "SMTPUTF8" in results[0].reply
        assert results[1].outcome is Outcome.SENT


def test_size_and_8bitmime_are_honoured(tmp_path: Path) -> None:
    eight = a_message(0, text="Grüße\r\n".encode())
    with FaultyRelay(Habits(size=10_000)) as relay, sending(a_site(tmp_path, relay)) as transport:
        results = deliver(transport, [eight, a_message(1, text=b"x" * 70 + b"\r\n"), a_message(2, text=b"y" * 20_000)])
        assert [results[at].outcome for at in range(3)] == [Outcome.SENT, Outcome.SENT, Outcome.FAILED]
        assert results[2].status == "5.3.4"
        mails = [line for line in relay.memory.commands if line.startswith("MAIL")]
        assert mails[0].endswith(f"SIZE={len(eight.message)} BODY=8BITMIME")
        assert "8BITMIME" not in mails[1]
    with FaultyRelay(Habits(eightbit=False)) as relay, sending(a_site(tmp_path, relay)) as transport:
        assert deliver(transport, [eight])[0].status == "5.6.3"


def test_the_same_refusal_for_twenty_recipients_pauses(tmp_path: Path) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, connections=1)) as transport:
        results = deliver(transport, for_(*["571"] * 20))
        assert [bool(results[at].pause) for at in range(20)] == [False] * 19 + [True]


@pytest.mark.parametrize(("word", "suppress"), [("vague", True), ("closed", False), ("550", True), ("552", False)])
def test_a_provider_that_refuses_25_of_its_mailboxes_holds_up_nobody_behind_them(
    tmp_path: Path, word: str, suppress: bool
) -> None:
    with FaultyRelay() as relay, sending(a_site(tmp_path, relay, connections=1)) as transport:
        results = deliver(transport, for_(*[word] * 25, "", ""))
    assert {(results[at].outcome, results[at].suppress, results[at].pause) for at in range(25)} == {
        (Outcome.FAILED, suppress, "")
    }
    assert [results[at].outcome for at in (25, 26)] == [Outcome.SENT] * 2
