"""All options of mail's families at once: checked when a site is opened (not at the first send), and described."""

from __future__ import annotations

from collections.abc import Iterator

from publisher.mail import transports
from publisher.mail.feedback import mailboxes, webhooks
from publisher.settings import Settings


def check_mail(settings: Settings) -> None:
    """Refuse members that are not there, and options that are wrong; secrets are not read yet.

    :raises SettingsError: one line that names key, value and what was expected.
    """
    transports.check_transport(settings)
    mailboxes.options_of(settings)
    webhooks.check_providers(settings)


def describe_mail() -> Iterator[tuple[str, str, str]]:
    """Each option of each transport, mailbox and provider as ``(key, default, description)``."""
    yield from transports.describe_options()
    yield from mailboxes.describe_options()
    yield from webhooks.describe_options()
