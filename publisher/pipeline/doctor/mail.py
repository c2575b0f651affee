"""How our mail will be judged: the DNS of the domains we send from, as receivers look at it."""

from __future__ import annotations

from publisher.digests.composing import signer_for
from publisher.errors import SettingsError
from publisher.lib.findings import Finding, Level, Look, fault, ok, warning
from publisher.mail.domains import dkim_record, dmarc, hosts, spf
from publisher.mail.domains.resolver import Resolver
from publisher.mail.feedback import coverage
from publisher.settings import Settings


def looks(settings: Settings, resolver: Resolver) -> list[Look]:
    """SPF, DKIM, DMARC and the return domain, each a look of its own: a slow DNS is asked for all at once."""
    sender = settings.sender.address.rpartition("@")[2].lower()
    returns = settings.mail.return_domain or sender
    return [
        Look(f"SPF of {returns}", lambda: [spf.check(resolver, returns)], late=Level.UNKNOWN),
        Look("SPF alignment", lambda: [dmarc.check_alignment(resolver, "SPF", returns, sender)], late=Level.UNKNOWN),
        Look("DKIM", lambda: check_signatures(settings, sender, resolver), late=Level.UNKNOWN),
        Look(f"DMARC of {sender}", lambda: [dmarc.check(resolver, sender)], late=Level.UNKNOWN),
        Look("return domain", lambda: [check_return_domain(settings, resolver)], late=Level.UNKNOWN),
        Look("feedback", lambda: check_feedback(settings)),
    ]


def check_signatures(settings: Settings, sender: str, resolver: Resolver) -> list[Finding]:
    """Each key that we sign with against its record, and whether the signature counts for the From domain."""
    try:
        signer = signer_for(settings)
    except SettingsError as error:
        return [fault("DKIM", str(error), "masthead dkim new makes a key and says what to publish")]
    if signer is None:
        todo = "masthead dkim new makes a key and says what to publish; nothing to do where the relay signs"
        return [warning("DKIM", "we sign nothing", todo)]
    keys = [dkim_record.check(resolver, signer.domain, key) for key in signer.keys]
    return [*keys, dmarc.check_alignment(resolver, "DKIM", signer.domain, sender)]


def check_return_domain(settings: Settings, resolver: Resolver) -> Finding:
    """Whether bounces come back to us, and are read there."""
    domain = settings.mail.return_domain
    if not domain:
        seen = f"none: bounces go to {settings.sender.address}"
        return warning("return domain", seen, "set [mail] return_domain to have bounces counted (docs/running.md)")
    found = hosts.check_return_domain(resolver, domain)
    if found.level is Level.OK and settings.feedback.mailbox == "off":
        todo = "set [feedback] mailbox, unless a webhook of your provider reports bounces (docs/running.md)"
        return warning(found.check, f"{found.seen}, and no mailbox is read", todo)
    return found


def check_feedback(settings: Settings) -> list[Finding]:
    """What comes back and is not read: the lines that a worker says at start."""
    if not coverage.leaves(settings):
        read = "" if coverage.reads_mail(settings) else " and nothing is read"
        here = f'while mail stays on this machine ([mail] transport = "{settings.mail.transport}")'
        return [ok("feedback", f"nothing comes back{read} {here}")]
    gaps = coverage.gaps(settings)
    if not gaps:
        return [ok("feedback", "bounces, complaints and requests to unsubscribe are read")]
    return [warning("feedback", gap.seen, gap.todo) for gap in gaps]
