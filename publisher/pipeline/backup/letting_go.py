"""What a restore holds back, by name, and how a person lets it go.

::

    letter:12   an edition that was not done      send what was unsent  |  count it as sent
    letter      articles of the gap               plan them             |  count them as sent
    posts, notices, calls                         do them               |  count them as done

Everything is let go of in one transaction, together with the mark that held it. Counted as sent is the safe side:
nobody gets anything twice. Message-IDs stay as they are, so that a copy can be told from a new message.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from publisher.errors import MastheadError, SiteError
from publisher.model import EditionStatus
from publisher.pipeline import planning as pipeline_planning
from publisher.pipeline.collecting import collect
from publisher.pipeline.site import Site
from publisher.pipeline.waiting import Restored, instant, restored_in
from publisher.store import Tx, freezing, meta, restored
from publisher.store import planning as planning_rows
from publisher.store.restored import HeldEdition

log = logging.getLogger(__name__)

Choice = Literal["send", "count"]
_UNFROZEN = (EditionStatus.DRAFT.value, EditionStatus.SCHEDULED.value)


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that is held: its name for ``--except``, how many, and what it is in words."""

    name: str
    number: int
    what: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A restore that waits: what it holds, and what cannot be known of the gap."""

    waits: Restored
    held: list[Held]
    unknown: list[str]


def standing(site: Site) -> Standing | None:
    """What waits for a person; ``None`` when nothing does."""
    with site.store.read() as tx:
        waits = restored_in(tx)
        if waits is None:
            return None
        return Standing(waits, _held(site, tx, waits), _unknown(tx))


def _held(site: Site, tx: Tx, waits: Restored) -> list[Held]:
    found = []
    for one in restored.editions(tx):
        if one.status in _UNFROZEN:
            what = f"an edition that was {one.status}: nobody was sent it"
        else:
            what = f"an edition that was {one.status}: {one.pending} deliveries unsent"
        if one.in_doubt:
            what += f"; {one.in_doubt} in doubt stay so (masthead doubts)"
        found.append(Held(_name(one), one.pending, what))
    for digest in site.settings.digests:
        behind = restored.planning(tx, digest.name, restored_at=waits.restored)
        what = f"{behind.articles} articles up to the restore, for {behind.subscriptions} subscribers who may have them"
        if behind.next_run is not None and behind.next_run > waits.restored:
            what += f"; its next slot was {instant(behind.next_run)}, after the gap"
        found.append(Held(digest.name, behind.subscriptions, what))
    channels = restored.posts(tx)
    shown = ", ".join(f"{name} {number}" for name, number in channels.items())
    found.append(Held("posts", sum(channels.values()), f"posts unsent or unknown{': ' if shown else ''}{shown}"))
    found.append(Held("notices", restored.notices(tx), "confirmations and welcomes unsent"))
    found.append(Held("calls", restored.calls(tx), "WebSub notifications owed"))
    return found


def _name(one: HeldEdition) -> str:
    return f"{one.digest}:{one.number}"


def _unknown(tx: Tx) -> list[str]:
    feeds = restored.open_private_feeds(tx)
    return [
        "who unsubscribed, signed up, or changed preferences by link, form or one click after the backup: "
        "the web server's log has the times, and your relay's log the messages; those who left and were not found "
        "elsewhere are mailed again",
        f"which of {feeds} open private feeds were revoked after the backup: they are open again",
        "bounces and complaints that webhooks brought after the backup: load them from your provider with "
        "masthead import FILE --suppress bounced",
        "mail that is unread in the feedback mailbox is read as ever, also while this waits",
        "editions that were planned and sent after the backup are not on record; their numbers are given again, their "
        "Message-IDs never",
    ]


def let_go(site: Site, choice: Choice, *, but: Collection[str] = ()) -> list[str]:
    """Let everything go by ``choice``, and what ``but`` names the other way; returns a line about each thing.

    :raises SiteError: nothing waits, or a name is none of what is held; nothing was changed.
    """
    before = standing(site)
    if before is None:
        raise SiteError("nothing waits: this site was not restored, or a person has let it go")
    names = [one.name for one in before.held]
    for name in but:
        if name not in names:
            raise SiteError(f"{name!r} is not held; held are: {', '.join(names)}")
    other: Choice = "count" if choice == "send" else "send"
    chosen = {name: other if name in but else choice for name in names}
    collect(site)  # articles that were written in the gap are known from here on, and count as released before it ended
    cannot = _compose_drafts(site, chosen)
    with site.store.begin(snapshot=True) as tx:
        waits = restored_in(tx)
        if waits is None:
            raise SiteError("somebody else has just let it go; nothing was changed")
        lines = _let_go(site, tx, waits, chosen, cannot)
        meta.forget(tx, meta.RESTORED)
        meta.forget(tx, "sources.fingerprint")  # read once more, now that posts may be queued
        meta.put(tx, restored.LET_GO, json.dumps({"at": site.now(), "backup": waits.backup, "chosen": chosen}))
    return lines


def _compose_drafts(site: Site, chosen: dict[str, Choice]) -> dict[int, str]:
    """Compose the editions that count as sent before they were frozen: their pages and links are to work.

    :returns: why, for those that cannot be composed.
    """
    with site.store.read() as tx:
        drafts = [one for one in restored.editions(tx) if one.status in _UNFROZEN]
    cannot = {}
    for one in drafts:
        if chosen.get(_name(one)) == "count":
            try:
                pipeline_planning.compose_variants(site, one.id)
            except MastheadError as error:
                cannot[one.id] = str(error)
    return cannot


def _let_go(site: Site, tx: Tx, waits: Restored, chosen: dict[str, Choice], cannot: dict[int, str]) -> list[str]:
    now, lines = site.now(), []
    for one in restored.editions(tx):
        name = _name(one)
        if chosen.get(name, "count") == "send":
            lines.append(f"{name}: {one.pending or 'all'} deliveries go on")
        elif one.id in cannot:
            restored.cancel(tx, one.id, f"counted as sent after a restore; not composed: {cannot[one.id]}")
            lines.append(f"{name}: cancelled, for it cannot be composed: {cannot[one.id]}")
        else:
            if one.status in _UNFROZEN:
                freezing.freeze(tx, one.id, planning_rows.audience(one.id), now=now)
            lines.append(f"{name}: {restored.count_as_sent(tx, one.id, now=now)} deliveries counted as sent")
    for digest in site.settings.digests:
        planning_rows.enter(tx, digest.name)
        if chosen[digest.name] == "send":
            lines.append(f"{digest.name}: articles are planned from where the backup stood")
        else:
            moved = restored.skip_articles(tx, digest.name, restored_at=waits.restored)
            lines.append(f"{digest.name}: articles up to the restore counted as sent to {moved} subscribers")
    if chosen["posts"] == "count":
        channels = [channel.name for channel in site.settings.channels]
        lines.append(f"posts: {restored.drop_posts(tx, channels, restored_at=waits.restored)} counted as posted")
    if chosen["notices"] == "count":
        lines.append(f"notices: {restored.drop_notices(tx)} counted as sent")
    if chosen["calls"] == "count":
        lines.append(f"calls: {restored.drop_calls(tx)} counted as delivered")
    log.warning("a restore was let go: %s", "; ".join(lines))
    return lines
