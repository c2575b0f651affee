"""The next edition as it would be, before it is: nothing is saved, planned or sent by looking."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from publisher.digests import planning as editions
from publisher.digests import preview as previews
from publisher.digests.composing import digest_named, signer_for
from publisher.digests.preview import Preview
from publisher.errors import DeliveryError, SiteError
from publisher.lib import links
from publisher.lib.addresses import parse_address
from publisher.lib.links import NOBODY
from publisher.lib.tokens import Keyring
from publisher.mail.feedback.coverage import reads_mail
from publisher.mail.feedback.verp import bounce_address, unsubscribe_mailto
from publisher.mail.personal import Recipient
from publisher.mail.transport import Outgoing, Result
from publisher.model import Article, Edition
from publisher.pipeline.collecting import peek
from publisher.pipeline.mailing import transport_of
from publisher.pipeline.planning import share_links_of
from publisher.pipeline.site import Site
from publisher.settings.digests import DigestSettings
from publisher.store import articles as article_rows
from publisher.store import editions as edition_rows
from publisher.store import planning
from publisher.subscribers.personal_links import keyring_of


@dataclass(frozen=True, slots=True)
class NextEdition:
    """``fresh`` is false when there is nothing new and the newest articles stand in."""

    edition: Edition
    fresh: bool


def next_edition(site: Site, digest_name: str = "") -> NextEdition:
    """What a subscriber of everything would get next.

    :param digest_name: empty means the first of the settings.
    :raises SettingsError: there is no such digest.
    :raises SiteError: there is no article at all.
    """
    digest = digest_named(site.settings, digest_name or site.settings.digests[0].name)
    offered, _ = peek(site)
    if not offered:
        raise SiteError("there is no article to show; write one into a source's folder first")
    with site.store.read() as tx:
        positions = article_rows.positions(tx)
        furthest = planning.furthest(tx, digest.name)
        last = next(iter(edition_rows.listing(tx, digest=digest.name, limit=1)), None)
    had = {article_id for article_id, position in positions.items() if position <= furthest}
    chosen = _choose(offered, had, digest, first=last is None)
    edition = Edition(
        id=0,
        digest=digest.name,
        number=1 if last is None else last.number + 1,
        title=digest.title or site.settings.publication.title,
        created=site.now_utc(),
        articles=chosen or tuple(offered[: digest.max_articles]),
    )
    return NextEdition(edition, fresh=bool(chosen))


def _choose(offered: list[Article], had: set[str], digest: DigestSettings, *, first: bool) -> tuple[Article, ...]:
    waiting = [article for article in offered if article.id not in had]
    if first:
        return tuple(waiting[: digest.max_articles])  # the very first edition is not the whole archive
    return editions.next_edition(waiting, (), digest.max_articles)


def preview(site: Site, digest_name: str = "", *, template: str = "", language: str = "") -> tuple[Preview, bool]:
    """The real message of the next edition, taken apart; and whether there is anything new in it.

    :raises RenderError: a template is wrong; names file and line.
    """
    found = next_edition(site, digest_name)
    shown = previews.preview(
        found.edition,
        site.settings,
        date=site.now_utc(),
        template=template,
        language=language,
        share_links=share_links_of(found.edition.articles, site),
    )
    return shown, found.fresh


def trial_recipient(site: Site, keyring: Keyring, address: str) -> Recipient:
    """Who a test message is for; its Message-ID is another one each time."""
    base_url, mail = site.settings.publication.base_url, site.settings.mail
    leave = unsubscribe_mailto(keyring, mail.return_domain, site.settings.sender.address, NOBODY, NOBODY)
    return Recipient(
        key=f"test {secrets.token_hex(8)}",
        address=address,
        unsubscribe_url=links.unsubscribe_url(base_url, keyring, NOBODY, NOBODY),
        unsubscribe_mailto=leave if reads_mail(site.settings) else "",
        preferences_url=links.preferences_url(base_url, keyring, NOBODY),
        web_url=links.web_version_url(base_url, keyring, NOBODY, NOBODY),
        date=site.now_utc(),
        test=True,
    )


def send_test(
    site: Site, digest_name: str, addresses: Sequence[str], *, language: str = ""
) -> list[tuple[str, Result]]:
    """Send the next edition to ``addresses``, its subject marked as a test; the ledger knows nothing of it.

    It is signed, and has the envelope and the headers of a subscriber's message. Its links are genuine and about
    nobody: they open a page that says so and change nothing.

    :raises BadAddress: one of them is no address; nothing was sent.
    :raises DeliveryError: the transport cannot work on this machine.
    """
    people = [parse_address(address).text for address in addresses]
    found = next_edition(site, digest_name)
    shared = share_links_of(found.edition.articles, site)
    signer, domain = signer_for(site.settings), site.settings.mail.return_domain
    keyring = keyring_of(site.store)
    sender = bounce_address(keyring, domain, NOBODY, NOBODY) if domain else site.settings.sender.address
    outgoing = []
    for number, address in enumerate(people):
        recipient = trial_recipient(site, keyring, address)
        message = previews.trial_message(found.edition, site.settings, recipient, language=language, share_links=shared)
        identifier = message.partition(b"\r\nMessage-ID: <")[2].partition(b">")[0].decode("ascii")
        message = signer.sign(message) if signer else message
        outgoing.append(Outgoing(number, sender, address, message, identifier))
    transport = transport_of(site)
    try:
        results = {one.delivery: result for one, result in transport.deliver(outgoing, intent=lambda _: None)}
    finally:
        transport.close()
    if len(results) != len(outgoing):
        raise DeliveryError("the transport ended before every message was tried; try again")
    return [(address, results[number]) for number, address in enumerate(people)]
