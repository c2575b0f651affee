"""Posts: rows, and the few statements that move them.

::

    recorded                                    a dry run; never sent
    queued ─claim→ sending ─┬→ published        with the platform's id and address
      ↑                     ├→ failed           with a reason
      └─ not there, or ─────┴→ unknown ─→ published | failed      read back, or a person decides
         certainly not sent

One holder at a time works on a channel (:mod:`publisher.store.channels`); whoever gets the lease finds in *sending*
only what a killed process left. A row is unique by channel, article and part: there is no second post to send.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    or_,
    select,
    update,
)

from publisher.model import PostStatus
from publisher.store.dialect import insert
from publisher.store.tables import Id, article, metadata

post = Table(
    "post",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("article_id", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("revision", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("whole", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("article_published", Double, nullable=False),
    Column("created", Double, nullable=False),
    Column("due", Double),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("looks", Integer, nullable=False, server_default="0"),
    Column("claim", Text),
    Column("first_sent", Double),
    Column("progress", Text, nullable=False, server_default="{}"),
    Column("price", BigInteger, nullable=False, server_default="0"),
    Column("published", Double),
    Column("remote_id", Text, nullable=False, server_default=""),
    Column("remote_url", Text, nullable=False, server_default=""),
    Column("remote_version", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("edit_due", Double),
    Column("edit_attempts", Integer, nullable=False, server_default="0"),
    UniqueConstraint("channel", "article_id", "part"),
    Index("ix_post_due", "channel", "status", "due"),
    sqlite_autoincrement=True,
)

#: Articles that were there before their channel: known, and not posted.
post_skipped = Table(
    "post_skipped",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("article_id", Text, primary_key=True),
)


class PostImage(TypedDict):
    """The image of an article as a post needs it."""

    url: str
    alt: str


class PostContent(TypedDict):
    """What a post needs of its article, frozen with the row."""

    title: str
    summary: str
    url: str
    language: str
    tags: list[str]
    image: PostImage | None


class NewPost(NamedTuple):
    """A post about to be queued; instants are UTC epoch seconds, ``price`` is in millionths of a US dollar."""

    channel: str
    article_id: str
    part: int
    parts: int
    revision: str
    status: PostStatus
    key: str
    whole: str
    text: str
    content: PostContent
    article_published: float
    created: float
    due: float | None
    price: int
    reason: str = ""


class PostRow(NamedTuple):
    """A post on record. ``progress`` is what the channel's kind remembers between tries; ``claim`` is the token of
    the holder that sends it. Instants are UTC epoch seconds, ``price`` is in millionths of a US dollar.
    """

    id: int
    channel: str
    article_id: str
    part: int
    parts: int
    revision: str
    status: PostStatus
    key: str
    whole: str
    text: str
    content: PostContent
    article_published: float
    created: float
    due: float | None
    attempts: int
    looks: int
    claim: str | None
    first_sent: float | None
    progress: dict[str, object]
    price: int
    published: float | None
    remote_id: str
    remote_url: str
    remote_version: str
    reason: str
    edit_due: float | None
    edit_attempts: int


class PostChanges(TypedDict, total=False):
    """Columns of a post that may change."""

    revision: str
    status: PostStatus
    whole: str
    text: str
    content: PostContent
    due: float | None
    attempts: int
    looks: int
    progress: dict[str, object]
    published: float | None
    remote_id: str
    remote_url: str
    remote_version: str
    reason: str
    edit_due: float | None
    edit_attempts: int


def read_posts(tx: Connection, query: Select[Any]) -> list[PostRow]:
    return [_post(row) for row in tx.execute(query)]


def _post(row: Row[tuple[object, ...]]) -> PostRow:
    values = row._asdict()
    values["status"] = PostStatus(values["status"])
    values["content"] = json.loads(values["content"])
    values["progress"] = json.loads(values["progress"])
    return PostRow(**values)


def columns_of(values: Mapping[str, object]) -> dict[str, object]:
    """``values`` as the columns hold them."""
    columns = dict(values)
    if isinstance(status := columns.get("status"), PostStatus):
        columns["status"] = status.value
    for name in {"content", "progress"} & columns.keys():
        columns[name] = json.dumps(columns[name], ensure_ascii=False)
    return columns


def known_articles(tx: Connection, name: str) -> dict[str, str]:
    """Revision by id of every article that this channel has a post of; ``""`` for one it skipped."""
    query = select(post.c.article_id, post.c.revision).where(post.c.channel == name, post.c.part == 0)
    found = {row.article_id: row.revision for row in tx.execute(query)}
    skipped = select(post_skipped.c.article_id).where(post_skipped.c.channel == name)
    return {**dict.fromkeys(tx.scalars(skipped), ""), **found}


def skip(tx: Connection, name: str, article_ids: Iterable[str]) -> None:
    """Know these articles as not to be posted."""
    rows = [{"channel": name, "article_id": article_id} for article_id in article_ids]
    if rows:
        tx.execute(insert(tx, post_skipped).on_conflict_do_nothing(), rows)


def unskip(tx: Connection, name: str, article_id: str) -> None:
    tx.execute(delete(post_skipped).where(post_skipped.c.channel == name, post_skipped.c.article_id == article_id))


def add(tx: Connection, rows: Iterable[NewPost]) -> int:
    """Queue posts; one that is there already stays as it is. Returns how many are new."""
    # An INSERT's row count is not the same thing to every driver; what it returns is.
    statement = insert(tx, post).on_conflict_do_nothing().returning(post.c.id)
    return sum(tx.execute(statement, columns_of(row._asdict())).first() is not None for row in rows)


def of_article(tx: Connection, name: str, article_id: str) -> list[PostRow]:
    """The posts of one article on one channel, in the order of a thread."""
    where = (post.c.channel == name, post.c.article_id == article_id)
    return read_posts(tx, select(post).where(*where).order_by(post.c.part))


def by_id(tx: Connection, post_id: int) -> PostRow | None:
    return next(iter(read_posts(tx, select(post).where(post.c.id == post_id))), None)


def newest(tx: Connection, limit: int = 100, *, article_id: str | None = None) -> list[PostRow]:
    """Posts for people to look at, the last queued first."""
    query = select(post).order_by(post.c.created.desc(), post.c.id.desc()).limit(limit)
    if article_id is not None:
        query = query.where(post.c.article_id == article_id)
    return read_posts(tx, query)


def of_status(tx: Connection, status: PostStatus, limit: int = 100) -> list[PostRow]:
    """Posts of one status, the oldest first."""
    query = select(post).where(post.c.status == status).order_by(post.c.created, post.c.id).limit(limit)
    return read_posts(tx, query)


def since(tx: Connection, moment: float) -> list[PostRow]:
    """Posts that were queued, tried or published at or after ``moment``, in the order of channel and article."""
    recent = or_(post.c.created >= moment, post.c.first_sent >= moment, post.c.published >= moment)
    query = select(post).where(recent).order_by(post.c.channel, post.c.article_published, post.c.id)
    return read_posts(tx, query)


def counts(tx: Connection) -> dict[str, dict[str, int]]:
    """How many posts of each status each channel has."""
    found: dict[str, dict[str, int]] = {}
    query = select(post.c.channel, post.c.status, func.count()).group_by(post.c.channel, post.c.status)
    for name, status, number in tx.execute(query):
        found.setdefault(name, {})[status] = number
    return found


def remove_unsent(tx: Connection, name: str, article_id: str) -> bool:
    """Take back the posts of an article when none of them was ever tried; whether they were taken back."""
    rows = of_article(tx, name, article_id)
    untried = (PostStatus.QUEUED, PostStatus.RECORDED, PostStatus.FAILED)
    if not rows or any(row.status not in untried or row.first_sent is not None for row in rows):
        return False
    tx.execute(delete(post).where(post.c.channel == name, post.c.article_id == article_id))
    return True


def waiting(tx: Connection, name: str) -> int:
    """How many articles are queued on a channel and were never tried."""
    untried = (post.c.status == PostStatus.QUEUED, post.c.first_sent.is_(None), post.c.part == 0)
    return tx.scalar(select(func.count()).where(post.c.channel == name, *untried)) or 0


def drop_withdrawn(tx: Connection) -> int:
    """Take back posts that were never tried, of articles that are offered no more; returns how many."""
    withdrawn = select(article.c.id).where(article.c.withdrawn.is_not(None))
    never_tried = (post.c.status == PostStatus.QUEUED, post.c.first_sent.is_(None), post.c.attempts == 0)
    return tx.execute(delete(post).where(post.c.article_id.in_(withdrawn), *never_tried)).rowcount


def change(tx: Connection, post_id: int, **changes: Unpack[PostChanges]) -> None:
    """Change columns of a post, whoever holds it."""
    tx.execute(update(post).where(post.c.id == post_id).values(columns_of(changes)))


def spent(tx: Connection, name: str, since: float) -> int:
    """What the posts since then have cost, in millionths of a US dollar; those in doubt are counted."""
    where = (post.c.channel == name, post.c.first_sent >= since, post.c.status != PostStatus.FAILED)
    return int(tx.scalar(select(func.coalesce(func.sum(post.c.price), 0)).where(*where)) or 0)
