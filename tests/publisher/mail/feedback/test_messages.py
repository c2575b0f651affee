"""Mail that comes back: what it may change, and what it may not."""

from __future__ import annotations

import imaplib
import random
import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from publisher.errors import DeliveryError
from publisher.lib.tokens import Keyring, Purpose, issue
from publisher.mail.feedback import Kind, Report, messages, read_mail, verp
from publisher.mail.feedback.mailboxes import imap, maildir
from publisher.mail.feedback.mailboxes.lmtp import LmtpServer
from publisher.mail.feedback.reports import cause_of, masked, status_in
from publisher.mail.transport import Cause

KEYS = Keyring((b"k" * 32,))
FORGED = Keyring((b"x" * 32,))
PATH = verp.bounce_address(KEYS, "bounce.example", 70123, 9)


def dsn(
    to: str = PATH, *, action: str = "failed", status: str = "5.1.1", diagnostic: str = "", more: str = ""
) -> bytes:
    """A delivery status as RFC 3464 draws it."""
    return f"""Return-Path: <>
Delivered-To: {to}
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

I'm sorry.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ada@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnostic}
{more}
--B
Content-Type: text/rfc822-headers

Subject: News

--B--
""".encode()


def arf(*, keys: Keyring = KEYS, kind: str = "abuse", link: bool = False) -> bytes:
    """A complaint as RFC 5965 draws it, about a message of ours."""
    mailto = verp.unsubscribe_address(keys, "bounce.example", 70123, 9)
    one_click = f"https://news.example/unsubscribe/{issue(keys, Purpose.UNSUBSCRIBE, 70123, 9)}"
    listed = f"<{one_click}>" if link else f"<mailto:{mailto}>"
    return f"""From: <abuse@provider.example>
To: fbl@news.example
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="B"

--B
Content-Type: text/plain

This is a complaint.

--B
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1.0
Version: 1

--B
Content-Type: message/rfc822

From: news@news.example
To: redacted@provider.example
Subject: News
List-Unsubscribe: {listed}

Body.

--B--
""".encode()


STATUSES = [
    ("5.1.1", Cause.DEAD),
    ("5.1.2", Cause.DEAD),
    ("5.1.3", Cause.DEAD),
    ("5.1.10", Cause.DEAD),
    ("5.4.4", Cause.DEAD),
    ("5.01.001", Cause.DEAD),
    ("5.2.2", Cause.SOFT),
    ("5.2.1", Cause.SOFT),
    ("5.0.0", Cause.SOFT),
    ("5.4.6", Cause.SOFT),
    ("5.4.1", Cause.SOFT),
    ("4.2.2", Cause.SOFT),
    ("4.4.1", Cause.SOFT),
    ("4.4.7", Cause.SOFT),
    ("4.3.1", Cause.SOFT),
    ("4.7.0", Cause.SOFT),
    ("4.0.0", Cause.SOFT),
    ("5.7.1", Cause.OURS),
    ("5.7.26", Cause.OURS),
    ("5.7.25", Cause.OURS),
    ("5.7.515", Cause.OURS),
    ("5.6.0", Cause.OURS),
    ("5.5.2", Cause.OURS),
    ("5.3.4", Cause.OURS),
    ("5.1.8", Cause.OURS),
]


#: Status, what the receiving server said: read where the status says no more than "no".
WORDS = [
    ("5.5.0", "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable", Cause.DEAD),
    ("5.0.0", "smtp; 554 delivery error: this user doesn't have a mail.example account", Cause.DEAD),
    ("5.0.0", "smtp; 550 user unknown", Cause.DEAD),
    ("5.1.0", "smtp; 550 unknown address", Cause.DEAD),
    ("5.0.0", "smtp; 554 this account is disabled", Cause.SOFT),
    ("5.0.0", "smtp; 550 mailbox unavailable, over quota", Cause.SOFT),
    ("5.0.0", "smtp; 550 user unknown: sender is on a block list", Cause.OURS),
    ("5.7.1", "smtp; 550 5.7.1 user unknown", Cause.OURS),
    ("4.4.7", "smtp; 451 user unknown so far", Cause.SOFT),
]


@pytest.mark.parametrize(("status", "said", "cause"), WORDS)
@pytest.mark.parametrize("field", ["Diagnostic-Code", "X-Supplementary-Info"])
def test_a_vague_status_is_classed_by_the_words_beside_it(field: str, status: str, said: str, cause: Cause) -> None:
    report = dsn(status=status, diagnostic="", more="").replace(b"Diagnostic-Code: smtp; ", f"{field}: {said}".encode())
    found = read_mail(report, KEYS)
    assert found is not None
    assert found.cause is cause


@pytest.mark.parametrize(
    "action", ["failed (bad destination mailbox)", "Failed(no such user)", "failed  ", "failed (two) (comments)"]
)
def test_a_comment_behind_the_action_is_passed_over(action: str) -> None:
    found = read_mail(dsn(action=action), KEYS)
    assert found is not None
    assert found.cause is Cause.DEAD
    assert read_mail(dsn(action=action.lower().replace("failed", "relayed")), KEYS) is None


def test_a_bounce_in_free_words_is_classed_by_the_line_with_its_status() -> None:
    raw = f"""Return-Path: <>
From: mailer-daemon@mail.example
To: {PATH}
Subject: Not deliverable

It could not be delivered.

ada@example.org
   Server said: RCPT TO:<ada@example.org>
   Answer: 550 5.5.0 mailbox unavailable (S1).
""".encode()
    found = read_mail(raw, KEYS)
    assert found is not None
    assert (found.status, found.cause) == ("5.5.0", Cause.DEAD)


@pytest.mark.parametrize(("status", "cause"), STATUSES)
def test_a_delivery_status_is_classed_by_its_enhanced_status(status: str, cause: Cause) -> None:
    found = read_mail(dsn(status=status, diagnostic="550 no <ada@example.org>"), KEYS)
    assert found is not None
    assert (found.kind, found.subscriber_id, found.edition_id, found.cause) == (Kind.BOUNCE, 70123, 9, cause)
    assert "ada" not in found.detail


@pytest.mark.parametrize(
    ("raw", "status", "cause"),
    [
        (dsn(status="5.0.0", diagnostic="550 5.1.1 unknown"), "5.1.1", Cause.DEAD),
        (dsn(status="5.1.1", diagnostic="550 5.7.1 refused"), "5.1.1", Cause.DEAD),
        (dsn(status="", diagnostic="550 5.2.2 full"), "5.2.2", Cause.SOFT),
        (dsn(action="delayed", status="5.1.1"), "4.0.0", Cause.SOFT),
        (dsn(status="nonsense", diagnostic="x-unix; user unknown"), "", Cause.SOFT),
        (dsn(PATH.upper()), "5.1.1", Cause.DEAD),
        (dsn(f"<{PATH}>"), "5.1.1", Cause.DEAD),
        (dsn().replace(b"\n", b"\r\n"), "5.1.1", Cause.DEAD),
    ],
)
def test_what_a_delivery_status_says_is_found_in_each_spelling(raw: bytes, status: str, cause: Cause) -> None:
    found = read_mail(raw, KEYS)
    assert found is not None
    assert (found.status, found.cause) == (status, cause)


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", ""])
def test_a_report_of_success_is_no_bounce(action: str) -> None:
    assert read_mail(dsn(action=action), KEYS) is None


def test_a_forged_report_about_anyone_reports_nothing() -> None:
    for subscriber in range(1000):
        forged = verp.bounce_address(FORGED, "bounce.example", subscriber, 1)
        assert read_mail(dsn(forged), KEYS) is None
    assert read_mail(dsn("ada@example.org"), KEYS) is None
    assert read_mail(arf(keys=FORGED), KEYS) is None
    assert read_mail(arf(keys=FORGED, link=True), KEYS) is None


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("envelope", [(), ("FBL@news.example",)])
def test_a_complaint_names_its_subscriber_by_what_only_our_mail_held(link: bool, envelope: tuple[str, ...]) -> None:
    raw = arf(link=link).replace(b"To: fbl@", b"To: other@") if envelope else arf(link=link)
    found = read_mail(raw, KEYS, envelope, complaints_to=("fbl@news.example",))
    assert found == Report(Kind.COMPLAINT, "mail", 70123, 9, detail="abuse, reported by Provider/1.0")


@pytest.mark.parametrize("to", ["fbl@news.example.evil", "post@news.example", PATH, "xfbl@news.example", ""])
def test_a_complaint_that_whoever_was_forwarded_the_mail_could_write_is_doubtful(to: str) -> None:
    raw = arf().replace(b"To: fbl@news.example", b"To: " + to.encode())
    found = read_mail(raw, KEYS, complaints_to=("fbl@news.example",))
    assert found == Report(Kind.DOUBTFUL, "mail", 70123, 9, detail="abuse, reported by Provider/1.0")
    found = read_mail(arf(), KEYS)
    assert found is not None
    assert found.kind is Kind.DOUBTFUL


@pytest.mark.parametrize("kind", ["not-spam", "virus", "auth-failure"])
def test_a_feedback_report_that_is_no_complaint_reports_nothing(kind: str) -> None:
    assert read_mail(arf(kind=kind), KEYS) is None


def test_mail_to_the_unsubscribe_address_unsubscribes_whatever_it_says() -> None:
    to = verp.unsubscribe_address(KEYS, "bounce.example", 5, 6)
    assert read_mail(b"To: " + to.encode() + b"\n\n", KEYS) == Report(Kind.UNSUBSCRIBE, "mail", 5, 6)
    assert read_mail(b"", KEYS, [to]) == Report(Kind.UNSUBSCRIBE, "mail", 5, 6)


ONE_CLICK = f"https://news.example/unsubscribe/{issue(KEYS, Purpose.UNSUBSCRIBE, 70123, 9)}"
MAILTO = verp.unsubscribe_mailto(KEYS, "", "news@news.example", 70123, 9)
HEADERS = f"""From: news@news.example
Subject: News
List-Unsubscribe: <{ONE_CLICK}>,
 <{MAILTO}>
"""


def returned(headers: str, media_type: str = "text/rfc822-headers", *, status: str = "5.1.1") -> bytes:
    """A delivery status that came to the sender's own address and brings back what was sent."""
    raw = dsn("news@news.example", status=status).decode()
    begin, _, _ = raw.rpartition("--B\nContent-Type: text/rfc822-headers")
    return f"{begin}--B\nContent-Type: {media_type}\n\n{headers}\n--B--\n".encode()


@pytest.mark.parametrize("media_type", ["text/rfc822-headers", "message/rfc822", "message/global-headers"])
def test_a_bounce_to_the_sender_proves_itself_by_the_headers_it_brings_back(media_type: str) -> None:
    found = read_mail(returned(HEADERS, media_type), KEYS)
    assert found is not None
    assert (found.kind, found.subscriber_id, found.edition_id) == (Kind.BOUNCE, 70123, 9)
    assert (found.cause, found.status) == (Cause.DEAD, "5.1.1")


@pytest.mark.parametrize("path", [PATH, verp.unsubscribe_address(KEYS, "bounce.example", 70123, 9)])
def test_a_bounce_to_the_sender_proves_itself_by_a_return_path_in_what_it_brings_back(path: str) -> None:
    headers = f"Return-Path: <{path}>\n" if path == PATH else f"List-Unsubscribe: <{ONE_CLICK}>,\n <mailto:{path}>\n"
    found = read_mail(returned(headers), KEYS)
    assert found is not None
    assert (found.kind, found.subscriber_id, found.edition_id) == (Kind.BOUNCE, 70123, 9)


def test_a_bounce_in_free_words_proves_itself_by_the_copy_below_it() -> None:
    raw = QMAIL.replace(f"To: {PATH}".encode(), b"To: news@news.example")
    assert read_mail(raw, KEYS) is None
    copy = b"\n--- Below this line is a copy of the message.\n\n" + HEADERS.encode() + b"\nHello\n"
    for quote in (b"", b"> "):
        found = read_mail(raw + copy.replace(b"\n", b"\n" + quote), KEYS)
        assert found is not None
        assert (found.subscriber_id, found.edition_id, found.cause) == (70123, 9, Cause.DEAD)


@pytest.mark.parametrize(
    "headers",
    [
        "From: news@news.example\n",
        HEADERS.replace("List-Unsubscribe", "X-Unsubscribe"),
        HEADERS.replace(MAILTO[-12:], "A" * 12),
        HEADERS.replace(MAILTO, verp.unsubscribe_mailto(FORGED, "", "news@news.example", 70123, 9)),
        HEADERS.replace(MAILTO, f"https://e.example/preferences/{issue(KEYS, Purpose.PREFERENCES, 70123)}"),
        # The one-click link stands in the body too: whoever was forwarded the digest has it.
        HEADERS.replace(f",\n <{MAILTO}>", ""),
        HEADERS.replace(MAILTO, f"mailto:a@b.example?subject=unsubscribe%20{ONE_CLICK.rpartition('/')[2]}"),
        HEADERS.replace(MAILTO, f"https://news.example/unsubscribe/{MAILTO.rpartition('%20')[2]}"),
    ],
)
def test_a_bounce_whose_headers_prove_nothing_reports_nothing(headers: str) -> None:
    for media_type in ("text/rfc822-headers", "message/rfc822", "text/plain"):
        assert read_mail(returned(headers, media_type), KEYS) is None


def test_a_digest_that_is_forwarded_or_replied_to_reports_nothing() -> None:
    raw = f"From: ada@example.org\nTo: news@news.example\nSubject: Fwd: News\n\n{HEADERS}\n550 5.1.1 no\n".encode()
    assert read_mail(raw, KEYS) is None


@pytest.mark.parametrize("prefix", ["", "Re: ", "[EXTERNAL] "])
def test_the_subject_that_our_mailto_asks_for_unsubscribes(prefix: str) -> None:
    uri = verp.unsubscribe_mailto(KEYS, "", "news@news.example", 5, 6)
    assert uri.startswith("mailto:news@news.example?subject=unsubscribe%20")
    subject = prefix + unquote(uri.partition("?subject=")[2])
    asked = f"From: a@b.example\nTo: news@news.example\nSubject: {subject}\n\n".encode()
    assert read_mail(asked, KEYS) == Report(Kind.UNSUBSCRIBE, "mail", 5, 6)
    folded = asked.replace(b"unsubscribe ", b"unsubscribe\n ")
    assert read_mail(folded, KEYS) == Report(Kind.UNSUBSCRIBE, "mail", 5, 6)
    assert read_mail(asked, FORGED) is None
    assert read_mail(b"Subject: unsubscribe\n\n", KEYS) is None
    other = issue(KEYS, Purpose.UNSUBSCRIBE, 5, 6)
    assert read_mail(f"Subject: unsubscribe {other}\n\n".encode(), KEYS) is None


def test_with_a_domain_of_our_own_the_mailto_is_an_address_of_its_own() -> None:
    uri = verp.unsubscribe_mailto(KEYS, "bounce.example", "news@news.example", 5, 6)
    assert uri == f"mailto:{verp.unsubscribe_address(KEYS, 'bounce.example', 5, 6)}"


def test_a_return_path_for_bounces_does_not_unsubscribe_and_the_other_way_round() -> None:
    assert verp.find(KEYS, [PATH.replace("b+", "u+")]) is None
    assert read_mail(b"From: reader@example.org\nTo: " + PATH.encode() + b"\n\nhello", KEYS) is None


VACATION = f"""Return-Path: <>
To: {PATH}
From: Ada <ada@example.org>
Auto-Submitted: auto-replied
Subject: Out of office

I am away. Error 5.1.1 is my favourite.
""".encode()
CHALLENGE = f"From: ada@example.org\nTo: {PATH}\nSubject: Please confirm 5.1.1\n\nClick here 5.1.1\n".encode()
QMAIL = f"""Return-Path: <>
To: {PATH}
From: MAILER-DAEMON@mx.example
Subject: failure notice

Hi. This is the qmail-send program.
<ada@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 no such user ada@example.org
""".encode()


@pytest.mark.parametrize("raw", [VACATION, CHALLENGE, b"", b"\x00" * 1000, b"\n\n\n", b"garbage", b":" * 5000])
def test_a_vacation_note_a_challenge_or_garbage_reports_nothing(raw: bytes) -> None:
    assert read_mail(raw, KEYS) is None


def test_a_bounce_in_free_words_counts_when_it_gives_a_status() -> None:
    found = read_mail(QMAIL, KEYS)
    assert found is not None
    assert (found.cause, found.status) == (Cause.DEAD, "5.1.1")
    assert "ada@" not in found.detail


def test_a_message_of_25_megabytes_is_read_by_its_beginning() -> None:
    assert read_mail(dsn() + b"x" * 25_000_000, KEYS) is not None


def test_nesting_without_end_is_given_up_quietly() -> None:
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(3000)
    )
    assert read_mail(b"To: " + PATH.encode() + b"\n" + deep, KEYS) is None
    twenty = b"".join(
        b'Content-Type: multipart/mixed; boundary="c%d"\n\n--c%d\n' % (level, level) for level in range(20)
    )
    assert read_mail(b"To: " + PATH.encode() + b"\n" + twenty + b"Content-Type: text/plain\n\nhi", KEYS) is None


@pytest.mark.parametrize("spelling", [b"boundary=", b"BOUNDARY =", b"boundary*=us-ascii''", b"boundary*0="])
def test_more_boundaries_than_parts_are_refused_before_they_are_parsed(
    spelling: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(number: int) -> bytes:
        return b"".join(
            b"Content-Type: multipart/mixed; %sb%d\n\n--b%d\n" % (spelling, level, level) for level in range(number)
        )

    parsed: list[bytes] = []

    class Noting(messages.BytesParser):
        def parsebytes(self, text: bytes, headersonly: bool = False) -> Message:
            parsed.append(text)
            return super().parsebytes(text, headersonly)

    monkeypatch.setattr(messages, "BytesParser", Noting)
    assert read_mail(parts(messages.MAX_PARTS + 1), KEYS, [PATH]) is None
    assert parsed == []
    read_mail(parts(messages.MAX_PARTS), KEYS, [PATH])
    assert len(parsed) == 1


SEEDS = [dsn(), returned(HEADERS), arf(), arf(link=True), QMAIL, VACATION, dsn(status="5.2.2").replace(b"\n", b"\r\n")]


def _mutated(rng: random.Random) -> bytes:
    raw = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 8)):
        kind, place = rng.randrange(5), rng.randrange(len(raw) + 1)
        if kind == 0 and raw:
            raw[place % len(raw)] = rng.randrange(256)
        elif kind == 1:
            del raw[place : place + rng.randint(1, 60)]
        elif kind == 2:
            raw[place:place] = rng.randbytes(rng.randint(1, 12))
        elif kind == 3:
            other = rng.choice(SEEDS)
            start = rng.randrange(len(other))
            raw[place:place] = other[start : start + rng.randint(1, 300)]
        else:
            raw[place:place] = rng.choice([b"\n\n", b"--B\n", b"=?utf-8?b?", b'"', b"\x00", b"Content-Type: ", b"\r"])
    return bytes(raw)


def check_mutations(count: int, seed: int) -> None:
    """Whatever comes in, nothing is raised, and nobody but the subscriber the MAC names is ever meant."""
    rng = random.Random(seed)
    for _ in range(count):
        found = read_mail(_mutated(rng), KEYS)
        assert found is None or (found.subscriber_id, found.edition_id) == (70123, 9)


def test_ten_thousand_mutated_reports_raise_nothing_and_blame_nobody_else() -> None:
    check_mutations(10_000, seed=1)


@pytest.mark.server  # a long run
def test_a_hundred_thousand_mutated_reports_raise_nothing_and_blame_nobody_else() -> None:
    check_mutations(100_000, seed=2)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
@example(b"Content-Type: multipart/report; boundary=\n\n--\n--")
@example(b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n====")
def test_any_octets_raise_nothing(raw: bytes) -> None:
    assert read_mail(raw, KEYS) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_return_path_gives_back_its_numbers_and_fits_a_local_part(subscriber: int, edition: int) -> None:
    address = verp.bounce_address(KEYS, "bounce.example", subscriber, edition)
    assert len(address.partition("@")[0]) <= 64
    assert verp.find(KEYS, [f"  <{address.swapcase()}> "]) == verp.ReturnPath(Purpose.BOUNCE, subscriber, edition)
    assert verp.find(FORGED, [address]) is None


def test_status_codes_are_found_and_addresses_masked() -> None:
    assert status_in("smtp; 550-5.7.26 unauthenticated") == "5.7.26"
    assert status_in("see 192.5.1.1 or version 5.1.1.2") == ""
    assert masked("ada@example.org is\r\nunknown") == "…@example.org is unknown"
    assert cause_of("") is Cause.SOFT


# -- where reports are read from


def test_a_maildir_hands_out_each_message_once(tmp_path: Path) -> None:
    for name in ("new", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "1.a").write_bytes(dsn())
    (tmp_path / "new" / "2.b").write_bytes(b"x")
    got: list[bytes] = []
    assert maildir.drain(tmp_path, got.append) == 2
    assert got == [dsn(), b"x"]
    assert maildir.drain(tmp_path, got.append) == 0
    assert sorted(path.name for path in (tmp_path / "cur").iterdir()) == ["1.a:2,S", "2.b:2,S"]


def test_a_maildir_keeps_what_could_not_be_handled(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.a").write_bytes(b"x")

    def broken(raw: bytes) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        maildir.drain(tmp_path, broken)
    assert (tmp_path / "new" / "1.a").exists()


def test_a_maildir_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot be read"):
        maildir.drain(tmp_path / "none", print)


@contextmanager
def lmtp(handle: object) -> Iterator[int]:
    server = LmtpServer(("127.0.0.1", 0), handle)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_lmtp_takes_a_report_with_its_envelope() -> None:
    got: list[tuple[bytes, tuple[str, ...]]] = []
    with lmtp(lambda raw, to: got.append((raw, to))) as port, smtplib.LMTP("127.0.0.1", port) as client:
        client.ehlo()
        client.mail("")
        client.rcpt(PATH)
        client.rcpt("fbl@news.example")
        assert client.data(b".dot\r\nbody\r\n")[0] == 250
        assert client.getreply()[0] == 250  # one for each recipient
    assert got == [(b".dot\r\nbody\r\n", (PATH,)), (b".dot\r\nbody\r\n", ("fbl@news.example",))]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"x" * 70_000 + b"\n.\r\n"])
def test_lmtp_ends_a_message_at_a_dot_between_two_crlf_alone(end: bytes) -> None:
    # Else whoever writes a message could have commands of their own read after it (CVE-2023-51764).
    got: list[bytes] = []
    message = b"first" + end + b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nsecond\r\n"
    with lmtp(lambda raw, to: got.append(raw)) as port, socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + message + b".\r\nQUIT\r\n")
        said = b"".join(iter(lambda: peer.recv(65_536), b""))
    assert len(got) == 1
    assert got[0].endswith(b"second\r\n")
    assert said.count(b"354 ") == 1


@pytest.mark.parametrize("length", [65_534, 65_535, 65_536, 131_071])
def test_lmtp_sees_the_end_after_a_line_of_any_length(length: int) -> None:
    got: list[bytes] = []
    with lmtp(lambda raw, to: got.append(raw)) as port, smtplib.LMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        client.mail("")
        client.rcpt(PATH)
        assert client.data(b"x" * length + b"\r\n")[0] == 250
    assert got == [b"x" * length + b"\r\n"]


def test_lmtp_answers_later_when_the_store_cannot_take_it() -> None:
    def broken(raw: bytes, to: tuple[str, ...]) -> None:
        raise RuntimeError("locked")

    with lmtp(broken) as port, smtplib.LMTP("127.0.0.1", port) as client:
        client.ehlo()
        client.mail("")
        client.rcpt(PATH)
        assert client.data(b"body\r\n")[0] == 451


def test_lmtp_refuses_commands_out_of_order_and_goes_on() -> None:
    with lmtp(lambda raw, to: None) as port, smtplib.LMTP("127.0.0.1", port) as client:
        client.ehlo()
        assert client.docmd("RCPT TO:<a@b>")[0] == 503
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("MAIL FROM:nobody")[0] == 501
        assert client.docmd("EXPN x")[0] == 500
        assert client.docmd("NOOP")[0] == 250


class FakeImap:
    """Speaks just enough IMAP4rev1 for one mailbox."""

    def __init__(self, messages: list[bytes]) -> None:
        import socketserver

        outer = self
        self.messages, self.seen = messages, set()

        class Session(socketserver.StreamRequestHandler):
            def say(self, line: str) -> None:
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self) -> None:
                self.say("* OK IMAP4rev1 ready")
                while line := self.rfile.readline().decode().strip():
                    tag, verb, *rest = line.split(" ")
                    what = " ".join([verb.upper(), *rest])
                    if what == "CAPABILITY":
                        self.say("* CAPABILITY IMAP4rev1")
                    elif what.startswith("LOGIN") and "right" not in what:
                        self.say(f"{tag} NO wrong password {rest[1]}")
                        continue
                    elif what.startswith("SELECT"):
                        self.say(f"* {len(outer.messages)} EXISTS")
                    elif what.startswith("UID SEARCH"):
                        uids = [str(n) for n in range(1, len(outer.messages) + 1) if n not in outer.seen]
                        self.say("* SEARCH " + " ".join(uids))
                    elif what.startswith("UID FETCH"):
                        raw = outer.messages[int(rest[1]) - 1]
                        self.wfile.write(b"* 1 FETCH (UID %s BODY[]<0> {%d}\r\n" % (rest[1].encode(), len(raw)))
                        self.wfile.write(raw + b")\r\n")
                    elif what.startswith("UID STORE"):
                        outer.seen.add(int(rest[1]))
                    elif what.startswith("LOGOUT"):
                        self.say("* BYE")
                        self.say(f"{tag} OK done")
                        return
                    self.say(f"{tag} OK done")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> FakeImap:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def test_imap_hands_out_what_is_unseen_and_marks_it_after() -> None:
    got: list[bytes] = []
    with FakeImap([dsn().replace(b"\n", b"\r\n"), b"x\r\n"]) as fake:
        port = fake.server.server_address[1]
        assert imap.drain("127.0.0.1", port, "bounces", "right", got.append, plain=True) == 2
        assert imap.drain("127.0.0.1", port, "bounces", "right", got.append, plain=True) == 0
        assert fake.seen == {1, 2}
    assert read_mail(got[0], KEYS) is not None


def test_an_imap_password_is_never_in_the_error() -> None:
    with FakeImap([]) as fake:
        port = fake.server.server_address[1]
        with pytest.raises(DeliveryError, match="refused") as refused:
            imap.drain("127.0.0.1", port, "bounces", "hunter2hunter2", lambda raw: None, plain=True)
    assert "hunter2" not in str(refused.value)
    assert imaplib.IMAP4 is not None


def test_an_imap_server_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(DeliveryError, match="cannot be reached"):
        imap.drain("127.0.0.1", 1, "bounces", "right", lambda raw: None, plain=True)
