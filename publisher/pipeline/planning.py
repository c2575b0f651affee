"""Whose digest holds what: read, decided, written down in one short transaction; then composed, then frozen.

::

    due subscriptions + released articles ─→ editions.plan (pure) ─┬→ edition (draft) with a recipe per variant
                                                                   └→ everybody's cursor and next slot
    draft edition ─→ compose each variant (slow, outside any transaction) ─→ freeze the audience ─→ sending

What is read is checked again in the transaction that writes; where it changed meanwhile, the plan is made anew.
A crash between planning and freezing leaves a draft; the next tick goes on from there: the same subscribers, the same
articles. A template that fails leaves the draft with its reason, and is tried again a minute later.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from publisher.channels import share_links
from publisher.digests import planning as editions
from publisher.digests.composing import compose
from publisher.errors import MastheadError, StoreConflict
from publisher.model import Article, Cadence, Edition, EditionStatus
from publisher.pipeline.site import Progress, Site, silent
from publisher.pipeline.waiting import held_by_restore
from publisher.settings.digests import DigestSettings
from publisher.store import Tx, freezing, planning
from publisher.store import articles as article_rows
from publisher.store import editions as edition_rows
from publisher.store.articles import ArticleRef
from publisher.store.editions import Recipe
from publisher.subscribers import tracking
from publisher.subscribers.personal_links import keyring_of

log = logging.getLogger(__name__)

#: A draft that could not be composed is looked at again after this many seconds.
RETRY_SECONDS = 60.0
#: How often a plan is decided outside the transaction that writes it, before it is decided within.
MAX_OPTIMISTIC_TRIES = 2
#: How often an audience is frozen again at once when PostgreSQL gave the transaction up for another.
MAX_CONFLICT_TRIES = 5


class _Overtaken(Exception):
    """Another planner moved one of our subscriptions first; nothing of this planning stays."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One edition that was planned: its id, number and how many subscribers and articles it has."""

    edition_id: int
    digest: str
    number: int
    subscribers: int
    articles: int


@held_by_restore(list[Planned])
def plan_editions(site: Site, *, fired: Collection[str] | None = None) -> list[Planned]:
    """Plan every digest that has due subscribers.

    :param fired: digests whose own schedule has come; ``None``: all. Subscribers with a cadence of their own are
        due by their own clock whatever this says.
    """
    planned = []
    for digest in site.settings.digests:
        try:
            one = _plan_digest(site, digest, everyone=fired is None or digest.name in fired)
        except _Overtaken:
            continue
        if one is not None:
            planned.append(one)
    return planned


def _plan_digest(site: Site, digest: DigestSettings, *, everyone: bool) -> Planned | None:
    now = site.now()
    _skip_archive(site, digest)
    for _ in range(MAX_OPTIMISTIC_TRIES):
        with site.store.read() as tx:
            seen = _read(tx, digest, now, everyone)
        decided = _decide(digest, seen, now)
        if decided is None:
            return None
        with site.store.begin() as tx:
            planning.enter(tx, digest.name)
            if seen.due.still(tx) and (chosen := _offered(tx, decided)) is not None:
                return _write(tx, site, digest, decided, chosen, now)
    # Somebody changes something all the time: decide while nobody can.
    with site.store.begin() as tx:
        planning.enter(tx, digest.name)
        decided = _decide(digest, _read(tx, digest, now, everyone), now)
        return None if decided is None else _write(tx, site, digest, decided, _offered(tx, decided) or [], now)


def _skip_archive(site: Site, digest: DigestSettings) -> None:
    """Before the first edition: whatever is more than it may hold is passed over for everybody."""

    def start(tx: Tx) -> int | None:
        if edition_rows.listing(tx, digest=digest.name, limit=1):
            return None
        position = article_rows.newest_position(tx) - digest.max_articles
        return position if planning.behind(tx, digest.name, position) else None

    with site.store.read() as tx:
        if start(tx) is None:
            return
    with site.store.begin() as tx:
        planning.enter(tx, digest.name)
        if (position := start(tx)) is not None:
            planning.skip_to(tx, digest.name, position)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a plan is decided from."""

    due: planning.Due
    subscribers: list[planning.DueSubscription]
    released: list[planning.ReleasedRow]


def _read(tx: Tx, digest: DigestSettings, now: float, everyone: bool) -> _Seen:
    due = planning.due(tx, digest.name, now=now)
    subscribers = [row for row in due.subscriptions() if everyone or row.subscription.cadence is not Cadence.EACH]
    released = planning.released(tx, min(row.cursor for row in subscribers)) if subscribers else []
    return _Seen(due, subscribers, released)


def _decide(digest: DigestSettings, seen: _Seen, now: float) -> editions.Plan | None:
    """The plan; ``None`` when nobody is due."""
    if not seen.subscribers:
        return None
    released = [editions.Released(r.position, r.at, r.article_id, r.section, r.tags, r.authors) for r in seen.released]
    subscribers = (
        editions.SubscriptionState(r.subscription, r.cursor, r.due_at, r.paused_until, r.language, r.format)
        for r in seen.subscribers
    )
    return editions.plan(digest.name, released, subscribers, now, digest.max_articles)


def _offered(tx: Tx, plan: editions.Plan) -> list[ArticleRef] | None:
    """The articles of all variants, newest first; ``None`` when one of them is offered no more."""
    wanted = {article_id for one in plan.editions for article_id in one.article_ids}
    chosen = article_rows.refs(tx, wanted) if wanted else []
    return chosen if len(chosen) == len(wanted) else None


def _write(
    tx: Tx, site: Site, digest: DigestSettings, plan: editions.Plan, chosen: list[ArticleRef], now: float
) -> Planned | None:
    """Write down a plan: the edition, if there is something for anybody, and where everybody stands now."""
    made = None
    names = _variant_names(plan.editions, site.settings.publication.language)
    if plan.editions:
        edition_id = edition_rows.create(
            tx,
            digest.name,
            digest.title or site.settings.publication.title,
            chosen,
            now=now,
            policy=digest.in_doubt,
            not_after=now + digest.too_late_hours * 3600 if digest.too_late_hours else None,
        )
        for name, one in zip(names, plan.editions, strict=True):
            recipe = Recipe(one.article_ids, one.language, one.format)
            edition_rows.plan_variant(tx, edition_id, name, recipe, now=now)
        subscribers = sum(len(one.recipients) for one in plan.editions)
        made = Planned(edition_id, digest.name, edition_rows.number_of(tx, edition_id), subscribers, len(chosen))
    for advance in plan.advances:
        moved = planning.advance(
            tx,
            digest.name,
            advance.subscribers,
            cursor=advance.cursor,
            new_cursor=advance.new_cursor,
            next_due=advance.next_due,
            edition_id=made.edition_id if made and advance.edition is not None else None,
            variant="" if advance.edition is None else names[advance.edition],
        )
        if moved != len(advance.subscribers):
            raise _Overtaken
    return made


def _variant_names(planned: Sequence[editions.EditionPlan], language: str) -> list[str]:
    """Numbers from 0, the variant that most subscribers get first: it stands for the edition where one is shown."""

    def rank(index: int) -> tuple[int, bool, bool, int]:
        one = planned[index]
        return (-len(one.recipients), one.format != "html", one.language not in ("", language), index)

    names = [""] * len(planned)
    for name, index in enumerate(sorted(range(len(planned)), key=rank)):
        names[index] = str(name)
    return names


@held_by_restore(list[int])
def freeze_due(site: Site, *, progress: Progress = silent) -> list[int]:
    """Compose and freeze every draft whose time has come; returns the editions that are being sent now."""
    now = site.now()
    with site.store.read() as tx:
        drafts = [row for row in edition_rows.of_status(tx, EditionStatus.DRAFT) if row.due is None or row.due <= now]
    frozen = []
    for number, row in enumerate(drafts):
        progress("composing", number, len(drafts))
        try:
            compose_variants(site, row.id)
        except MastheadError as error:
            log.error("%s no. %s is not sent yet: %s", row.digest, row.number, error)
            with site.store.begin() as tx:
                edition_rows.postpone(tx, row.id, due=now + RETRY_SECONDS, reason=str(error))
            continue
        if _freeze(site, row.id, now):
            frozen.append(row.id)
    if drafts:
        progress("composing", len(drafts), len(drafts))
    return frozen


def _freeze(site: Site, edition_id: int, now: float) -> bool:
    """Freeze the audience, unless another process did."""
    for tries_left in reversed(range(MAX_CONFLICT_TRIES)):
        try:
            with site.store.begin(snapshot=True) as tx:
                return freezing.freeze(tx, edition_id, planning.audience(edition_id), now=now) is not None
        except StoreConflict as error:
            # Somebody changed what the audience is read from, or froze it: look again.
            log.debug("edition %d is frozen at another try: %s", edition_id, error)
            if not tries_left:
                log.info("edition %d is frozen at the next tick: others write what it reads", edition_id)
    return False


def compose_variants(site: Site, edition_id: int) -> None:
    """Compose the planned variants of an edition that have no bytes yet."""
    with site.store.read() as tx:
        edition = edition_rows.get(tx, edition_id)
        recipes = edition_rows.uncomposed(tx, edition_id)
    assert edition is not None
    for name, recipe in recipes:
        compiled = composed(site, edition, recipe)
        with site.store.begin() as tx:
            edition_rows.save_variant(tx, edition_id, name, compiled, now=site.now())


def composed(site: Site, edition: Edition, recipe: Recipe) -> bytes:
    """The compiled edition of one variant, as it is kept.

    :raises RenderError: a template is wrong, or a limit does not hold.
    """
    by_id = {article.id: article for article in edition.articles}
    chosen = tuple(by_id[article_id] for article_id in recipe.article_ids if article_id in by_id)
    composition = compose(
        replace(edition, articles=chosen),
        site.settings,
        language=recipe.language,
        share_links=share_links_of(chosen, site),
        text_only=recipe.format == "text",
        rewrite=tracking.rewriter(site.store, site.settings, keyring_of(site.store), edition.id),
    )
    if composition.report.message:
        log.warning("%s no. %s: %s", edition.digest, edition.number, composition.report.message)
    return composition.compiled.to_bytes()


def share_links_of(articles: Collection[Article], site: Site) -> dict[str, tuple[tuple[str, str], ...]]:
    """By article id, the label and URL of each share link."""
    targets = site.settings.publication.share_targets
    return {
        article.id: tuple((link.label, link.url) for link in share_links.links_for(article, targets))
        for article in articles
    }
