"""Editions: a number per digest, the articles in order, and the compiled variants as they are sent.

An edition is what one planning decided: the articles that any of its subscribers gets, and a variant per set of
articles × language × format. Nobody gets an article twice, because planning moves the cursor of each subscription in
the same transaction (:mod:`publisher.store.planning`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from publisher.model import Article, Edition, EditionStatus
from publisher.store import articles
from publisher.store.articles import ArticleRef
from publisher.store.dialect import alone, insert
from publisher.store.tables import article, edition, edition_article, edition_variant


class ListedEdition(NamedTuple):
    """One row of ``edition``; instants in UTC epoch seconds."""

    id: int
    digest: str
    number: int
    title: str
    created: float
    status: str
    policy: str
    due: float | None
    not_after: float | None
    audience: int
    frozen: float | None
    finished: float | None
    reason: str


_LISTED = [edition.c[name] for name in ListedEdition._fields]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a variant is made of: articles newest first, for subscribers of one language and format."""

    article_ids: tuple[str, ...]
    language: str
    format: str = "html"


def create(
    tx: Connection,
    digest: str,
    title: str,
    chosen: Sequence[Article | ArticleRef],
    *,
    now: float,
    due: float | None = None,
    policy: str = "resend",
    not_after: float | None = None,
) -> int:
    """A new edition in draft of the articles ``chosen``, in their order.

    :param due: when it is to be frozen and sent, ``None`` for at once. UTC epoch seconds, as all instants here.
    :param policy: for a message in doubt, ``resend`` or ``report``.
    :param not_after: what has not left by then is too late and is not sent any more.
    :returns: the edition's id.
    """
    alone(tx, f"edition:{digest}")
    number = tx.scalar(select(func.coalesce(func.max(edition.c.number), 0) + 1).where(edition.c.digest == digest))
    created = tx.execute(
        edition.insert()
        .values(
            digest=digest,
            number=number,
            title=title,
            created=now,
            status=EditionStatus.DRAFT.value,
            policy=policy,
            due=due,
            not_after=not_after,
        )
        .returning(edition.c.id)
    ).scalar_one()
    for position, one in enumerate(chosen):
        revision = articles.revision_of(tx, one.id)
        tx.execute(
            edition_article.insert().values(edition_id=created, position=position, article_id=one.id, revision=revision)
        )
    return int(created)


def number_of(tx: Connection, edition_id: int) -> int:
    """The number that an edition bears in its digest."""
    return int(tx.execute(select(edition.c.number).where(edition.c.id == edition_id)).scalar_one())


def get(tx: Connection, edition_id: int) -> Edition | None:
    """The edition with its articles."""
    row = tx.execute(select(*_LISTED).where(edition.c.id == edition_id)).one_or_none()
    return None if row is None else _edition(tx, ListedEdition._make(row))


def digest_of(tx: Connection, edition_id: int) -> str | None:
    """The digest of an edition; ``None`` where there is no such edition."""
    return tx.scalar(select(edition.c.digest).where(edition.c.id == edition_id)) if edition_id else None


def by_number(tx: Connection, digest: str, number: int) -> Edition | None:
    """The edition of ``digest`` that bears ``number``, with its articles."""
    row = tx.execute(select(*_LISTED).where(edition.c.digest == digest, edition.c.number == number)).one_or_none()
    return None if row is None else _edition(tx, ListedEdition._make(row))


def listing(
    tx: Connection,
    *,
    digest: str | None = None,
    statuses: Collection[EditionStatus] = (),
    limit: int | None = None,
    offset: int = 0,
) -> list[ListedEdition]:
    """Rows of ``edition``, newest first; of these ``statuses`` only where any is given."""
    query = select(*_LISTED).order_by(edition.c.created.desc(), edition.c.id.desc()).limit(limit).offset(offset)
    if statuses:
        query = query.where(edition.c.status.in_([status.value for status in statuses]))
    wanted = query if digest is None else query.where(edition.c.digest == digest)
    return [ListedEdition._make(row) for row in tx.execute(wanted)]


def count(tx: Connection, statuses: Collection[EditionStatus]) -> int:
    """How many editions are in one of these statuses."""
    values = [status.value for status in statuses]
    return int(tx.scalar(select(func.count()).select_from(edition).where(edition.c.status.in_(values))) or 0)


def of_status(tx: Connection, *statuses: EditionStatus) -> list[ListedEdition]:
    """Rows of ``edition`` in one of these statuses, oldest first."""
    query = select(*_LISTED).where(edition.c.status.in_([status.value for status in statuses]))
    return [ListedEdition._make(row) for row in tx.execute(query.order_by(edition.c.id))]


def move(tx: Connection, edition_id: int, *came_from: EditionStatus, to: EditionStatus, reason: str = "") -> bool:
    """Compare-and-set of the status; ``False`` when the edition is in none of ``came_from`` any more."""
    moved = tx.execute(
        update(edition)
        .where(edition.c.id == edition_id, edition.c.status.in_([status.value for status in came_from]))
        .values(status=to.value, reason=reason)
    )
    return moved.rowcount == 1


def reopen(tx: Connection, edition_id: int) -> None:
    """Send an edition again that is done, because a delivery of it is queued again; never one that was cancelled."""
    tx.execute(
        update(edition)
        .where(edition.c.id == edition_id, edition.c.status == EditionStatus.DONE.value)
        .values(status=EditionStatus.SENDING.value, finished=None, reason="")
    )


def frozen(tx: Connection) -> list[int]:
    """The ids of the editions that were ever frozen, oldest first."""
    return list(tx.scalars(select(edition.c.id).where(edition.c.frozen.is_not(None)).order_by(edition.c.id)))


def discard(tx: Connection, edition_id: int) -> bool:
    """Delete an edition that was never frozen; its articles are free for the next one."""
    never_sent = (EditionStatus.DRAFT.value, EditionStatus.SCHEDULED.value)
    gone = tx.execute(delete(edition).where(edition.c.id == edition_id, edition.c.status.in_(never_sent)))
    return gone.rowcount == 1


def plan_variant(tx: Connection, edition_id: int, name: str, recipe: Recipe, *, now: float) -> None:
    """Remember that the edition has this variant, to be composed before it is frozen."""
    kept = json.dumps({"articles": recipe.article_ids, "language": recipe.language, "format": recipe.format})
    tx.execute(edition_variant.insert().values(edition_id=edition_id, variant=name, recipe=kept, created=now))


def uncomposed(tx: Connection, edition_id: int) -> list[tuple[str, Recipe]]:
    """The planned variants that have no bytes yet."""
    query = select(edition_variant.c.variant, edition_variant.c.recipe).where(
        edition_variant.c.edition_id == edition_id, edition_variant.c.compiled.is_(None)
    )
    return [(name, _recipe(kept)) for name, kept in tx.execute(query.order_by(edition_variant.c.variant))]


def save_variant(tx: Connection, edition_id: int, variant: str, compiled: bytes, *, now: float) -> None:
    """Keep a compiled variant; the first one kept stays, so that a message sent again is the same bytes."""
    statement = insert(tx, edition_variant).values(
        edition_id=edition_id, variant=variant, compiled=compiled, created=now
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["edition_id", "variant"],
            set_={"compiled": compiled},
            where=edition_variant.c.compiled.is_(None),
        )
    )


def variant(tx: Connection, edition_id: int, name: str) -> bytes | None:
    """The compiled variant ``name``, or ``None``."""
    return tx.scalar(
        select(edition_variant.c.compiled).where(
            edition_variant.c.edition_id == edition_id, edition_variant.c.variant == name
        )
    )


def recipe_of(tx: Connection, edition_id: int, name: str) -> Recipe | None:
    """What a variant is made of, or ``None``."""
    kept = tx.scalar(
        select(edition_variant.c.recipe).where(
            edition_variant.c.edition_id == edition_id, edition_variant.c.variant == name
        )
    )
    return None if kept is None else _recipe(kept)


def _recipe(kept: str) -> Recipe:
    facts = json.loads(kept)
    return Recipe(tuple(facts.get("articles", ())), facts.get("language", ""), facts.get("format", "html"))


def postpone(tx: Connection, edition_id: int, *, due: float, reason: str) -> None:
    """Look at this edition again at ``due``; ``reason`` is what a person should know meanwhile."""
    tx.execute(update(edition).where(edition.c.id == edition_id).values(due=due, reason=reason))


def composed(tx: Connection, edition_id: int, limit: int | None = None) -> list[str]:
    """The names of the variants that have bytes; planning numbers them, the one that most subscribers get first."""
    query = select(edition_variant.c.variant).where(
        edition_variant.c.edition_id == edition_id, edition_variant.c.compiled.is_not(None)
    )
    return list(
        tx.scalars(query.order_by(func.length(edition_variant.c.variant), edition_variant.c.variant).limit(limit))
    )


def _edition(tx: Connection, row: ListedEdition) -> Edition:
    documents = tx.scalars(
        select(article.c.document)
        .join(edition_article, edition_article.c.article_id == article.c.id)
        .where(edition_article.c.edition_id == row.id)
        .order_by(edition_article.c.position)
    )
    return Edition(
        id=row.id,
        digest=row.digest,
        number=row.number,
        title=row.title,
        created=datetime.fromtimestamp(row.created, UTC),
        articles=tuple(articles.from_document(document) for document in documents),
        status=EditionStatus(row.status),
    )
