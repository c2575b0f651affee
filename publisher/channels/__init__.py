"""Channels: places that articles are posted to by API; one file a kind, found by its name.

To add one: write ``publisher/channels/<kind>.py`` with a class ``Channel(BaseChannel)`` and
``templates/post/<kind>.txt``; the contract test picks both up by themselves. Modules whose name starts with an
underscore are shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from publisher.channels._base import BaseChannel, Draft, Facet, Picture, Remote
from publisher.channels._base import open_channel as _open
from publisher.channels._line import Line, open_client
from publisher.channels._media import PictureLimit, fit_picture
from publisher.channels._requests import PlatformRequest
from publisher.lib.families import member, members
from publisher.settings.channels import ChannelSettings

__all__ = [
    "BaseChannel",
    "Draft",
    "Facet",
    "Line",
    "Picture",
    "PictureLimit",
    "PlatformRequest",
    "Remote",
    "describe_options",
    "fit_picture",
    "kinds",
    "load",
    "open_channel",
    "open_client",
]


def kinds() -> tuple[str, ...]:
    """Every kind of channel there is, in alphabetical order."""
    return members(__path__)


def load(kind: str) -> type[BaseChannel]:
    """The class of a kind.

    :raises SettingsError: there is no such kind.
    """
    channel: type[BaseChannel] = member(__name__, __path__, kind, setting="channels.kind").Channel
    return channel


def open_channel(settings: ChannelSettings, site: Path | None = None, *, dry_run: bool | None = None) -> BaseChannel:
    """The channel of one ``[[channels]]`` table; ``dry_run`` overrides the table's.

    :raises SettingsError: one line that names channel, option, value and what was expected.
    """
    return _open(load(settings.kind), settings, site, dry_run=dry_run)


def describe_options() -> Iterator[tuple[str, str, str, str]]:
    """Each option of each kind as ``(kind, key, default, description)``, for the README's table."""
    for kind in kinds():
        for name, field in load(kind).Options.model_fields.items():
            default = "required" if name in load(kind).required else repr(field.get_default())
            yield kind, name, default, field.description or ""
