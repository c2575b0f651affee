"""What mail providers report over HTTP: one file a provider; ``POST /webhooks/mailgun`` is ``mailgun.py``.

::

    Call (headers, body) ─→ <provider>.read ─→ Reports        or Refused: not signed, too old, not ours

Each has ``PROVIDER``, a class that extends :class:`BaseProvider`, with ``Options`` for its own table,
``[feedback.mailgun]``, and the provider's words in one visible table. A provider that proved itself may name a
subscriber by address; everything else is as for mail. That a report counts once is seen to where it is recorded, by
its id. A new provider is a new file here; the contract test finds it unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from publisher.errors import SettingsError
from publisher.lib.families import member, members
from publisher.lib.tokens import Keyring
from publisher.mail.feedback.webhooks._base import BaseProvider, Call, Fetch, Refused
from publisher.settings import Settings
from publisher.settings.base import Table, describe_table, read_options

__all__ = [
    "BaseProvider",
    "Call",
    "Fetch",
    "Refused",
    "check_providers",
    "describe_options",
    "kinds",
    "load",
    "open_provider",
]


def kinds() -> tuple[str, ...]:
    """The names of all providers, sorted."""
    return members(__path__)


def load(name: str) -> type[BaseProvider]:
    """The class of a provider.

    :raises SettingsError: there is no such provider.
    """
    return cast(type[BaseProvider], member(__name__, __path__, name, setting="feedback").PROVIDER)


def open_provider(settings: Settings, name: str, keyring: Callable[[], Keyring], fetch: Fetch) -> BaseProvider | None:
    """A provider that is set up; ``None`` for every other name.

    :param keyring: asked only for a provider that has a table.

    :raises SettingsError: its table is wrong.
    """
    if name not in settings.feedback.options or name not in kinds():
        return None
    opened = load(name)(_options(settings, name), settings.directory, keyring(), fetch)
    return opened if opened.ready else None


def check_providers(settings: Settings) -> None:
    """Refuse wrong options before anything is done; secrets are not read yet.

    :raises SettingsError: one line that names key, value and what was expected.
    """
    for name in kinds():
        if name in settings.feedback.options:
            _options(settings, name)


def describe_options() -> Iterator[tuple[str, str, str]]:
    """Each key of each provider's table as ``(key, default, description)``, for the table of settings."""
    for name in kinds():
        yield from describe_table(load(name).Options, f"feedback.{name}.")


def _options(settings: Settings, name: str) -> Table:
    where, table = f"feedback.{name}", settings.feedback.options[name]
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: expected a table, [{where}]")
    return read_options(load(name).Options, table, where=where, label=f"the provider {name}")
