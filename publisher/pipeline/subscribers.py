"""What the worker does for subscribers: notices leave, reports come in, old traces go."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from publisher.errors import MastheadError
from publisher.mail.feedback.mailboxes import open_mailbox
from publisher.pipeline.mailing import transport_of
from publisher.pipeline.site import Site
from publisher.pipeline.waiting import held_by_restore
from publisher.store import limits, meta, notices, private_feeds, reports, signups
from publisher.subscribers import interchange
from publisher.subscribers.interchange.columns import REASONS, BadRow
from publisher.subscribers.interchange.importing import Progress
from publisher.subscribers.mailbox import drain_mailbox
from publisher.subscribers.notices import send_due_notices

log = logging.getLogger(__name__)

_LAST_LOOK = "feedback.looked"
_LAST_SWEEP = "readers.swept"
SWEEP_SECONDS = 3600.0


@held_by_restore(int)
def send_notices(site: Site) -> int:
    """Send the confirmations and welcomes that are due; returns how many left."""
    with site.store.read() as tx:
        if not notices.any_due(tx, now=site.now()):
            return 0
    transport = transport_of(site)
    try:
        return send_due_notices(site.store, site.settings, transport, now=site.now())[0]
    finally:
        transport.close()


def read_reports(site: Site) -> int:
    """Look into the mailbox of bounces and complaints when it is time to; returns how many messages there were.

    Forgets what is too old as well, once an hour.
    """
    now = site.now()
    if _is_time(site, _LAST_SWEEP, SWEEP_SECONDS):
        with site.store.begin() as tx:
            for old in (limits, signups, notices, reports, private_feeds):
                old.sweep(tx, now=now)
    mailbox = open_mailbox(site.settings)
    if mailbox is None or mailbox.listens or not _is_time(site, _LAST_LOOK, mailbox.every_seconds):
        return 0
    return drain_mailbox(site.store, site.settings, mailbox, site.clock)


def _is_time(site: Site, name: str, every: float) -> bool:
    """Whether ``every`` seconds are over since this returned ``True`` last, in whatever process."""
    now = site.now()
    with site.store.read() as tx:
        last = float(meta.get(tx, name) or 0.0)
    if last <= now < last + every:  # a clock that was set back does not stop us for long
        return False
    with site.store.begin() as tx:
        if float(meta.get(tx, name) or 0.0) != last:
            return False
        meta.put(tx, name, repr(now))
    return True


def known_digests(site: Site, names: Iterable[str]) -> tuple[str, ...]:
    """The names of all digests.

    :raises MastheadError: one of ``names`` is none of them.
    """
    known = tuple(digest.name for digest in site.settings.digests)
    for name in names:
        if name not in known:
            raise MastheadError(f"no digest is named {name}; there are: {', '.join(known)}")
    return known


def import_subscribers(
    site: Site,
    path: Path,
    *,
    digests: tuple[str, ...] = (),
    dry_run: bool = False,
    suppress_all: str = "",
    progress: Progress | None = None,
    set_aside: list[BadRow] | None = None,
) -> interchange.Report:
    """Import a file into ``digests`` (none: all); see :func:`publisher.subscribers.interchange.import_file`.

    :raises MastheadError: there is no such digest or reason, or the file cannot be used.
    """
    known = known_digests(site, digests)
    if suppress_all and suppress_all not in REASONS:
        raise MastheadError(f"no reason to suppress is named {suppress_all}; there are: {', '.join(REASONS)}")
    return interchange.import_file(
        site.store,
        path,
        digests=digests or known,
        now=site.now(),
        dry_run=dry_run,
        suppress_all=suppress_all,
        progress=progress,
        set_aside=None if set_aside is None else set_aside.append,
    )
