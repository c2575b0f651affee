"""One file a transport, found by its file name: ``[mail] transport = "maildir"`` is ``maildir.py``.

Each holds a class ``Transport`` that is made with ``(settings, reserve)``; see
:mod:`publisher.mail.transport` for what it promises. A new kind is a new file here and its name in
:class:`publisher.settings.mail.MailSettings`; the contract test finds it unasked.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from publisher.errors import SettingsError
from publisher.mail.transport import Reserve, Transport, unlimited
from publisher.settings import Settings


def kinds() -> tuple[str, ...]:
    """The names of all transports, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def open_transport(settings: Settings, reserve: Reserve = unlimited, kind: str = "") -> Transport:
    """The transport that ``[mail] transport`` names (or ``kind``), ready to deliver.

    :param reserve: books sends against rates that all workers share; see :data:`publisher.mail.transport.Reserve`.
    :raises SettingsError: there is no such kind, or its settings cannot be used.
    """
    kind = kind or settings.mail.transport
    if kind not in kinds():
        raise SettingsError(f"mail.transport = {kind!r}: expected one of {', '.join(kinds())}")
    module = importlib.import_module(f"{__name__}.{kind}")
    return cast(Transport, module.Transport(settings, reserve))
