"""What comes back and is not read with these settings: said at start, so that nobody believes it is; pure."""

from __future__ import annotations

from typing import NamedTuple

from publisher.mail.feedback import webhooks
from publisher.mail.feedback.mailboxes import OFF
from publisher.settings import Settings
from publisher.settings.reach import is_public_site

#: Transports whose mail leaves this machine.
_LEAVING = frozenset({"smtp"})


def leaves(settings: Settings) -> bool:
    """Whether mail leaves this machine, so that something can come back."""
    return settings.mail.transport in _LEAVING


def reads_mail(settings: Settings) -> bool:
    """Whether messages that come back are read; without that no address for them is advertised."""
    return settings.feedback.mailbox != OFF


class Gap(NamedTuple):
    """Something that is not covered, and what to write."""

    seen: str
    todo: str

    def __str__(self) -> str:
        return f"{self.seen}; {self.todo}"


def gaps(settings: Settings) -> tuple[Gap, ...]:
    """What is not covered; nothing where no mail leaves this machine."""
    if not leaves(settings):
        return ()
    found = []
    sender, domain = settings.sender.address, settings.mail.return_domain
    if not reads_mail(settings):
        if not any(name in settings.feedback.options for name in webhooks.kinds()):
            seen = f"bounces and complaints are not read: they go to {domain or sender}"
            found.append(Gap(seen, "write [feedback] mailbox, or the table of your provider"))
        seen = "nobody can unsubscribe by mail, and no address for it is advertised"
        found.append(Gap(seen, "write [feedback] mailbox, which is off"))
    else:
        if not domain:
            seen = f"bounces are understood where they bring our headers back, if the mailbox gets mail to {sender}"
            found.append(Gap(seen, "with [mail] return_domain each one is"))
        if not settings.feedback.complaints_to:
            seen = "complaints by mail only unsubscribe"
            found.append(Gap(seen, "name an address that feedback loops alone know in [feedback] complaints_to"))
    if is_public_site(settings) and not settings.publication.base_url.startswith("https://"):
        seen = "one-click unsubscribing (RFC 8058) is not offered"
        found.append(Gap(seen, "it needs a publication.base_url with https"))
    return tuple(found)
