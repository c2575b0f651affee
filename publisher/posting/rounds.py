"""A round: each channel with something due is taken, worked on for a while, and let go.

::

    take the channel (lease) ─→ what a killed process left in "sending" is now unknown
        loop: unknown, due ─→ look: found → published; not there often enough → queued; else look later
              edit due ─────→ change in place
              queued, due ──→ may it go? ─→ claim (commit) ─→ publish ─→ settle (commit)
    let the channel go

Channels do not share anything: each is worked on in a thread of its own, and what is wrong with one is written into
its row and nobody else's. Which post goes next: :mod:`publisher.posting.claiming`; what is done with it:
:mod:`publisher.posting.one_post`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from publisher.channels import open_channel, open_client
from publisher.errors import SettingsError
from publisher.posting import one_post, timing
from publisher.posting.claiming import claim_next
from publisher.posting.held import Clock, HeldChannel, SendReport
from publisher.posting.pictures import Fetch
from publisher.settings import Settings
from publisher.store import Store, post_claims
from publisher.store import channels as channel_rows

#: How long a channel is held; every claim renews it. Longer than any one post can take.
LEASE_SECONDS = 300.0
#: After this one call takes no further post; the next tick goes on.
PATIENCE_SECONDS = 60.0
#: A channel that is set up wrongly is tried again after this.
MENDED_SECONDS = 60.0
#: Channels that are worked on at the same time.
MAX_THREADS = 16


def utc_now() -> datetime:
    return datetime.now(UTC)


def due_channels(store: Store, settings: Settings, now: datetime) -> list[str]:
    """Names of the channels that :func:`send_channel` has something to do for."""
    live = {table.name for table in settings.channels if not table.dry_run}
    with store.read() as tx:
        return [name for name in post_claims.due_channels(tx, now.timestamp()) if name in live]


def send_due(
    store: Store,
    settings: Settings,
    *,
    fetch: Fetch | None = None,
    clock: Clock = utc_now,
) -> SendReport:
    """Send what is due on every channel, each in a thread of its own.

    :param fetch: gets the bytes of an image's URL; without it posts go out without images.
    """
    report = SendReport()
    names = due_channels(store, settings, clock())
    if not names:
        return report
    with ThreadPoolExecutor(max_workers=min(len(names), MAX_THREADS), thread_name_prefix="channel") as pool:

        def work(name: str) -> SendReport:
            return send_channel(store, settings, name, fetch=fetch, clock=clock)

        for done in pool.map(work, names):
            report.add(done)
    return report


def send_channel(
    store: Store,
    settings: Settings,
    name: str,
    *,
    fetch: Fetch | None = None,
    clock: Clock = utc_now,
    only: Iterable[int] | None = None,
) -> SendReport:
    """Send what is due on one channel; nothing while somebody else works on it.

    :param only: ids of the posts that an operator sends by hand, now, whatever window and spacing say.
    """
    table = next((table for table in settings.channels if table.name == name), None)
    if table is None or (table.dry_run and only is None):
        return SendReport()
    token = secrets.token_hex(16)
    with store.begin() as tx:
        now = clock().timestamp()
        if not channel_rows.take(tx, name, token, now, now + LEASE_SECONDS):
            return SendReport()
    by_hand = None if only is None else frozenset(only)
    try:
        with open_client(settings.net.allow_private) as http:
            channel = open_channel(table, settings.directory, dry_run=False)
            held = HeldChannel(store, settings, table, channel, http, token, clock, fetch, by_hand)
            _work(held)
            return held.report
    except SettingsError as error:
        return _set_up_wrongly(store, name, str(error), clock())
    finally:
        with store.begin() as tx:
            channel_rows.release(tx, name, token)


def _set_up_wrongly(store: Store, name: str, reason: str, now: datetime) -> SendReport:
    """A secret that is not set heals by itself when it is: the channel waits, and says so once."""
    report = SendReport(deferred=1)
    with store.begin() as tx:
        state = channel_rows.get(tx, name)
        fresh = state is None or state.reason != reason
        channel_rows.change(tx, name, wait_until=now.timestamp() + MENDED_SECONDS, reason=reason)
    if fresh:
        report.alert(f"channel {name} cannot post: {reason}")
    return report


def _work(held: HeldChannel) -> None:
    """Do what there is to do on a channel, for :data:`PATIENCE_SECONDS` at most."""
    with held.store.begin() as tx:
        state = channel_rows.get(tx, held.name)
        if state is None or (state.paused is not None and held.only is None):
            return
        held.memory = state.memory
        looks, now = held.channel.looks, held.now()
        due = None if looks is None else now + timing.LOOKS_SECONDS[0] if looks else now
        left = "the process ended before it knew whether this was published"
        held.report.unknown += post_claims.orphan(tx, held.name, due, left)
    held.channel.recall(held.memory)
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE_SECONDS and _step(held):
        pass


def _step(held: HeldChannel) -> bool:
    """Do the next thing there is to do; ``False`` when there is none, or the channel has to wait."""
    now = held.now()
    with held.store.begin() as tx:
        if not channel_rows.keep(tx, held.name, held.token, now + LEASE_SECONDS):
            return False
        state = channel_rows.get(tx, held.name)
        if state is None or (held.only is None and (state.paused or (state.wait_until or 0) > now)):
            return False
        unknown = post_claims.next_unknown(tx, held.name, now)
        edit = None if unknown else post_claims.next_edit(tx, held.name, now)
        row = None if unknown or edit else claim_next(tx, held, now)
    if unknown:
        return one_post.look(held, unknown)
    if edit:
        return one_post.edit(held, edit)
    return one_post.publish(held, row) if row else False
