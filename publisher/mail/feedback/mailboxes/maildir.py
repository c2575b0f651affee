"""A Maildir that a mail server delivers reports into: ``new/`` is what was not read yet.

A message is moved to ``cur/`` with the flag S (seen) after it was handled, so that a crash in between hands it
out again; handling a report twice changes nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from publisher.errors import DeliveryError
from publisher.mail.feedback.mailboxes._base import BaseMailbox, Handle
from publisher.mail.feedback.messages import MAX_OCTETS
from publisher.settings.base import Table


class MaildirOptions(Table):
    path: str = Field(default="", description="The folder, relative to the site.")
    every_seconds: float = Field(default=60.0, ge=1, description="How often it is looked at.")


class MaildirMailbox(BaseMailbox):
    """The folder ``path``."""

    Options: ClassVar[type[Table]] = MaildirOptions
    options: MaildirOptions

    @property
    def every_seconds(self) -> float:
        return self.options.every_seconds

    def drain(self, handle: Handle) -> int:
        return drain(self.site / self.options.path, lambda raw: handle(raw, ()))


MAILBOX = MaildirMailbox


def drain(folder: Path, handle: Callable[[bytes], None], limit: int = 1000) -> int:
    """Hand each new message (its first :data:`MAX_OCTETS` octets), oldest first, to ``handle``; returns how many.

    :raises DeliveryError: the folder cannot be read.
    """
    new, seen = folder / "new", folder / "cur"
    try:
        seen.mkdir(parents=True, exist_ok=True)
        waiting = sorted(entry.name for entry in os.scandir(new) if entry.is_file(follow_symlinks=False))[:limit]
    except OSError as error:
        raise DeliveryError(f"the mailbox {folder} cannot be read: {error.strerror}") from None
    handled = 0
    for name in waiting:
        try:
            with open(new / name, "rb") as file:
                raw = file.read(MAX_OCTETS)
        except OSError:
            continue  # another process took it
        handle(raw)
        handled += 1
        base = name.partition(":")[0]
        with contextlib.suppress(FileNotFoundError):
            os.rename(new / name, seen / f"{base}:2,S")
    return handled
