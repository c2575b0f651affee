"""Articles as they were last read and rendered.

::

    source      rendering
    as before   as before    unchanged   nothing is written
    as before   another      rendered    the row holds the new rendering; nobody is told
    another     as before    unchanged   the source is noted
    another     another      changed     a new revision: posts are edited, feeds announced

``revision`` is a token, not a hash: whoever told others of an article keeps it and compares it with the column.
An article that its source no longer offers is withdrawn, not deleted: its id stays taken.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from sqlalchemy import Connection, RowMapping, Select, func, select, update

from publisher.lib.text import body_hash
from publisher.model import Article, article_from_dict, article_to_dict, canonical_json
from publisher.store import meta, topics
from publisher.store.tables import article as table

#: Under this name stands the token of :func:`version`.
_VERSION = "articles.version"
#: Ids in one statement.
AT_ONCE = 500

Change = Literal["new", "changed", "rendered", "unchanged"]


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """What tells whether a document is an article we have: :mod:`publisher.articles.identity` decides on it."""

    id: str
    key: str
    source_path: str
    title: str
    slug: str
    body_hash: str
    published: datetime
    revision: str
    source: str
    withdrawn: bool
    seen_by: str


def save(
    tx: Connection,
    article: Article,
    *,
    source_path: str,
    now: float,
    release: bool = True,
    source: str = "",
    edited: bool = True,
) -> Change:
    """Remember ``article`` as it is now.

    :param source_path: where it was read from, relative to the site.
    :param release: a new article takes the next position in the order of release; without, no digest ever holds it.
    :param source: what it was read from, see :func:`publisher.articles.documents.source_hash`.
    :param edited: whether another rendering than the last is somebody's edit, and not only the renderer's work.
    :param now: UTC epoch seconds.
    """
    found = tx.execute(
        select(table.c.revision, table.c.source, table.c.source_path, table.c.withdrawn, table.c.document).where(
            table.c.id == article.id
        )
    ).one_or_none()
    document = canonical_json(article_to_dict(article)).decode()
    again = found is not None and found.withdrawn is None
    same = found is not None and again and found.document == document
    if found is not None and same and (found.source_path, found.source) == (source_path, source):
        return "unchanged"
    news = not same and (edited or not again)
    values = {
        "source": source,
        "source_path": source_path,
        "slug": article.slug,
        "title": article.title,
        "section": article.section,
        "published": article.published.timestamp(),
        "updated": article.updated.timestamp(),
        "revision": _mint(document, now) if found is None or news else found.revision,
        "body_hash": body_hash(article.html),
        "document": document,
        "saved": now,
        "withdrawn": None,
    }
    if not same:
        _touch(tx)
    if found is None:
        position = newest_position(tx) + 1 if release else None
        tx.execute(table.insert().values(id=article.id, key=article.key, first_seen=now, position=position, **values))
        topics.index(tx, article)
        return "new"
    tx.execute(table.update().where(table.c.id == article.id).values(values))
    topics.index(tx, article)
    if same:
        return "unchanged"
    return "changed" if news else "rendered"


def version(tx: Connection) -> str:
    """A token that is another whenever an article was added, changed or withdrawn; '' while none was."""
    return meta.get(tx, _VERSION) or ""


def _touch(tx: Connection) -> None:
    meta.put(tx, _VERSION, secrets.token_hex(8))


def seen(tx: Connection, ids: Sequence[str], machine: str) -> None:
    """Note that ``machine`` has these articles among its sources."""
    for start in range(0, len(ids), AT_ONCE):
        some = table.c.id.in_(ids[start : start + AT_ONCE])
        tx.execute(update(table).where(some).values(seen_by=machine))


def _mint(document: str, now: float) -> str:
    """A token that no earlier revision of the article has, also where its text is one that it had before."""
    return hashlib.sha256(f"{now!r}\0{document}".encode()).hexdigest()


def revisions(tx: Connection) -> dict[str, str]:
    """The revision of every article there ever was, by its id."""
    return {row.id: row.revision for row in tx.execute(select(table.c.id, table.c.revision))}


def revision_of(tx: Connection, article_id: str) -> str:
    """The revision of one article; empty when there is none of this id."""
    return tx.scalar(select(table.c.revision).where(table.c.id == article_id)) or ""


def unreleased(tx: Connection) -> set[str]:
    """Ids of the articles that were old when they came: an archive, and no news to anyone."""
    return set(tx.scalars(select(table.c.id).where(table.c.position.is_(None))))


def newest_position(tx: Connection) -> int:
    """The position of the article that was released last; 0 when none was."""
    return tx.scalar(select(func.coalesce(func.max(table.c.position), 0))) or 0


def newest(tx: Connection, limit: int | None = None, *, before: datetime | None = None) -> list[Article]:
    """Articles that are offered, newest first; those of the same instant by id.

    :param before: only those published at or before this instant.
    """
    query = _offered().order_by(table.c.published.desc(), table.c.id)
    if before is not None:
        query = query.where(table.c.published <= before.timestamp())
    return [from_document(document) for document in tx.scalars(query.limit(limit))]


class ArticleRef(NamedTuple):
    """An article by name, without its text."""

    id: str


def refs(tx: Connection, ids: Collection[str]) -> list[ArticleRef]:
    """Those of these articles that are offered, newest first, as :func:`newest` has them."""
    query = select(table.c.id).where(table.c.withdrawn.is_(None)).order_by(table.c.published.desc(), table.c.id)
    return [ArticleRef(article_id) for article_id in tx.scalars(query) if article_id in ids]


def by_key(tx: Connection, key: str) -> Article | None:
    """The offered article whose :attr:`~publisher.model.Article.key` this is."""
    document = tx.scalar(_offered().where(table.c.key == key))
    return None if document is None else from_document(document)


def by_id(tx: Connection, article_id: str) -> Article | None:
    """The article of this id, withdrawn or not."""
    document = tx.scalar(select(table.c.document).where(table.c.id == article_id))
    return None if document is None else from_document(document)


def known(tx: Connection) -> list[KnownArticle]:
    """Every article there ever was, withdrawn ones too, by id."""
    columns = [table.c[name] for name in KnownArticle.__slots__]
    return [_known(row) for row in tx.execute(select(*columns).order_by(table.c.id)).mappings()]


def all_by_id(tx: Connection) -> dict[str, Article]:
    """Every article there ever was, withdrawn ones too."""
    rows = tx.execute(select(table.c.id, table.c.document))
    return {article_id: from_document(document) for article_id, document in rows}


def positions(tx: Connection) -> dict[str, int]:
    """The place in the order of release of every article that has one."""
    rows = tx.execute(select(table.c.id, table.c.position).where(table.c.position.is_not(None)))
    return {row.id: row.position for row in rows}


def withdraw(tx: Connection, ids: Iterable[str], *, now: float) -> int:
    """Stop offering these articles; returns how many were offered until now."""
    offered = update(table).where(table.c.withdrawn.is_(None)).values(withdrawn=now)
    gone = sum(tx.execute(offered.where(table.c.id == article_id)).rowcount for article_id in ids)
    if gone:
        _touch(tx)
    return gone


def _offered() -> Select[str]:
    return select(table.c.document).where(table.c.withdrawn.is_(None))


def from_document(document: str) -> Article:
    """The article that a row's ``document`` holds."""
    return article_from_dict(json.loads(document))


def _known(row: RowMapping) -> KnownArticle:
    values = dict(row)
    values["published"] = datetime.fromtimestamp(values["published"], UTC)
    values["withdrawn"] = values["withdrawn"] is not None
    return KnownArticle(**values)
