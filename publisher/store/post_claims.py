"""Posts on their way: which of a channel's are due, who holds one, and what became of it.

::

    queued ── claim ─→ sending ── settle ─→ published | failed | queued again | unknown
                          └── orphan ─→ unknown    a killed process left it

But for :func:`due_channels`, they are for the holder of the channel (:mod:`publisher.store.channels`). While a restore
waits for a person nothing is due, and nothing is claimed.
"""

from __future__ import annotations

from typing import Unpack

from sqlalchemy import Connection, func, or_, select, update

from publisher.model import PostStatus
from publisher.store.channels import channel
from publisher.store.meta import restore_waits
from publisher.store.posts import PostChanges, PostRow, columns_of, post, read_posts


def due_channels(tx: Connection, now: float) -> list[str]:
    """Names of the channels that have something to do by ``now`` and are neither paused nor told to wait."""
    query = (
        select(post.c.channel)
        .join(channel, channel.c.name == post.c.channel)
        .where(
            ~restore_waits(),
            channel.c.paused.is_(None),
            or_(channel.c.wait_until.is_(None), channel.c.wait_until <= now),
            or_(
                (post.c.status.in_((PostStatus.QUEUED, PostStatus.UNKNOWN))) & (post.c.due <= now),
                (post.c.status == PostStatus.SENDING) & (channel.c.busy_until <= now),
                post.c.edit_due <= now,
            ),
        )
        .distinct()
        .order_by(post.c.channel)
    )
    return list(tx.scalars(query))


def next_queued(tx: Connection, name: str, now: float) -> PostRow | None:
    """The next post that may go: the oldest article's, and of a thread the first part that is not out."""
    before = post.alias("before")
    waits = (
        select(before.c.id)
        .where(
            before.c.channel == post.c.channel,
            before.c.article_id == post.c.article_id,
            before.c.part == post.c.part - 1,
            before.c.status != PostStatus.PUBLISHED,
        )
        .exists()
    )
    query = (
        select(post)
        .where(post.c.channel == name, post.c.status == PostStatus.QUEUED, post.c.due <= now, ~waits)
        .order_by(post.c.article_published, post.c.article_id, post.c.part)
        .limit(1)
    )
    return next(iter(read_posts(tx, query)), None)


def next_unknown(tx: Connection, name: str, now: float) -> PostRow | None:
    where = (post.c.channel == name, post.c.status == PostStatus.UNKNOWN, post.c.due <= now, ~restore_waits())
    return next(iter(read_posts(tx, select(post).where(*where).order_by(post.c.due, post.c.id).limit(1))), None)


def next_edit(tx: Connection, name: str, now: float) -> PostRow | None:
    where = (post.c.channel == name, post.c.status == PostStatus.PUBLISHED, post.c.edit_due <= now, ~restore_waits())
    return next(iter(read_posts(tx, select(post).where(*where).order_by(post.c.edit_due, post.c.id).limit(1))), None)


def claim(tx: Connection, post_id: int, token: str, now: float) -> bool:
    """queued → sending, for whoever is first; committed before anything is sent."""
    statement = (
        update(post)
        .where(post.c.id == post_id, post.c.status == PostStatus.QUEUED, ~restore_waits())
        .values(
            status=PostStatus.SENDING.value,
            claim=token,
            attempts=post.c.attempts + 1,
            first_sent=func.coalesce(post.c.first_sent, now),
        )
    )
    return bool(tx.execute(statement).rowcount)


def settle(tx: Connection, post_id: int, token: str | None, **changes: Unpack[PostChanges]) -> bool:
    """Write down what became of a post; only its claimant may, also when it was meanwhile called unknown."""
    where = [post.c.id == post_id, post.c.status.in_((PostStatus.SENDING, PostStatus.UNKNOWN))]
    if token is not None:
        where.append(post.c.claim == token)
    return bool(tx.execute(update(post).where(*where).values(columns_of(changes))).rowcount)


def orphan(tx: Connection, name: str, due: float | None, reason: str) -> int:
    """sending → unknown, for what a killed process left; only the holder of the channel may do it."""
    where = (post.c.channel == name, post.c.status == PostStatus.SENDING)
    return tx.execute(
        update(post).where(*where).values(status=PostStatus.UNKNOWN.value, due=due, looks=0, reason=reason)
    ).rowcount


def last_sent(tx: Connection, name: str) -> float | None:
    """When the channel last tried to publish a first part: what the next keeps its distance from."""
    query = select(func.max(post.c.first_sent)).where(post.c.channel == name, post.c.part == 0)
    found: float | None = tx.scalar(query)
    return found
