"""What an operator asks about editions and does with them: the rules of the desk and of the commands.

Each acts within two seconds on a running send.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from publisher import delivery
from publisher.delivery import control
from publisher.errors import DeliveryError
from publisher.model import Edition, EditionStatus
from publisher.pipeline.site import Site
from publisher.pipeline.troubles import Trouble, mail_trouble, standing_troubles
from publisher.store import Tx, deliveries
from publisher.store import editions as edition_rows
from publisher.store.deliveries import Progress as Watched
from publisher.store.states import State
from publisher.subscribers.complaints import ComplaintRate, complaint_rate

Action = Literal["pause", "resume", "cancel", "retry"]
#: The states an edition is in when this may be done with it.
ALLOWED: dict[Action, tuple[EditionStatus, ...]] = {
    "pause": (EditionStatus.SENDING,),
    "resume": (EditionStatus.PAUSED,),
    "cancel": (EditionStatus.DRAFT, EditionStatus.SCHEDULED, EditionStatus.SENDING, EditionStatus.PAUSED),
    "retry": control.SENDABLE,
}


@dataclass(frozen=True, slots=True)
class EditionStanding:
    """One edition and how it is getting on."""

    id: int
    digest: str
    number: int
    title: str
    watched: Watched
    complaints: ComplaintRate
    trouble: Trouble | None = None  # why what is pending does not leave

    @property
    def name(self) -> str:
        """As the commands take it."""
        return f"{self.digest}:{self.number}"

    @property
    def actions(self) -> tuple[Action, ...]:
        """What may be done with it now."""
        status, failed = self.watched.status, self.watched.account.failed
        return tuple(one for one, states in ALLOWED.items() if status in states and (one != "retry" or failed))


def standing(site: Site, tx: Tx, edition: Edition) -> EditionStanding:
    """How an edition is getting on."""
    return _standing(site, tx, edition.id, edition.digest, edition.number, edition.title)


def standings(site: Site, *, limit: int = 10) -> list[EditionStanding]:
    """The newest editions, newest first."""
    with site.store.read() as tx:
        rows = edition_rows.listing(tx, limit=limit)
        return [_standing(site, tx, row.id, row.digest, row.number, row.title) for row in rows]


def _standing(site: Site, tx: Tx, edition_id: int, digest: str, number: int, title: str) -> EditionStanding:
    watched = deliveries.watch(tx, edition_id, now=site.now())
    waits = watched.status is EditionStatus.SENDING and watched.account.pending > 0
    trouble = mail_trouble(tx, site.settings.mail.transport) if waits else None
    complaints = complaint_rate(tx, site.settings, edition_id)
    return EditionStanding(edition_id, digest, number, title, watched, complaints, trouble)


def troubles(site: Site) -> tuple[Trouble, ...]:
    """Everything that holds mail or a channel up now."""
    with site.store.read() as tx:
        return standing_troubles(site, tx)


def find_edition(site: Site, name: str) -> EditionStanding:
    """The edition that a person means: ``digest:number``, a number where there is one digest, or ``latest``.

    :raises DeliveryError: there is none; the message says how to name one.
    """
    digest, _, number = name.rpartition(":")
    known = [digest.name for digest in site.settings.digests]
    if not digest and len(known) == 1:
        digest = known[0]
    with site.store.read() as tx:
        found = None
        if name == "latest":
            newest = edition_rows.listing(tx, limit=1)
            found = edition_rows.get(tx, newest[0].id) if newest else None
        elif digest and number.isdecimal() and len(number) < 10:
            found = edition_rows.by_number(tx, digest, int(number))
        if found is None:
            raise DeliveryError(
                f"no edition {name!r}; name one as digest:number (masthead status lists them)", permanent=True
            )
        return standing(site, tx, found)


def act(site: Site, one: EditionStanding, action: Action) -> int:
    """Pause, resume or cancel an edition, or try its failed deliveries again.

    :returns: how many deliveries are tried again.
    :raises DeliveryError: its state does not allow it; nothing was changed.
    """
    tried = 0
    if action == "retry":
        tried = delivery.retry_failed(site.store, one.id, now=site.now())
        if not tried:
            raise DeliveryError(f"{one.name}: no delivery failed, so none is tried again", permanent=True)
    elif not {"pause": delivery.pause, "resume": delivery.resume, "cancel": delivery.cancel}[action](
        site.store, one.id
    ):
        states = " or ".join(status.value for status in ALLOWED[action])
        raise DeliveryError(
            f"{one.name} is {one.watched.status.value}, not {states}; nothing was changed", permanent=True
        )
    return tried


def in_doubt(site: Site, edition_id: int, *, limit: int) -> list[tuple[int, str, str]]:
    """``(delivery id, address, reply)`` of messages whose fate is unknown."""
    with site.store.read() as tx:
        rows = deliveries.rows(tx, edition_id, states=[State.IN_DOUBT], limit=limit)
    return [(row.id, row.address, row.reply or "") for row in rows]


def settle(site: Site, delivery_ids: list[int], how: delivery.Settlement) -> None:
    """Decide by hand what became of messages in doubt.

    :raises DeliveryError: one of them is not in doubt; those before it are settled.
    """
    for delivery_id in delivery_ids:
        delivery.settle(site.store, delivery_id, how, now=site.now())
