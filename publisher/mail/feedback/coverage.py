"""What comes back and is not read with these settings: said at start, so that nobody believes it is; pure."""

from __future__ import annotations

from publisher.mail.feedback import webhooks
from publisher.mail.feedback.mailboxes import OFF
from publisher.settings import Settings

#: Transports whose mail leaves this machine.
_LEAVING = frozenset({"smtp"})


def reads_mail(settings: Settings) -> bool:
    """Whether messages that come back are read; without that no address for them is advertised."""
    return settings.feedback.mailbox != OFF


def gaps(settings: Settings) -> tuple[str, ...]:
    """What is not covered, one line each, with what to write."""
    if settings.mail.transport not in _LEAVING:
        return ()
    found = []
    providers = [name for name in webhooks.kinds() if name in settings.feedback.options]
    sender, domain = settings.sender.address, settings.mail.return_domain
    if not reads_mail(settings):
        if not providers:
            found.append(
                f"bounces and complaints are not read: they go to {domain or sender}; "
                "write [feedback] mailbox, or the table of your provider"
            )
        found.append("nobody can unsubscribe by mail, and no address for it is advertised: [feedback] mailbox is off")
    else:
        if not domain:
            found.append(
                f"only bounces that bring our headers back are understood, and only where the mailbox gets the mail to "
                f"{sender}; with [mail] return_domain every one is"
            )
        if not settings.feedback.complaints_to:
            found.append(
                "complaints by mail only unsubscribe: [feedback] complaints_to names no address that feedback loops "
                "alone know"
            )
    if not settings.publication.base_url.startswith("https://"):
        found.append("one-click unsubscribing (RFC 8058) is not offered: publication.base_url is not https")
    return tuple(found)
