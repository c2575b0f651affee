"""One file a transport, found by its file name: ``[mail] transport = "maildir"`` is ``maildir.py``.

Each has ``TRANSPORT``, a class that is made with ``(options, settings, reserve)`` and promises what
:mod:`publisher.mail.transport` says, and in it ``Options``: the keys of ``[mail]`` that this transport reads, and
``looks``: what ``masthead doctor`` looks at. A new transport is a new file here; the contract test finds it unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol, cast

from publisher.lib.families import member, members
from publisher.lib.findings import Look
from publisher.mail.domains.resolver import Resolver
from publisher.mail.transport import Reserve, Transport, unlimited
from publisher.settings import Settings
from publisher.settings.base import Table, describe_table, read_options_among


class TransportClass(Protocol):
    """What ``TRANSPORT`` is. ``options`` are an instance of its own ``Options``."""

    Options: ClassVar[type[Table]]

    def __call__(self, options: Any, settings: Settings, reserve: Reserve = unlimited) -> Transport: ...

    def looks(self, options: Any, settings: Settings, resolver: Resolver) -> list[Look]: ...


def kinds() -> tuple[str, ...]:
    """The names of all transports, sorted."""
    return members(__path__)


def load(kind: str) -> TransportClass:
    """The class of a kind.

    :raises SettingsError: there is no such kind.
    """
    return cast(TransportClass, member(__name__, __path__, kind, setting="mail.transport").TRANSPORT)


def options_of(settings: Settings, kind: str = "") -> Table:
    """The keys of ``[mail]`` that the chosen transport (or ``kind``) reads.

    :raises SettingsError: one line that names key, value and what was expected.
    """
    kind = kind or settings.mail.transport
    return read_options_among(
        load(kind).Options,
        settings.mail.options,
        siblings=lambda: (load(other).Options for other in kinds()),
        where="mail",
        label=f"the transport {kind}",
    )


def open_transport(settings: Settings, reserve: Reserve = unlimited, kind: str = "") -> Transport:
    """The transport that ``[mail] transport`` names (or ``kind``), ready to deliver.

    :param reserve: books sends against rates that all workers share; see :data:`publisher.mail.transport.Reserve`.
    :raises SettingsError: there is no such kind, or its options cannot be used.
    """
    return load(kind or settings.mail.transport)(options_of(settings, kind), settings, reserve)


def looks(settings: Settings, resolver: Resolver) -> list[Look]:
    """What there is to look at of the transport that ``[mail] transport`` names; nothing is sent.

    :raises SettingsError: there is no such kind, or its options are wrong.
    """
    return load(settings.mail.transport).looks(options_of(settings), settings, resolver)


def check_transport(settings: Settings) -> None:
    """Refuse a transport that is not there, or wrong options, before anything is done; secrets are not read yet.

    :raises SettingsError: one line that names key, value and what was expected.
    """
    options_of(settings)


def describe_options() -> Iterator[tuple[str, str, str]]:
    """Each key of ``[mail]`` that a transport reads as ``(key, default, description)``, for the table of settings."""
    for kind in kinds():
        yield from describe_table(load(kind).Options, "mail.")
