"""Which articles belong to a section, a tag or an author, and lists of articles page by page.

:func:`index` is called by :func:`publisher.store.articles.save` in the same transaction, so a topic's list is
never behind its articles. Topics are found by slug, as they stand in addresses; names that differ only in case
or punctuation share one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, Connection, ForeignKey, Index, Select, Table, Text, delete, func, select

from publisher.lib.text import slugify
from publisher.model import Article, article_from_dict
from publisher.store.dialect import json_text
from publisher.store.tables import article, metadata

Kind = Literal["section", "tag", "author"]

article_topic = Table(
    "article_topic",
    metadata,
    Column("article_id", Text, ForeignKey("article.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Index("ix_article_topic_slug", "kind", "slug"),
)


@dataclass(frozen=True, slots=True)
class Topic:
    """One section, tag or author; ``articles`` counts those that are offered."""

    kind: Kind
    slug: str
    name: str
    articles: int


def of_article(one: Article) -> list[tuple[Kind, str, str]]:
    """``(kind, slug, name)`` of every topic of an article, each slug once a kind."""
    named: list[tuple[Kind, str]] = [("section", one.section)] if one.section else []
    named += [("tag", tag) for tag in one.tags if tag]
    named += [("author", author.name) for author in one.authors if author.name]
    found: dict[tuple[Kind, str], str] = {}
    for kind, name in named:
        found.setdefault((kind, slugify(name)), name)
    return [(kind, slug, name) for (kind, slug), name in found.items()]


def index(tx: Connection, one: Article) -> None:
    """Remember the topics of an article that was just saved."""
    tx.execute(delete(article_topic).where(article_topic.c.article_id == one.id))
    rows = [{"article_id": one.id, "kind": kind, "slug": slug, "name": name} for kind, slug, name in of_article(one)]
    if rows:
        tx.execute(article_topic.insert(), rows)


def listing(tx: Connection, kind: Kind) -> list[Topic]:
    """Every topic of a kind that has an offered article, the largest first."""
    number = func.count().label("number")
    query = (
        select(article_topic.c.slug, func.min(article_topic.c.name).label("name"), number)
        .join(article, article.c.id == article_topic.c.article_id)
        .where(article_topic.c.kind == kind, article.c.withdrawn.is_(None))
        .group_by(article_topic.c.slug)
        .order_by(number.desc(), article_topic.c.slug)
    )
    return [Topic(kind, row.slug, row.name, row.number) for row in tx.execute(query)]


def find(tx: Connection, kind: Kind, slug: str) -> Topic | None:
    """The topic of this slug, or ``None`` when no offered article has it."""
    query = (
        select(func.min(article_topic.c.name).label("name"), func.count().label("number"))
        .join(article, article.c.id == article_topic.c.article_id)
        .where(article_topic.c.kind == kind, article_topic.c.slug == slug, article.c.withdrawn.is_(None))
    )
    row = tx.execute(query).one()
    return Topic(kind, slug, row.name, row.number) if row.number else None


def total(tx: Connection) -> int:
    """How many articles are offered."""
    return int(tx.scalar(select(func.count()).select_from(article).where(article.c.withdrawn.is_(None))) or 0)


def articles(tx: Connection, topic: Topic | None, *, limit: int, offset: int = 0) -> list[Article]:
    """A topic's articles (all of them without one), newest first, ``limit`` of them after ``offset``."""
    query: Select[Any] = select(article.c.document).where(article.c.withdrawn.is_(None))
    if topic is not None:
        query = query.join(article_topic, article_topic.c.article_id == article.c.id).where(
            article_topic.c.kind == topic.kind, article_topic.c.slug == topic.slug
        )
    query = query.order_by(article.c.published.desc(), article.c.id).limit(limit).offset(offset)
    return [article_from_dict(json.loads(document)) for document in tx.scalars(query)]


def addresses(tx: Connection, limit: int) -> list[tuple[str, str, str, str, float]]:
    """``(key, slug, title, url, updated)`` of offered articles, newest first, without reading their bodies."""
    url = json_text(tx, article.c.document, "url")
    query = select(article.c.key, article.c.slug, article.c.title, url, article.c.updated)
    query = query.where(article.c.withdrawn.is_(None)).order_by(article.c.published.desc(), article.c.id).limit(limit)
    return [(row[0], row[1], row[2], row[3], row[4]) for row in tx.execute(query)]
