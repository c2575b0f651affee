"""The next edition as it would be, before it is: nothing is saved, planned or sent by looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from publisher import editions
from publisher import preview as previews
from publisher.addresses import parse_address
from publisher.composing import digest_named
from publisher.errors import DeliveryError, SiteError
from publisher.mail.transport import Outgoing, Result
from publisher.model import Article, Edition
from publisher.pipeline.collecting import peek
from publisher.pipeline.context import Context
from publisher.pipeline.planning import share_links_of
from publisher.pipeline.sending import transport_of
from publisher.preview import Preview
from publisher.settings.digests import DigestSettings
from publisher.store import articles as article_rows
from publisher.store import editions as edition_rows
from publisher.store import planning


@dataclass(frozen=True, slots=True)
class NextEdition:
    """``fresh`` is false when there is nothing new and the newest articles stand in."""

    edition: Edition
    fresh: bool


def next_edition(context: Context, digest_name: str = "") -> NextEdition:
    """What a reader of everything would get next.

    :param digest_name: empty means the first of the settings.
    :raises SettingsError: there is no such digest.
    :raises SiteError: there is no article at all.
    """
    digest = digest_named(context.settings, digest_name or context.settings.digests[0].name)
    offered, _ = peek(context)
    if not offered:
        raise SiteError("there is no article to show; write one into a source's folder first")
    with context.store.read() as tx:
        positions = article_rows.positions(tx)
        furthest = planning.furthest(tx, digest.name)
        last = next(iter(edition_rows.listing(tx, digest=digest.name, limit=1)), None)
    had = {article_id for article_id, position in positions.items() if position <= furthest}
    chosen = _choose(offered, had, digest, first=last is None)
    edition = Edition(
        id=0,
        digest=digest.name,
        number=1 if last is None else last.number + 1,
        title=digest.title or context.settings.publication.title,
        created=context.today(),
        articles=chosen or tuple(offered[: digest.max_articles]),
    )
    return NextEdition(edition, fresh=bool(chosen))


def _choose(offered: list[Article], had: set[str], digest: DigestSettings, *, first: bool) -> tuple[Article, ...]:
    waiting = [article for article in offered if article.id not in had]
    if first:
        return tuple(waiting[: digest.max_articles])  # the very first edition is not the whole archive
    return editions.next_edition(waiting, (), digest.max_articles)


def preview(context: Context, digest_name: str = "", *, template: str = "", language: str = "") -> tuple[Preview, bool]:
    """The real message of the next edition, taken apart; and whether there is anything new in it.

    :raises RenderError: a template is wrong; names file and line.
    """
    found = next_edition(context, digest_name)
    shown = previews.preview(
        found.edition,
        context.settings,
        date=context.today(),
        template=template,
        language=language,
        share_links=share_links_of(found.edition.articles, context),
    )
    return shown, found.fresh


def send_test(
    context: Context, digest_name: str, addresses: Sequence[str], *, language: str = ""
) -> list[tuple[str, Result]]:
    """Send the next edition to ``addresses``, its subject marked as a test; the ledger knows nothing of it.

    :raises BadAddress: one of them is no address; nothing was sent.
    :raises DeliveryError: the transport cannot work on this machine.
    """
    people = [parse_address(address).text for address in addresses]
    found = next_edition(context, digest_name)
    links = share_links_of(found.edition.articles, context)
    outgoing = []
    for number, address in enumerate(people):
        message = previews.trial_message(
            found.edition, context.settings, address, date=context.today(), language=language, share_links=links
        )
        identifier = message.partition(b"\r\nMessage-ID: <")[2].partition(b">")[0].decode("ascii")
        outgoing.append(Outgoing(number, context.settings.sender.address, address, message, identifier))
    transport = transport_of(context)
    try:
        results = {one.delivery: result for one, result in transport.deliver(outgoing, intent=lambda _: None)}
    finally:
        transport.close()
    if len(results) != len(outgoing):
        raise DeliveryError("the transport ended before every message was tried; try again")
    return [(address, results[number]) for number, address in enumerate(people)]
