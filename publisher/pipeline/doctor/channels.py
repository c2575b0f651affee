"""Whether each channel still takes us for who we are; nothing is published."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from publisher import posting
from publisher.errors import ChannelError, SettingsError, StoreError
from publisher.lib.findings import Finding, Look, fault, ok, unknown, warning
from publisher.settings import Settings
from publisher.settings.channels import ChannelSettings
from publisher.store import channels as channel_rows
from publisher.store import integrity, is_there, open_store


def looks(settings: Settings, clock: Callable[[], datetime]) -> list[Look]:
    """A look for each channel; those that only rehearse are not asked."""

    def of(table: ChannelSettings) -> Look:
        return Look(f"channel {table.name}", lambda: [check(settings, table, clock)])

    return [of(table) for table in settings.channels if not table.dry_run]


def check(settings: Settings, table: ChannelSettings, clock: Callable[[], datetime]) -> Finding:
    """Ask one channel's platform who we are, with the token in use."""
    name = f"channel {table.name}"
    if not is_there(settings.database_url):
        return unknown(name, "not asked: there is no database yet to keep a renewed token in")
    with closing(open_store(settings.database_url, upgrade=False)) as store:
        try:
            if integrity.pending(store):
                return unknown(name, "not asked: the database waits for migrations", "masthead upgrade, then try again")
            line = posting.ask_channel(store, settings, table.name, clock=clock)
            with store.read() as tx:
                state = channel_rows.get(tx, table.name)
        except StoreError as error:
            return unknown(name, f"not asked: {error}")
        except SettingsError as error:
            return fault(name, str(error), f"set up [[channels]] {table.name} (docs/channels)")
        except ChannelError as error:
            todo = f"renew its token, then: masthead channels test {table.name}"
            return fault(name, str(error), todo)
    if state is not None and state.paused is not None:
        seen = f"{line}; but it is paused: {state.reason}"
        return warning(name, seen, f"masthead channels test {table.name} lets it go on")
    return ok(name, line)
