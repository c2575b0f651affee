"""When refusals are about us and not about the recipients: pure, used by the SMTP client and by the ledger."""

from __future__ import annotations

from publisher.mail.transport import Cause, Outcome, Result

#: The same permanent reply for so many recipients running says that it is not about them.
PAUSE_AFTER = 20
#: A refusal that does not itself speak of us has to come to recipients of so many domains.
FEWEST_DOMAINS = 2


class Streak:
    """Notices that the same permanent refusal comes for recipient after recipient.

    ============================ ==========================================================================
    dead                         breaks no streak and makes none: a list of old addresses is bounced
    the recipient's, or not said counts once it has come to recipients of two domains: one provider that
                                 refuses many of its own mailboxes says nothing about us
    ours (5.7.x, 5.6.x, …)       counts whatever the domains: the reply speaks of our relay, name or message
    ============================ ==========================================================================
    """

    def __init__(self, limit: int = PAUSE_AFTER) -> None:
        self._limit = limit
        self._kind: tuple[int, str] = (0, "")
        self._running = 0
        self._domains: set[str] = set()

    def judge(self, result: Result, recipient: str) -> Result:
        """``result`` of a message to ``recipient``, with ``pause`` set when it is the last of a streak."""
        if result.outcome is Outcome.SENT:
            self._running = 0
            return result
        if result.outcome is not Outcome.FAILED or result.cause is Cause.DEAD:
            return result
        kind = (result.code, result.status)
        if kind != self._kind or not self._running:
            self._kind, self._running = kind, 0
            self._domains.clear()
        self._running += 1
        if len(self._domains) < FEWEST_DOMAINS:
            self._domains.add(recipient.rpartition("@")[2].lower())
        theirs = result.cause is Cause.SOFT and len(self._domains) < FEWEST_DOMAINS
        if self._running < self._limit or theirs or result.pause:
            return result
        said = " ".join(part for part in (str(result.code or ""), result.status, result.reply) if part)
        return result._replace(pause=f"{self._running} recipients running were refused with the same reply: {said}")
