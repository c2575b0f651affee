"""One SMTP conversation without a socket: octets in, octets and results out (RFC 5321, 2920, 3207, 4954, 6531).

::

    greeting → EHLO → [STARTTLS → EHLO] → [AUTH] → ready
    ready    → [RSET] MAIL RCPT → DATA → content . [MAIL RCPT of the next] → …

With PIPELINING a message costs two round trips: the next message's MAIL and RCPT ride with this one's final
dot. A second DATA is never sent before the first reply is here, so at most one message is in doubt.

Every command sent is noted in ``_expected``; every reply is handed to the method of the oldest one. The
session never reads a clock: it only says how long the oldest command may take (:attr:`Session.patience`).
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from publisher.mail.smtp.envelope import Capabilities, Prepared, prepare
from publisher.mail.smtp.replies import GarbageReply, Phase, Reply, ReplyReader, classify
from publisher.mail.transport import Cause, Outcome, Outgoing, Result


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for each reply: the minimums of RFC 5321 §4.5.3.2, and our own where it names none."""

    connect: float = 30
    greeting: float = 300
    command: float = 300  # EHLO, AUTH, MAIL, RCPT, RSET
    tls: float = 60
    data: float = 120
    block: float = 180  # while content is being taken
    end_of_data: float = 600

    def of(self, phase: Phase) -> float:
        """Seconds for a reply to ``phase``."""
        match phase:
            case Phase.GREETING:
                return self.greeting
            case Phase.STARTTLS:
                return self.tls
            case Phase.DATA:
                return self.data
            case Phase.CONTENT:
                return self.end_of_data
            case _:
                return self.command


@dataclass(frozen=True, slots=True)
class Login:
    """How to introduce ourselves to one relay.

    ``tls_from_start`` is implicit TLS (RFC 8314); an empty ``hello`` is our address literal (RFC 5321 §4.1.4).
    """

    relay: str
    hello: str
    starttls: bool = True
    tls_from_start: bool = False
    username: str = ""
    password: str = field(default="", repr=False)


class Session:
    """The conversation over one connection.

    :ivar before_content: called with a message just before its content leaves; returns the message to follow,
        whose MAIL and RCPT may ride along. What it raises leaves the message unsent.
    :ivar holding: begin no content any more.
    :ivar address_literal: our end of the connection, for EHLO where we have no name.
    :ivar out: octets to write, in order; the socket's owner empties it.
    :ivar results: not yet collected.
    :ivar returned: messages that may be given to another connection as if nothing had been; with each how much
        the end of this conversation may be its doing: 0 not at all, 2 by all appearances, 1 if it was only riding
        behind another one on a connection that many relays close after so many messages anyway.
    :ivar fault: why the conversation ended, when it did not end well.
    :ivar about: the command that the last reply was to, or that was waiting for one when the connection was lost.
    """

    def __init__(self, login: Login, before_content: Callable[[Outgoing], Outgoing | None]) -> None:
        self._login = login
        self.before_content = before_content
        self._reader = ReplyReader()
        self._expected: deque[Phase] = deque([Phase.GREETING])
        self._offered = Capabilities()
        self._secrets: list[bytes] = []  # what is left to say of AUTH
        self._refused: Result | None = None  # MAIL's refusal, while RCPT's reply is still to come
        self._dirty = False  # a transaction is open that will not be used
        self._rode = False  # the current message came behind another one
        self._body = b""
        self._rcpt_to_come = b""
        self._next: Outgoing | None = None
        self._prepared: Prepared | Result | None = None
        self.secure = login.tls_from_start
        self.address_literal = "[127.0.0.1]"
        self.current: Outgoing | None = None
        self.out: list[bytes] = []
        self.results: list[tuple[Outgoing, Result]] = []
        self.returned: list[tuple[Outgoing, int]] = []
        self.fault: Result | None = None
        self.about = Phase.GREETING
        self.ready = False
        self.over = False
        self.wants_tls = False
        self.holding = False

    @property
    def idle(self) -> bool:
        """A message can be begun."""
        return self.ready and self.current is None and not self.over

    @property
    def waiting_for(self) -> Phase | None:
        """The oldest command without a reply."""
        return self._expected[0] if self._expected else None

    def receive(self, data: bytes) -> None:
        """Octets from the relay."""
        try:
            for reply in self._reader.feed(data):
                if self.over:
                    return
                if not self._expected:
                    return self._unasked(reply)
                self.about = self._expected.popleft()
                _HANDLERS[self.about](self, reply)
                if self.wants_tls:
                    return
        except GarbageReply as error:
            self.lost(f"the relay sent {error}", flushed=True)

    def begin(self, outgoing: Outgoing) -> None:
        """Start one message; only when :attr:`idle`. Its result may be there at once."""
        self.current = outgoing
        self._rode = False
        self._open_envelope(prepare(outgoing, self._offered, self._login.relay))

    def tls_started(self) -> None:
        """The handshake is done and the certificate is right; start over (RFC 3207 §4.2)."""
        self.wants_tls = False
        self.secure = True
        self._offered = Capabilities()
        self._say(f"EHLO {self._login.hello or self.address_literal}", Phase.EHLO)

    def quit(self) -> None:
        """Say goodbye; nobody waits for the reply."""
        if self.ready and not self.over:
            self.out.append(b"QUIT\r\n")
        self.over = True

    def lost(self, reason: str, *, flushed: bool) -> None:
        """The connection ended, or its patience did, or it makes no sense.

        :param flushed: everything in :attr:`out` has been written, the final dot too if it was there.
        """
        if self.over:
            return
        fault = None
        if not self.ready or self.current is not None or self._expected:  # resting relays may hang up as they like
            fault = Result(Outcome.RELEASED, reply=reason, relay=self._login.relay, cause=Cause.RELAY)
        self.about = self._expected[0] if self._expected else self.about
        in_doubt = flushed and Phase.CONTENT in self._expected
        current, self.current = self.current, None
        if current is not None and in_doubt:
            self.results.append(
                (current, Result(Outcome.IN_DOUBT, reply=reason, relay=self._login.relay, cause=Cause.RELAY))
            )
        elif current is not None:
            self.returned.append((current, self._blame()))
        self._end(fault)

    def _say(self, command: str, phase: Phase) -> None:
        self.out.append(command.encode("ascii") + b"\r\n")
        self._expected.append(phase)

    def _greeting(self, reply: Reply) -> None:
        if reply.code != 220:
            return self._end(classify(reply, Phase.GREETING, self._login.relay))
        self._say(f"EHLO {self._login.hello or self.address_literal}", Phase.EHLO)

    def _ehlo(self, reply: Reply) -> None:
        if reply.code != 250:
            return self._end(classify(reply, Phase.EHLO, self._login.relay))
        self._offered = Capabilities.of(reply)
        if self._login.starttls and not self.secure:
            if "STARTTLS" not in self._offered:
                return self._refuse("does not offer STARTTLS, so nothing was sent to it in clear")
            return self._say("STARTTLS", Phase.STARTTLS)
        if self._login.username:
            return self._authenticate()
        self.ready = True

    def _starttls(self, reply: Reply) -> None:
        if reply.code != 220:
            return self._end(classify(reply, Phase.STARTTLS, self._login.relay))
        # Whatever came in the same breath was not said under TLS: it is not read (CVE-2011-0411).
        self._reader.discard()
        self.wants_tls = True

    def _authenticate(self) -> None:
        offered = self._offered.keywords.get("AUTH", "").upper().split()
        user, password = self._login.username.encode(), self._login.password.encode()
        if not self.secure:
            return self._refuse("is not protected by TLS, so the password was not sent")
        if "PLAIN" in offered:
            self._secrets = []
            self._say("AUTH PLAIN " + base64.b64encode(b"\0" + user + b"\0" + password).decode(), Phase.AUTH)
        elif "LOGIN" in offered:
            self._secrets = [base64.b64encode(user), base64.b64encode(password)]
            self._say("AUTH LOGIN", Phase.AUTH)
        else:
            self._refuse(f"offers neither AUTH PLAIN nor AUTH LOGIN (but: {' '.join(offered)[:80] or 'none'})")

    def _auth(self, reply: Reply) -> None:
        if reply.code == 235:
            self.ready = True
        elif reply.code == 334 and self._secrets:
            self.out.append(self._secrets.pop(0) + b"\r\n")
            self._expected.append(Phase.AUTH)
        elif reply.code == 334:
            self._end(_fault(self._login.relay, "the relay asks for more than a name and a password"))
        else:
            self._end(classify(reply, Phase.AUTH, self._login.relay))

    def _refuse(self, reason: str) -> None:
        self._end(_fault(self._login.relay, f"{self._login.relay} {reason}"))

    def _open_envelope(self, prepared: Prepared | Result) -> None:
        if isinstance(prepared, Result):
            return self._settle(prepared)
        if self._dirty:
            self.out.append(b"RSET\r\n")
            self._expected.append(Phase.RSET)
            self._dirty = False
        self._body = prepared.body
        self.out.append(prepared.mail)
        self._expected.append(Phase.MAIL)
        if self._offered.pipelining:
            self.out.append(prepared.rcpt)
            self._expected.append(Phase.RCPT)
        else:
            self._rcpt_to_come = prepared.rcpt

    def _rset(self, reply: Reply) -> None:
        if reply.code != 250:
            self.lost(f"the relay does not start over: {reply}", flushed=True)

    def _mail(self, reply: Reply) -> None:
        if self.current is None:
            return self._unasked(reply)
        accepted = 200 <= reply.code < 300
        if not accepted:
            result = classify(reply, Phase.MAIL, self._login.relay)
            if self._offered.pipelining and reply.code != 421:
                self._refused = result
                return
            return self._settle(result)
        if not self._offered.pipelining:
            self.out.append(self._rcpt_to_come)
            self._expected.append(Phase.RCPT)

    def _rcpt(self, reply: Reply) -> None:
        if self._refused is not None:
            refused, self._refused = self._refused, None
            return self._settle(refused)
        if not 200 <= reply.code < 300:
            self._dirty = True
            return self._settle(classify(reply, Phase.RCPT, self._login.relay))
        if self.holding and self.current is not None:
            self.returned.append((self.current, 0))
            self.current, self._dirty = None, True
            return
        self.out.append(b"DATA\r\n")
        self._expected.append(Phase.DATA)

    def _data(self, reply: Reply) -> None:
        assert self.current is not None
        if reply.code != 354:
            self._dirty = True
            if reply.code < 400:
                return self.lost(f"the relay replied to DATA with {reply}", flushed=True)
            return self._settle(classify(reply, Phase.DATA, self._login.relay))
        following = self.before_content(self.current)
        self.out.append(self._body)
        self._expected.append(Phase.CONTENT)
        self._next = following
        self._prepared = prepare(following, self._offered, self._login.relay) if following is not None else None
        if self._offered.pipelining and isinstance(self._prepared, Prepared):
            self.out.append(b".\r\n" + self._prepared.mail + self._prepared.rcpt)
            self._expected.append(Phase.MAIL)
            self._expected.append(Phase.RCPT)
            self._body = self._prepared.body
        else:
            self.out.append(b".\r\n")

    def _content(self, reply: Reply) -> None:
        following, self._next = self._next, None
        riding = bool(self._expected)
        if 300 <= reply.code < 400:
            self._expected.appendleft(Phase.CONTENT)
            self._next = following
            return self.lost(f"the relay replied to the message with {reply}", flushed=True)
        result = classify(reply, Phase.CONTENT, self._login.relay)
        if following is None or self.over:
            return self._settle(result)
        self._settle(result)
        if self.over:  # 421: _end has returned nothing of the next message, which stood aside here
            self.returned.append((following, 0))
            return
        self.current = following
        self._rode = True
        if not riding:
            assert self._prepared is not None
            self._open_envelope(self._prepared)

    def _unasked(self, reply: Reply) -> None:
        self.lost(f"the relay said unasked: {reply}", flushed=True)

    def _blame(self) -> int:
        return 1 if self._rode and Phase.DATA not in self._expected and Phase.CONTENT not in self._expected else 2

    def _settle(self, result: Result) -> None:
        """The current message's fate is known."""
        current, self.current = self.current, None
        assert current is not None
        if result.outcome is Outcome.RELEASED:
            self.returned.append((current, self._blame()))
        else:
            self.results.append((current, result))
        if result.code == 421 or result.outcome is Outcome.RELEASED:
            self._end(result)

    def _end(self, fault: Result | None) -> None:
        if self.current is not None:
            self.returned.append((self.current, 0))
            self.current = None
        if self._next is not None:
            self.returned.append((self._next, 0))
            self._next = None
        self.fault = fault
        self._expected.clear()
        self.over = True


def _fault(relay: str, reason: str) -> Result:
    return Result(
        Outcome.RELEASED, reply=reason, relay=relay, cause=Cause.OURS, pause=f"{reason}; check [mail] and the relay"
    )


_HANDLERS: dict[Phase, Callable[[Session, Reply], None]] = {
    Phase.GREETING: Session._greeting,
    Phase.EHLO: Session._ehlo,
    Phase.STARTTLS: Session._starttls,
    Phase.AUTH: Session._auth,
    Phase.MAIL: Session._mail,
    Phase.RCPT: Session._rcpt,
    Phase.DATA: Session._data,
    Phase.CONTENT: Session._content,
    Phase.RSET: Session._rset,
}
