"""Where reports are read from: one file a kind of mailbox; ``[feedback] mailbox = "imap"`` is ``imap.py``.

Each has ``MAILBOX``, a class that extends :class:`BaseMailbox`, with ``Options`` for the keys of ``[feedback]`` that
this kind reads. A new kind is a new file here; the contract test finds it unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from publisher.lib.families import member, members
from publisher.mail.feedback import webhooks
from publisher.mail.feedback.mailboxes._base import BaseMailbox, Handle, Server
from publisher.settings import Settings
from publisher.settings.base import Table, describe_table, read_options_among

__all__ = ["BaseMailbox", "Handle", "Server", "describe_options", "kinds", "load", "open_mailbox", "options_of"]

OFF = "off"


def kinds() -> tuple[str, ...]:
    """The names of all kinds, sorted."""
    return members(__path__)


def load(kind: str) -> type[BaseMailbox]:
    """The class of a kind.

    :raises SettingsError: there is no such kind.
    """
    return cast(type[BaseMailbox], member(__name__, __path__, kind, setting="feedback.mailbox").MAILBOX)


def options_of(settings: Settings) -> Table:
    """The keys of ``[feedback]`` that the chosen mailbox reads; none where it is off.

    :raises SettingsError: one line that names key, value and what was expected.
    """
    kind = settings.feedback.mailbox
    tables = webhooks.kinds()  # those of the providers are tables of their own
    return read_options_among(
        Table if kind == OFF else load(kind).Options,
        {name: value for name, value in settings.feedback.options.items() if name not in tables},
        siblings=lambda: (load(other).Options for other in kinds()),
        where="feedback",
        label=f'mailbox = "{kind}"',
    )


def open_mailbox(settings: Settings) -> BaseMailbox | None:
    """The mailbox that ``[feedback] mailbox`` names; ``None`` where it is off.

    :raises SettingsError: there is no such kind, or its options are wrong.
    """
    options = options_of(settings)
    if settings.feedback.mailbox == OFF:
        return None
    return load(settings.feedback.mailbox)(options, settings.directory)


def describe_options() -> Iterator[tuple[str, str, str]]:
    """Each key of ``[feedback]`` that a mailbox reads as ``(key, default, description)``, for the table of settings."""
    for kind in kinds():
        for key, default, description in describe_table(load(kind).Options, "feedback."):
            yield key, default, f"{kind}: {description}"
