"""One file a transport, found by its file name: ``[mail] transport = "maildir"`` is ``maildir.py``.

Each holds a class ``Transport`` that is made with ``(settings, reserve)``; see
:mod:`publisher.mail.transport` for what it promises. A new kind is a new file here and its name in
:class:`publisher.settings.mail.MailSettings`; the contract test finds it unasked.
"""

from __future__ import annotations

from typing import cast

from publisher.lib.families import member, members
from publisher.mail.transport import Reserve, Transport, unlimited
from publisher.settings import Settings


def kinds() -> tuple[str, ...]:
    """The names of all transports, sorted."""
    return members(__path__)


def open_transport(settings: Settings, reserve: Reserve = unlimited, kind: str = "") -> Transport:
    """The transport that ``[mail] transport`` names (or ``kind``), ready to deliver.

    :param reserve: books sends against rates that all workers share; see :data:`publisher.mail.transport.Reserve`.
    :raises SettingsError: there is no such kind, or its settings cannot be used.
    """
    kind = kind or settings.mail.transport
    module = member(__name__, __path__, kind, setting="mail.transport")
    return cast(Transport, module.Transport(settings, reserve))
