"""The mailbox of ``[feedback]``: each message in it may hold a report, which :mod:`.feedback` counts.

::

    fetched (drain_mailbox, by the tick) ─┐
    handed to us (report_server)         ─┴─→ take_mail ─→ read_mail ─→ feedback.record
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from publisher.errors import SettingsError
from publisher.mail.feedback import read_mail
from publisher.mail.feedback.mailboxes import BaseMailbox, Handle, Server, kinds, load
from publisher.settings import Settings
from publisher.store import Store
from publisher.subscribers import personal_links
from publisher.subscribers.feedback import Effect, record


def take_mail(store: Store, settings: Settings, raw: bytes, *, now: float, envelope_to: Sequence[str] = ()) -> Effect:
    """Handle one message that came in."""
    keyring = personal_links.keyring_of(store)
    report = read_mail(raw, keyring, envelope_to, complaints_to=settings.feedback.complaints_to)
    return Effect.IGNORED if report is None else record(store, settings, report, now=now)


def drain_mailbox(store: Store, settings: Settings, mailbox: BaseMailbox, clock: Callable[[], float]) -> int:
    """Read what is new in a mailbox that is fetched; returns how many messages there were.

    :raises DeliveryError: it cannot be read.
    :raises SettingsError: the password is not to be had.
    """
    return mailbox.drain(_handler(store, settings, clock))


def report_server(store: Store, settings: Settings, mailbox: BaseMailbox | None, clock: Callable[[], float]) -> Server:
    """The server of a mailbox that messages are handed to, bound and ready for ``serve_forever()``.

    :raises SettingsError: the mailbox is not of that sort, or off; the message says what to write.
    :raises SiteError: its address cannot be listened on.
    """
    if mailbox is None or not mailbox.listens:
        able = " or ".join(f'"{kind}"' for kind in kinds() if load(kind).listens)
        raise SettingsError(
            f'feedback.mailbox = "{settings.feedback.mailbox}": nothing listens for mail with it; '
            f"write [feedback] mailbox = {able}"
        )
    return mailbox.server(_handler(store, settings, clock))


def _handler(store: Store, settings: Settings, clock: Callable[[], float]) -> Handle:
    def handle(raw: bytes, recipients: tuple[str, ...]) -> None:
        take_mail(store, settings, raw, now=clock(), envelope_to=recipients)

    return handle
