"""What an SMTP reply means, and what is no reply at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.mail.refusals import Streak
from publisher.mail.smtp.replies import MAX_OCTETS_READ, GarbageReply, Phase, Reply, ReplyReader, classify
from publisher.mail.transport import SENT, Cause, Outcome, Result

SENT_, DEFERRED, FAILED, RELEASED = Outcome.SENT, Outcome.DEFERRED, Outcome.FAILED, Outcome.RELEASED
MAIL, RCPT, DATA, CONTENT = Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CONTENT

# phase, what the relay says, outcome, cause, suppress, pause
FIXTURES = [
    (CONTENT, "250 2.0.0 Ok: queued as 4F1", SENT_, Cause.NONE, False, False),
    (CONTENT, "250 Ok", SENT_, Cause.NONE, False, False),
    (RCPT, "251 user not local; will forward", SENT_, Cause.NONE, False, False),
    # the address is dead
    (RCPT, "550 5.1.1 The email account that you tried to reach does not exist.", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 5.1.2 bad destination system", FAILED, Cause.DEAD, True, False),
    (RCPT, "553 5.1.3 invalid address format", FAILED, Cause.DEAD, True, False),
    (RCPT, "556 5.1.10 null MX", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 5.4.4 host not found", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 5.1.6 moved", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 No such user here", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 Recipient address rejected: User unknown in local table", FAILED, Cause.DEAD, True, False),
    (RCPT, "551 mailbox does not exist", FAILED, Cause.DEAD, True, False),
    (RCPT, "556 domain does not accept mail", FAILED, Cause.DEAD, True, False),
    # dead by its words, where the status says no more than "no": with words of large providers
    (RCPT, "550 5.5.0 Requested action not taken: mailbox unavailable (S99).", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 5.5.0 Mailbox is not available", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 Requested action not taken: mailbox unavailable", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 5.1.0 <ada@a.example> unknown address", FAILED, Cause.DEAD, True, False),
    (RCPT, "554 5.0.0 that user does not exist", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 sorry, no mailbox here by that name", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 not a valid recipient", FAILED, Cause.DEAD, True, False),
    (RCPT, "554 delivery error: this user doesn't have a mail.example account", FAILED, Cause.DEAD, True, False),
    (CONTENT, "554 delivery error: this user doesn't have a mail.example account", FAILED, Cause.DEAD, True, False),
    (RCPT, "550 User unknown in relay recipient table", FAILED, Cause.DEAD, True, False),
    # disabled, full: the recipient's matter in whatever words, never at once
    (RCPT, "554 this account is disabled", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 5.5.0 account has been disabled", FAILED, Cause.SOFT, False, False),
    (CONTENT, "554 30 your message cannot be delivered. This mailbox is disabled", FAILED, Cause.SOFT, False, False),
    (CONTENT, "554 delivery error: the mailbox you wrote to is inactive", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 mailbox unavailable, over quota", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 5.5.0 no", FAILED, Cause.SOFT, False, False),
    (RCPT, "554 no", FAILED, Cause.SOFT, False, False),
    # words about us come before words about users
    (RCPT, "550 5.5.0 mailbox unavailable: your address is on a block list", FAILED, Cause.OURS, False, False),
    (RCPT, "550 sender address unknown", FAILED, Cause.OURS, False, False),
    (RCPT, "554 Relay access denied", FAILED, Cause.OURS, False, False),
    (RCPT, "550 5.0.0 recipient unknown to spam filter: policy", FAILED, Cause.OURS, False, False),
    # dead, but said only after the content: not suppressed on this word alone
    (CONTENT, "550 5.1.1 unknown", FAILED, Cause.DEAD, False, False),
    # full, disabled: counted elsewhere, never at once
    (RCPT, "552 5.2.2 mailbox full", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 5.2.1 account disabled", FAILED, Cause.SOFT, False, False),
    (RCPT, "552 over quota", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 5.1.0 address rejected", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 5.4.1 Recipient address rejected: Access denied.", FAILED, Cause.SOFT, False, False),
    (RCPT, "550 rejected", FAILED, Cause.SOFT, False, False),
    # about us
    (RCPT, "550 5.7.1 blocked by policy", FAILED, Cause.OURS, False, False),
    (CONTENT, "550 5.7.26 unauthenticated email", FAILED, Cause.OURS, False, False),
    (CONTENT, "554 spam", FAILED, Cause.OURS, False, False),
    (CONTENT, "552 5.3.4 message too big", FAILED, Cause.OURS, False, False),
    (CONTENT, "554 5.6.0 malformed", FAILED, Cause.OURS, False, False),
    (RCPT, "550 5.2.3 too long for this mailbox", FAILED, Cause.OURS, False, False),
    (MAIL, "550 5.1.8 sender's domain does not exist", FAILED, Cause.OURS, False, False),
    (MAIL, "550 5.1.1 nonsense about a mailbox", FAILED, Cause.OURS, False, False),
    (RCPT, "550 5.5.1 bad sequence", FAILED, Cause.OURS, False, False),
    (RCPT, "530 5.7.0 authentication required", RELEASED, Cause.OURS, False, True),
    (MAIL, "530 5.7.0 must issue STARTTLS first", RELEASED, Cause.OURS, False, True),
    (Phase.AUTH, "535 5.7.8 bad credentials", RELEASED, Cause.OURS, False, True),
    (Phase.AUTH, "504 5.5.4 mechanism unknown", RELEASED, Cause.OURS, False, True),
    # later, for this recipient
    (RCPT, "450 4.2.1 mailbox busy", DEFERRED, Cause.SOFT, False, False),
    (RCPT, "450 4.7.1 greylisted", DEFERRED, Cause.SOFT, False, False),
    (RCPT, "451 try later", DEFERRED, Cause.SOFT, False, False),
    (CONTENT, "451 4.3.0 queue file write error", DEFERRED, Cause.SOFT, False, False),
    (RCPT, "452 4.2.2 full", DEFERRED, Cause.SOFT, False, False),
    # the relay's own trouble
    (RCPT, "452 4.3.1 insufficient storage", DEFERRED, Cause.RELAY, False, False),
    (RCPT, "452 insufficient storage", DEFERRED, Cause.RELAY, False, False),
    (MAIL, "451 4.7.1 slow down", RELEASED, Cause.RELAY, False, False),
    (MAIL, "421 4.7.0 too much from you", RELEASED, Cause.RELAY, False, False),
    (RCPT, "421 4.3.2 closing", DEFERRED, Cause.RELAY, False, False),
    (CONTENT, "454 Throttling failure: Maximum sending rate exceeded.", RELEASED, Cause.RELAY, False, False),
    (Phase.AUTH, "454 4.7.0 temporary authentication failure", RELEASED, Cause.RELAY, False, False),
    (Phase.STARTTLS, "454 4.7.0 TLS not available", RELEASED, Cause.RELAY, False, False),
    (Phase.GREETING, "554 5.7.1 no service for you", RELEASED, Cause.RELAY, False, False),
    (Phase.EHLO, "550 bad name", RELEASED, Cause.RELAY, False, False),
    # an enhanced status that contradicts its code is not believed
    (RCPT, "450 5.1.1 confused", DEFERRED, Cause.SOFT, False, False),
]


@pytest.mark.parametrize(("phase", "said", "outcome", "cause", "suppress", "pause"), FIXTURES)
def test_a_reply_is_classed_by_whose_matter_it_is(
    phase: Phase, said: str, outcome: Outcome, cause: Cause, suppress: bool, pause: bool
) -> None:
    (reply,) = ReplyReader().feed(said.encode() + b"\r\n")
    result = classify(reply, phase, "relay:25")
    assert (result.outcome, result.cause, result.suppress, bool(result.pause)) == (outcome, cause, suppress, pause)
    assert result.relay == "relay:25"


def test_a_reply_of_several_lines_is_one_reply_and_its_status_stands_once_in_the_text() -> None:
    (reply,) = ReplyReader().feed(b"550-5.1.1 The account\r\n550-5.1.1 does not\r\n550 5.1.1 exist\r\n")
    assert (reply.code, reply.status, reply.text) == (550, "5.1.1", "The account does not exist")


def test_pipelined_replies_come_out_in_order() -> None:
    assert [r.code for r in ReplyReader().feed(b"250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n550 5.1.1 no\r\n")] == [250, 250, 550]


def test_a_550_of_a_thousand_long_lines_is_still_a_550_and_stays_small() -> None:
    data = b"550-5.1.1 " + b"x" * 150 + b"\r\n"
    (reply,) = ReplyReader().feed(data * 1000 + b"550 5.1.1 end\r\n")
    assert reply.code == 550
    assert reply.status == "5.1.1"
    assert len(reply.text) <= 500


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\r\n",
        b"999 no\r\n",
        b"25\r\n",
        b"250-one\r\n251 two\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"x" * 100,
        b"250-" + b"a" * MAX_OCTETS_READ + b"aaaa",
        b"250-a\r\n" * 2001,
    ],
)
def test_what_is_not_smtp_is_called_garbage_before_it_fills_the_memory(garbage: bytes) -> None:
    with pytest.raises(GarbageReply):
        list(ReplyReader().feed(garbage))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_octets_in_any_cut_give_replies_or_garbage_and_nothing_else(data: bytes, cut: int) -> None:
    reader = ReplyReader()
    try:
        replies = [reply for at in range(0, len(data), cut) for reply in reader.feed(data[at : at + cut])]
    except GarbageReply:
        return
    for reply in replies:
        assert 200 <= reply.code <= 599
        assert reply.text.isprintable()
        classify(reply, Phase.RCPT)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(200, 599), st.lists(st.text("abc 5.1-", max_size=20), min_size=1, max_size=5)),
        max_size=6,
    ),
    st.integers(1, 30),
)
def test_replies_are_the_same_however_the_stream_is_cut(sent: list[tuple[int, list[str]]], cut: int) -> None:
    data = b"".join(
        f"{code}{' ' if at == len(lines) - 1 else '-'}{line}\r\n".encode()
        for code, lines in sent
        for at, line in enumerate(lines)
    )
    whole = list(ReplyReader().feed(data))
    reader = ReplyReader()
    parts = [reply for at in range(0, len(data), cut) for reply in reader.feed(data[at : at + cut])]
    assert whole == parts
    assert [reply.code for reply in whole] == [code for code, _ in sent]


def test_a_reply_before_garbage_still_counts() -> None:
    replies = iter(ReplyReader().feed(b"250 2.0.0 taken\r\nHTTP/1.1 nonsense\r\n"))
    assert next(replies).code == 250
    with pytest.raises(GarbageReply, match="HTTP"):
        next(replies)


def test_what_came_before_tls_is_forgotten() -> None:
    reader = ReplyReader()
    assert list(reader.feed(b"220 go ahead\r\n250-inject")) == [Reply(220, ("go ahead",))]
    reader.discard()
    assert list(reader.feed(b"250 mine\r\n")) == [Reply(250, ("mine",))]


def refusal(status: str, code: int = 550) -> Result:
    return classify(Reply(code, (f"{status} no",)), Phase.RCPT, "relay:25")


def test_the_same_refusal_for_twenty_recipients_running_pauses_the_edition() -> None:
    streak = Streak()
    judged = [streak.judge(refusal("5.7.1"), f"a{n}@one.example") for n in range(20)]
    assert [bool(one.pause) for one in judged] == [False] * 19 + [True]
    assert "5.7.1" in judged[-1].pause


def test_a_success_or_another_refusal_ends_a_streak_and_a_dead_address_does_not_count() -> None:
    streak = Streak()
    for breaker in (SENT, refusal("5.2.2", 552)):
        for n in range(19):
            assert not streak.judge(refusal("5.7.1"), f"a{n}@d{n}.example").pause
        assert not streak.judge(breaker, "b@d.example").pause
    assert not any(streak.judge(refusal("5.1.1"), f"a{n}@d{n}.example").pause for n in range(100))


@pytest.mark.parametrize("status", ["5.5.0", "5.2.2", "5.4.1", ""])
def test_one_provider_that_refuses_many_of_its_mailboxes_pauses_nothing_and_two_do(status: str) -> None:
    streak = Streak()
    assert not any(streak.judge(refusal(status), f"a{n}@One.example").pause for n in range(40))
    assert streak.judge(refusal(status), "a@two.example").pause
