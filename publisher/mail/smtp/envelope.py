"""What one message puts on the wire, by what the relay has said it can do. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from publisher.mail.smtp.replies import Reply
from publisher.mail.smtp.wire import AddressRefused, ContentRefused, PlainBytes, stuffed, wire_address
from publisher.mail.transport import Cause, Outcome, Outgoing, Result


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A relay's reply to EHLO (RFC 5321 §4.1.1.1): keywords in capitals, each with its parameters.

    :param size: octets it takes (RFC 1870); 0 where it names no limit.
    """

    keywords: dict[str, str] = field(default_factory=dict)
    pipelining: bool = False
    smtputf8: bool = False
    size: int = 0

    @staticmethod
    def of(reply: Reply) -> Capabilities:
        """What ``reply`` says."""
        keywords = {}
        for line in reply.lines[1:]:
            keyword, _, parameters = line.partition(" ")
            keywords[keyword.upper()] = parameters
        size = keywords.get("SIZE", "")
        return Capabilities(
            keywords,
            pipelining="PIPELINING" in keywords,
            smtputf8="SMTPUTF8" in keywords,
            size=int(size) if size.isdigit() and len(size) < 16 else 0,
        )

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords


@dataclass(slots=True)
class Prepared:
    """The commands and the content of one message."""

    mail: bytes
    rcpt: bytes
    body: bytes


def prepare(outgoing: Outgoing, offered: Capabilities, relay: str) -> Prepared | Result:
    """MAIL, RCPT and content of a message, or why this relay cannot be asked to take it."""
    utf8 = offered.smtputf8
    message = outgoing.message
    try:
        sender = wire_address(outgoing.sender, smtputf8=utf8) if outgoing.sender else b""
        recipient = wire_address(outgoing.recipient, smtputf8=utf8)
        body = stuffed(message)
    except AddressRefused as error:
        # RFC 6531 §3.5, RFC 3463: X.6.7 is "non-ASCII addresses not permitted", X.1.3 "bad syntax".
        return _refused(553, "5.6.7" if error.needs_smtputf8 else "5.1.3", str(error), relay)
    except ContentRefused as error:
        return _refused(554, "5.6.0", str(error), relay)
    mail = b"MAIL FROM:<" + sender + b">"
    if "SIZE" in offered:
        if offered.size and len(message) > offered.size:
            said = f"the message has {len(message)} octets, the relay takes {offered.size}"
            return _refused(552, "5.3.4", said, relay)
        mail += b" SIZE=%d" % len(message)
    if type(message) is not PlainBytes and not message.isascii():
        if "8BITMIME" not in offered:
            return _refused(554, "5.6.3", "the message has octets over 127, which the relay does not take", relay)
        mail += b" BODY=8BITMIME"
    if utf8 and not (sender.isascii() and recipient.isascii()):
        mail += b" SMTPUTF8"
    return Prepared(mail + b"\r\n", b"RCPT TO:<" + recipient + b">\r\n", body)


def _refused(code: int, status: str, reason: str, relay: str) -> Result:
    return Result(Outcome.FAILED, code, status, reason, relay, Cause.OURS)
