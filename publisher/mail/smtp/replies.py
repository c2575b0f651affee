"""What an SMTP reply means for one message: pure, and one visible table.

::

    bytes ─ ReplyReader ─→ Reply(code, lines) ─ classify(reply, phase) ─→ Result

A class is decided by the enhanced status code (RFC 3463, registry of RFC 5248) where the relay gives one that says
something, else by its words (:func:`cause_in_words`) and the reply code (RFC 5321 §4.2.3). The first row that
matches wins. An address is suppressed here for two things: a reply to RCPT that says it does not exist, and a reply
to its message (each has one recipient) that says so in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from publisher.mail.transport import Cause, Outcome, Result

#: RFC 5321 §4.5.3.1.5 allows 512 octets a line; what is longer is cut: a talkative 550 is still a 550.
MAX_LINE = 2048
#: Lines kept of one reply, lines read of one reply, and octets read of one reply before it is called garbage.
MAX_LINES_KEPT, MAX_LINES_READ, MAX_OCTETS_READ = 64, 2_000, 256 * 1024
MAX_TEXT = 500

_LINE = re.compile(rb"([2-5][0-9][0-9])([ -]|$)(.*)", re.DOTALL)
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\U0010ffff]+")


class Phase(StrEnum):
    """Which command a reply is to; the names of RFC 5321."""

    GREETING = "greeting"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "end of data"
    RSET = "RSET"
    QUIT = "QUIT"


class GarbageReply(ValueError):
    """The relay sent something that is not an SMTP reply, or one without end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code and the text of its lines (at most :data:`MAX_LINES_KEPT`), printable."""

    code: int
    lines: tuple[str, ...]

    def divided(self) -> tuple[str, str]:
        """:attr:`status` and :attr:`text` in one go."""
        found = _STATUS.match(self.lines[0])
        if found is None:
            status = prefix = ""
        else:
            status = prefix = found[0]
            if found[1] != str(self.code)[0]:
                status = ""
            elif len(status) > len("5.1.1"):
                status = ".".join(str(int(part)) for part in found.groups())  # without leading zeros
        if len(self.lines) == 1:
            return status, self.lines[0][len(prefix) :].strip()[:MAX_TEXT]
        words = (line.removeprefix(prefix).strip() for line in self.lines)
        return status, " ".join(word for word in words if word)[:MAX_TEXT]

    @property
    def status(self) -> str:
        """The enhanced status code, empty where there is none or it contradicts the reply code."""
        return self.divided()[0]

    @property
    def text(self) -> str:
        """All kept lines as one, at most :data:`MAX_TEXT` characters, without the codes."""
        return self.divided()[1]

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.status, self.text) if part)


class ReplyReader:
    """Cuts a stream of octets into replies; holds at most :data:`MAX_OCTETS_READ` of an unfinished one."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._code = b""
        self._seen = 0
        self._octets = 0

    def feed(self, data: bytes) -> Iterable[Reply]:
        """The replies that ``data`` completes, in order; what precedes garbage is still handed out.

        :raises GarbageReply: what came is not SMTP; the connection is of no more use.
        """
        if not self._rest and not self._code and len(data) <= 512 and (known := _everyday(data)):
            return known
        return self._slowly(data)

    def discard(self) -> None:
        """Forget what was received and not yet used (RFC 3207 §4.2: before TLS nothing may be kept)."""
        self.__init__()  # type: ignore[misc]

    def _slowly(self, data: bytes) -> Iterator[Reply]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            reply = self._take(line.removesuffix(b"\r"))
            if reply is not None:
                yield reply
        if len(self._rest) > MAX_OCTETS_READ:
            raise GarbageReply("a reply line without end")
        if len(self._rest) > 4 and not _LINE.match(self._rest):
            raise GarbageReply(_quoted(self._rest))

    def _take(self, line: bytes) -> Reply | None:
        found = _LINE.match(line)
        if found is None or (self._code and found[1] != self._code):
            raise GarbageReply(_quoted(line))
        self._seen += 1
        self._octets += len(line)
        if self._seen > MAX_LINES_READ or self._octets > MAX_OCTETS_READ:
            raise GarbageReply("a reply without end")
        if len(self._lines) < MAX_LINES_KEPT:
            self._lines.append(_printable(found[3][:MAX_LINE]))
        if found[2] == b"-":
            self._code = found[1]
            return None
        reply = Reply(int(found[1]), tuple(self._lines))
        self._lines, self._code, self._seen, self._octets = [], b"", 0, 0
        return reply


@lru_cache(maxsize=64)
def _everyday(data: bytes) -> tuple[Reply, ...]:
    """Whole replies of one line each; empty for anything else. They are the same octets thousands of times over."""
    *lines, rest = data.split(b"\r\n")
    found = [_LINE.match(line) for line in lines]
    if rest or data.count(b"\n") != len(lines):
        return ()
    one_line_each = [match for match in found if match is not None and match[2] == b" "]
    if len(one_line_each) != len(lines):
        return ()
    return tuple(Reply(int(match[1]), (_printable(match[3]),)) for match in one_line_each)


def _quoted(octets: bytes) -> str:
    return f"what is not SMTP: {_printable(octets[:80])!r}"


def _printable(octets: bytes) -> str:
    return _UNPRINTABLE.sub(" ", octets.decode("utf-8", "replace")).strip()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: which enhanced status (a regular expression over all of it) is whose matter, and why."""

    status: str
    cause: Cause
    why: str


#: 5.x.x, by enhanced status.
PERMANENT = (
    Rule(r"5\.1\.(1|2|3|6|10)", Cause.DEAD, "no such mailbox, no such host, bad syntax, moved, null MX (RFC 7505)"),
    Rule(r"5\.4\.4", Cause.DEAD, "the domain cannot be routed"),
    Rule(r"5\.1\.(7|8|9)", Cause.OURS, "the sender's address or domain is refused"),
    Rule(r"5\.2\.3", Cause.OURS, "the message is too long for the mailbox"),
    Rule(r"5\.3\.[34]", Cause.OURS, "the message is too big or needs what the system cannot do"),
    Rule(r"5\.5\.0", Cause.SOFT, "undefined: large providers say it of mailboxes, with words that tell"),
    Rule(r"5\.[567]\.\d+", Cause.OURS, "protocol, content, or policy: reputation, DKIM, DMARC, TLS, AUTH"),
    Rule(r"5\.\d+\.\d+", Cause.SOFT, "full, disabled, looping and the rest: counted, never at once"),
)
#: 4.x.x, by enhanced status.
TEMPORARY = (
    Rule(r"4\.3\.[12]", Cause.RELAY, "the system's storage is full, or it accepts nothing now"),
    Rule(r"4\.\d+\.\d+", Cause.SOFT, "later"),
)
#: Replies without an enhanced status, by reply code.
BY_CODE = {
    421: Cause.RELAY,  # closing the channel
    452: Cause.RELAY,  # insufficient system storage
    454: Cause.RELAY,  # TLS or AUTH not available now; several relays say "throttled" with it
    556: Cause.DEAD,  # the domain accepts no mail (RFC 7504)
    552: Cause.SOFT,  # over quota
}
#: Reply codes that make a person needed at once: every further message would meet the same (RFC 4954 §6).
PAUSE_AT_ONCE = frozenset({530, 534, 535, 538})

#: Enhanced statuses that say no more than "no": their words are read.
_VAGUE = re.compile(r"|5\.0\.0|5\.[1-5]\.0")
#: Words about us; they come first, because a refusal of our relay or sender may name users and addresses too.
_ABOUT_US = re.compile(
    r"\bspam|polic(y|ies)\b|block(ed|ing| ?list)|blacklist|reputation|\b(dkim|dmarc|spf)\b|authenticat|virus"
    r"|relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited)"
    r"|(unable|not permitted|not allowed) to relay"
    r"|we do not relay|\bsender\b|\b(helo|ehlo)\b|reverse (dns|lookup)",
    re.IGNORECASE,
)
#: Words about a mailbox that is there: full, closed by its provider, not ready.
_THERE = re.compile(r"quota|\bfull\b|temporar|try again|too many|insufficient", re.IGNORECASE)
_DISABLED = re.compile(
    r"(user|recipient|mailbox|address|account|email|inbox)\b.{0,80}"
    r"\b(disabled|inactive|deactivated|suspended|discontinued|locked|expired)"
    r"|\b(disabled|inactive|deactivated|suspended|discontinued)\b.{0,20}\b(user|recipient|mailbox|address|account)",
    re.IGNORECASE,
)
_UNKNOWN_USER = re.compile(
    r"(user|recipient|mailbox|address|account)\b.{0,60}"
    r"\b(unknown|not found|not known|does ?n[o'’]t exist|no such|invalid|not valid|no longer exists)"
    r"|(unknown|no such|invalid|not a valid|not a known|non-?existent)\b.{0,20}"
    r"\b(user|recipient|mailbox|address|account|local.?part)"
    r"|\bmailbox (is )?(unavailable|not available)"
    r"|\b(does ?n[o'’]t|do not|don['’]t) have an? .{0,80}\b(account|mailbox)"
    r"|\bno (mailbox|account|user|recipient)\b.{0,20}\b(here|named?|exists?|found)",
    re.IGNORECASE,
)


def cause_in_words(status: str, text: str) -> Cause:
    """Whose matter a permanent refusal is by its words, where its enhanced status says nothing; else ``NONE``."""
    if not _VAGUE.fullmatch(status):
        return Cause.NONE
    if _ABOUT_US.search(text):
        return Cause.OURS
    if _THERE.search(text):
        return Cause.SOFT
    if _UNKNOWN_USER.search(text):
        return Cause.DEAD
    return Cause.SOFT if _DISABLED.search(text) else Cause.NONE


def classify(reply: Reply, phase: Phase, relay: str = "") -> Result:
    """What a reply to ``phase`` means for the message it was about."""
    status, text = reply.divided()
    if 200 <= reply.code < 300:
        return Result(Outcome.SENT, reply.code, status, text, relay)
    known = Result(Outcome.FAILED, reply.code, status, text, relay)
    early = phase not in (Phase.RCPT, Phase.DATA, Phase.CONTENT)
    if reply.code in PAUSE_AT_ONCE or (phase is Phase.AUTH and reply.code >= 500):
        return known._replace(
            outcome=Outcome.RELEASED,
            cause=Cause.OURS,
            pause=f"{relay or 'the relay'} refuses our credentials: {reply}; check mail.username and its password",
        )
    if reply.code < 500:
        cause = Cause.RELAY if early else _temporary(reply.code, status)
        # Before RCPT nothing has been said about this recipient; 454 is a throttle wherever it comes.
        untouched = early or reply.code == 454
        return known._replace(outcome=Outcome.RELEASED if untouched else Outcome.DEFERRED, cause=cause)
    if phase in (Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.RSET):
        return known._replace(outcome=Outcome.RELEASED, cause=Cause.RELAY)
    told = Cause.NONE if phase is Phase.MAIL else cause_in_words(status, text)
    cause = told or _permanent(reply, status, phase)
    return known._replace(cause=cause, suppress=cause is Cause.DEAD and (phase is Phase.RCPT or told is cause))


def _temporary(code: int, status: str) -> Cause:
    if code in (421, 454):
        return Cause.RELAY
    for rule in TEMPORARY:
        if re.fullmatch(rule.status, status):
            return rule.cause
    return BY_CODE.get(code, Cause.SOFT)


def _permanent(reply: Reply, status: str, phase: Phase) -> Cause:
    if phase is Phase.MAIL:
        return Cause.OURS  # nothing has been said about the recipient yet
    for rule in PERMANENT:
        if re.fullmatch(rule.status, status):
            return rule.cause
    if reply.code in BY_CODE:
        return BY_CODE[reply.code]
    if phase is Phase.RCPT:
        return Cause.SOFT  # for this recipient; that it is about us shows where many domains are refused so
    return Cause.OURS
