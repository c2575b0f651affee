"""What an operator asks about editions, and does with them; each acts within two seconds on a running send."""

from __future__ import annotations

from dataclasses import dataclass

from publisher import delivery
from publisher.errors import DeliveryError
from publisher.pipeline.site import Site
from publisher.store import deliveries
from publisher.store import editions as edition_rows
from publisher.store.deliveries import Progress as Watched
from publisher.store.states import State
from publisher.subscribers.feedback import NO_COMPLAINTS, ComplaintRate, complaint_rate


@dataclass(frozen=True, slots=True)
class EditionStanding:
    """One edition and how it is getting on."""

    id: int
    digest: str
    number: int
    title: str
    watched: Watched
    complaints: ComplaintRate = NO_COMPLAINTS

    @property
    def name(self) -> str:
        """As the commands take it."""
        return f"{self.digest}:{self.number}"


def standings(site: Site, *, limit: int = 10) -> list[EditionStanding]:
    """The newest editions, newest first."""
    with site.store.read() as tx:
        return [
            EditionStanding(
                row.id,
                row.digest,
                row.number,
                row.title,
                deliveries.watch(tx, row.id, now=site.now()),
                complaint_rate(tx, site.settings, row.id),
            )
            for row in edition_rows.listing(tx, limit=limit)
        ]


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
        watched = deliveries.watch(tx, found.id, now=site.now())
    return EditionStanding(found.id, found.digest, found.number, found.title, watched)


def in_doubt(site: Site, edition_id: int, *, limit: int = 1000) -> list[tuple[int, str, str]]:
    """``(delivery id, address, reply)`` of every message whose fate is unknown."""
    with site.store.read() as tx:
        rows = deliveries.rows(tx, edition_id, states=[State.IN_DOUBT], limit=limit)
    return [(row.id, row.address, row.reply or "") for row in rows]


def settle(site: Site, delivery_ids: list[int], how: delivery.Settlement) -> None:
    """Decide by hand what became of messages in doubt.

    :raises DeliveryError: one of them is not in doubt; those before it are settled.
    """
    for delivery_id in delivery_ids:
        delivery.settle(site.store, delivery_id, how, now=site.now())
