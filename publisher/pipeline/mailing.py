"""Frozen deliveries become messages and leave: the ledger's composer, made of compiled editions.

::

    (edition row, delivery row) ─→ compiled variant (kept per process) ─→ Recipient ─→ bytes ─→ signed ─→ Outgoing

The same rows give the same bytes in every process and at every attempt: the compiled edition is stored, the
date is that of the first attempt, the links are made of ids and the site's keys.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from publisher import delivery
from publisher.digests import planning
from publisher.digests.composing import signer_for
from publisher.errors import DeliveryError
from publisher.lib import links
from publisher.mail.compiled import CompiledEdition
from publisher.mail.feedback.coverage import reads_mail
from publisher.mail.feedback.verp import bounce_address, unsubscribe_mailto
from publisher.mail.personal import Recipient
from publisher.mail.transport import Outgoing, Transport, never
from publisher.mail.transports import open_transport
from publisher.pipeline.site import Site
from publisher.pipeline.troubles import WatchedTransport
from publisher.pipeline.waiting import held_by_restore
from publisher.settings import Settings
from publisher.store import Store, keys
from publisher.store import editions as edition_rows
from publisher.store import tracking as tracking_rows
from publisher.store.chunks import DeliveryRow, EditionRow
from publisher.store.rates import reserver
from publisher.subscribers import tracking

#: Compiled variants a process keeps at hand; each is a few hundred kilobytes.
KEPT_VARIANTS = 16


def composer(site: Site) -> delivery.Composer:
    """What :func:`publisher.delivery.drain` asks for each message."""
    settings, store = site.settings, site.store
    signer = signer_for(settings)
    base_url = settings.publication.base_url
    domain, from_address = settings.mail.return_domain, settings.sender.address
    reads = reads_mail(settings)
    with store.begin() as tx:
        keyring = keys.keyring(tx)
        declined = tracking_rows.declined(tx) if settings.tracking.on else frozenset()

    @lru_cache(maxsize=KEPT_VARIANTS)
    def variant_of(edition_id: int, variant: str) -> tuple[CompiledEdition, frozenset[str], str]:
        with store.read() as tx:
            stored = edition_rows.variant(tx, edition_id, variant)
            recipe = edition_rows.recipe_of(tx, edition_id, variant)
            edition = edition_rows.get(tx, edition_id)
        if stored is None or recipe is None or edition is None:
            raise DeliveryError(f"edition {edition_id} has no variant {variant!r}", permanent=True)
        held = (article for article in edition.articles if article.id in recipe.article_ids)
        web_url = links.web_version_url(base_url, keyring, edition_id, int(variant))
        return CompiledEdition.from_bytes(stored), planning.topics_of(held), web_url

    @lru_cache(maxsize=KEPT_VARIANTS)
    def instant(second: int) -> datetime:
        return datetime.fromtimestamp(second, UTC)

    def compose(edition: EditionRow, row: DeliveryRow) -> Outgoing:
        subscriber_id, edition_id = row.subscriber_id, edition.id
        variant, topics, web_url = variant_of(edition_id, row.variant)
        # With a domain of our own for returning mail, each message has addresses of its own (VERP).
        bounces = bounce_address(keyring, domain, subscriber_id, edition_id) if domain else ""
        leave = unsubscribe_mailto(keyring, domain, from_address, subscriber_id, edition_id) if reads else ""
        recipient = Recipient(
            key=str(subscriber_id),
            address=row.address,
            name=row.name,
            unsubscribe_url=links.unsubscribe_url(base_url, keyring, subscriber_id, edition_id),
            unsubscribe_mailto=leave,
            preferences_url=links.preferences_url(base_url, keyring, subscriber_id),
            web_url=web_url,
            date=instant(int(row.first_attempt)),
            topics=planning.reasons(topics, row.follows),
            mark=tracking.subscriber_mark(
                settings, keyring, subscriber_id, edition_id, declined=subscriber_id in declined
            ),
        )
        message = variant.message(recipient)
        return Outgoing(
            delivery=row.id,
            sender=bounces or from_address,
            recipient=row.address,
            message=signer.sign(message) if signer else message,
            message_id=variant.message_id(recipient.key).strip("<>"),
        )

    return compose


def transport_of(site: Site) -> Transport:
    """The transport that the settings name, holding to the rates that all workers share; its troubles are noted."""
    transport = open_transport(site.settings, reserver(site.store))
    return WatchedTransport(transport, site.store, site.clock, name=site.settings.mail.transport)


class _Kept(threading.local):
    """This thread's transport, kept from one drain to the next with what it knows of its relays.

    A relay in trouble is left in peace for longer each time; a transport of a few seconds would never learn that.
    """

    def __init__(self) -> None:
        self._of: tuple[Settings, Store, int] | None = None
        self._transport: Transport | None = None

    def transport(self, site: Site) -> Transport:
        """The kept one, or a new one where the settings, the store or (after a fork) the process are others."""
        of = (site.settings, site.store, os.getpid())
        known = self._of
        same = known is not None and known[0] is of[0] and known[1] is of[1] and known[2] == of[2]
        if self._transport is None or not same:
            if self._transport is not None and known is not None and known[2] == of[2]:
                self._transport.close()
            self._of, self._transport = of, transport_of(site)
        return self._transport


_kept = _Kept()


@held_by_restore(delivery.Drained)
def drain(
    site: Site,
    stop: Callable[[], bool] = never,
    *,
    transport: Transport | None = None,
    options: delivery.Options | None = None,
) -> delivery.Drained:
    """Send what is due until nothing is, a few seconds are over, or ``stop()`` says so.

    :raises DeliveryError: the transport cannot work on this machine.
    :raises StoreError: the database is gone; nothing is lost.
    """
    own = transport or _kept.transport(site)
    done = delivery.Drained()
    try:
        done = delivery.drain(
            site.store,
            own,
            composer(site),
            site.clock,
            journal_directory=site.settings.journal,
            options=options or delivery.Options(),
            stop=stop,
        )
        return done
    finally:
        if transport is None and (not done.more or done.wait or stop()):
            own.close()  # its connections; when there is more to send at once, they are kept


@held_by_restore(delivery.Swept)
def sweep(site: Site) -> delivery.Swept:
    """One round of housekeeping of the ledger (:mod:`publisher.delivery.sweep`)."""
    return delivery.sweep(site.store, site.settings.journal, site.clock)
