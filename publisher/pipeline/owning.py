"""One machine reads the articles of a site; the others build their feeds from what it read.

::

    database in state/ ─→ ours, nothing to claim
    another database ─→ nobody's, or its lease ran out ─→ claimed: read from now on, withdraw nothing at first
                     ├→ ours ─→ renewed
                     └→ another machine's ─→ nothing is read here

Two machines with different files would otherwise withdraw and bring back each other's articles by turns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from publisher.errors import StoreError
from publisher.pipeline.machine import Machine, machine_of
from publisher.pipeline.site import Site
from publisher.store import Tx, owners
from publisher.store.owners import SOURCES

#: A machine that gave no sign for so long has its articles read by another.
LEASE_SECONDS = 300.0
#: How much of the lease may be over before it is renewed.
RENEW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Claim:
    """This machine, whether it reads the articles, and where they are read."""

    machine: Machine
    mine: bool
    place: str

    @property
    def line(self) -> str:
        """What a person is told of articles that are read elsewhere."""
        return (
            f"articles are read on {self.place}, not here; whatever changes in the articles of this machine is "
            "not seen; to read them here from now on: masthead sources --take"
        )


def claim(site: Site, *, take: bool = False) -> Claim:
    """Claim the sources for this machine where they are free, and renew a claim that grows old.

    :param take: whoever has them.
    """
    machine = machine_of(site.settings)
    if not machine.id:
        return Claim(machine, mine=True, place=machine.place)
    with site.store.read() as tx:
        found = owners.get(tx, SOURCES, now=site.now())
    if found is not None and not take:
        fresh = not owners.is_free(found, lease_seconds=LEASE_SECONDS)
        if found.machine == machine.id and fresh and found.left > LEASE_SECONDS - RENEW_SECONDS:
            return Claim(machine, mine=True, place=machine.place)
        if found.machine != machine.id and fresh:
            return Claim(machine, mine=False, place=found.place)
    with site.store.begin() as tx:
        mine = _renew(site, tx, machine, take=take)
        found = owners.get(tx, SOURCES, now=site.now())
    return Claim(machine, mine, found.place if found else machine.place)


def reader(site: Site) -> tuple[Machine, owners.Owner | None]:
    """This machine, and which one reads the articles (or did last); only looks."""
    machine = machine_of(site.settings)
    with site.store.read() as tx:
        return machine, owners.get(tx, SOURCES, now=site.now()) if machine.id else None


def whereabouts(site: Site) -> str:
    """One line for a person: where the articles are read."""
    machine, owner = reader(site)
    if not machine.id:
        return "Articles are read here: the database is this machine's own."
    if owner is None:
        return "Articles were not read yet: the first machine that runs will read them."
    since = datetime.fromtimestamp(owner.since, UTC)
    gone = "" if owner.left > 0 else f"; it gave no sign for {-owner.left:.0f} s, and the next that runs takes over"
    here = "here, " if owner.machine == machine.id else ""
    return f"Articles are read {here}on {owner.place}, since {since:%Y-%m-%d %H:%M} UTC{gone}."


@contextmanager
def kept(site: Site, machine: Machine) -> Iterator[None]:
    """Renew the claim while a long reading lasts."""
    if not machine.id:
        yield
        return
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_SECONDS):
            with suppress(StoreError), site.store.begin() as tx:
                if owners.is_held(tx, SOURCES, machine.id, now=site.now()):
                    _renew(site, tx, machine)

    thread = threading.Thread(target=renew, daemon=True, name="owner")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew(site: Site, tx: Tx, machine: Machine, *, take: bool = False) -> bool:
    return owners.claim(tx, SOURCES, machine.id, machine.place, now=site.now(), lease_seconds=LEASE_SECONDS, take=take)
