"""A channel as it is now: its table in the settings, and what its platform has told us since.

Whoever makes a text of an article opens the channel here, so that a preview, a dry run, a post by hand and a queued
post are cut by the same limits.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from publisher.channels import BaseChannel, open_channel
from publisher.errors import SettingsError
from publisher.posting import timing
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import Tx, posts
from publisher.store import channels as channel_rows


def channel_table(settings: Settings, name: str) -> ChannelSettings:
    """The table of the channel ``name``.

    :raises SettingsError: there is none; names those that are.
    """
    for table in settings.channels:
        if table.name == name:
            return table
    names = ", ".join(table.name for table in settings.channels) or "none is set up"
    raise SettingsError(f"there is no channel {name!r}; channels: {names}")


def open_known(tx: Tx, settings: Settings, table: ChannelSettings, *, dry_run: bool | None = None) -> BaseChannel:
    """The channel of ``table``, with the limits that its platform has told us.

    :raises SettingsError: its table is wrong.
    """
    channel = open_channel(table, settings.directory, dry_run=dry_run)
    row = channel_rows.get(tx, table.name)
    if row is not None:
        channel.recall(row.memory)
    return channel


def spent_this_month(tx: Tx, settings: Settings, name: str, now: datetime) -> int:
    """What a channel's posts cost since the month began in the publication's zone, in millionths of a US dollar."""
    zone = ZoneInfo(settings.publication.timezone)
    return posts.spent(tx, name, timing.month_start(now, zone).timestamp())
