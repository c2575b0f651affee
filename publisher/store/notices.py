"""Notices: mails of ours that are no digest (confirm, welcome, already), waiting for the worker.

::

    queued ─claim→ sending ─→ sent | failed | void      a claim that runs out may be taken again
      ↑                 └──→ queued, due later
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    Index,
    SmallInteger,
    Table,
    Text,
    and_,
    delete,
    func,
    or_,
    select,
    update,
)

from publisher.store import signups
from publisher.store.dialect import alone
from publisher.store.tables import Id, metadata

#: What a notice can be settled as; ``void``: no longer wanted.
NoticeState = Literal["queued", "sent", "failed", "void"]
#: Seconds for which a claimed notice is nobody else's.
LEASE_SECONDS = 300.0
#: How long a settled notice is kept.
KEPT_SECONDS = 30 * 86_400.0

notice = Table(
    "notice",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("language", Text, nullable=False, server_default=""),
    Column("subscriber_id", Id),
    Column("signup_id", Id),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("created", Double, nullable=False),
    Column("due", Double, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("reply", Text, nullable=False, server_default=""),
    Column("sent", Double),
    Index("ix_notice_state", "state", "due"),
    sqlite_autoincrement=True,
)


class NoticeRow(NamedTuple):
    """A notice; instants are UTC epoch seconds. ``attempts`` counts its claims, the present one included."""

    id: int
    kind: str
    address: str
    language: str
    subscriber_id: int | None
    signup_id: int | None
    state: str
    created: float
    due: float
    attempts: int
    reply: str
    sent: float | None


def queue(
    tx: Connection,
    kind: str,
    address: str,
    *,
    now: float,
    language: str = "",
    subscriber_id: int | None = None,
    signup_id: int | None = None,
    due: float | None = None,
) -> int:
    """Queue a notice; the worker sends it (:func:`publisher.subscribers.notices.send_due_notices`).

    :param due: not before then; ``now`` if left out.
    """
    when = now if due is None else due
    values = {"kind": kind, "address": address, "language": language, "created": now, "due": when}
    row = notice.insert().values(subscriber_id=subscriber_id, signup_id=signup_id, **values).returning(notice.c.id)
    return int(tx.execute(row).scalar_one())


def claim(tx: Connection, *, now: float, limit: int) -> list[NoticeRow]:
    """Take notices that are due, for :data:`LEASE_SECONDS`.

    Confirmations that can no longer be confirmed are void first, so that none of them stands before a fresh one.
    """
    alone(tx, "notice")
    _void_outlived(tx, now=now)
    due = select(notice.c.id).where(notice.c.state.in_(("queued", "sending")), notice.c.due <= now)
    ids = list(tx.scalars(due.order_by(notice.c.due, notice.c.id).limit(limit)))
    taken = update(notice).where(notice.c.id.in_(ids))
    tx.execute(taken.values(state="sending", due=now + LEASE_SECONDS, attempts=notice.c.attempts + 1))
    return [NoticeRow(*row) for row in tx.execute(select(notice).where(notice.c.id.in_(ids)).order_by(notice.c.id))]


def _postponed(now: float) -> ColumnElement[bool]:
    """Confirmations of sign-ups that were put off when they were asked for; one tried in vain is none of them."""
    kinds = notice.c.kind.in_(("confirm", "already"))
    return and_(kinds, notice.c.state == "queued", notice.c.attempts == 0, notice.c.due > now)


def hurry(tx: Connection, address: str, *, now: float) -> int:
    """Let the confirmation to ``address`` that was put off be due now; returns how many there were."""
    theirs = func.lower(notice.c.address) == func.lower(address)
    return tx.execute(update(notice).where(theirs, _postponed(now)).values(due=now)).rowcount


def postponed(tx: Connection, *, now: float) -> tuple[int, float | None]:
    """How many confirmations were put off, and since when the first waits."""
    row = tx.execute(select(func.count(), func.min(notice.c.created)).where(_postponed(now))).one()
    return int(row[0]), row[1]


def any_due(tx: Connection, *, now: float) -> bool:
    """Whether a notice waits to be sent."""
    waiting = select(notice.c.id).where(notice.c.state.in_(("queued", "sending")), notice.c.due <= now)
    return tx.execute(waiting.limit(1)).first() is not None


def settle(
    tx: Connection, notice_id: int, state: NoticeState, *, reply: str = "", due: float = 0.0, sent: float | None = None
) -> None:
    """Write down what became of a notice; one that is ``queued`` again goes at ``due``."""
    tx.execute(
        update(notice).where(notice.c.id == notice_id).values(state=state, reply=reply[:200], due=due, sent=sent)
    )


def forget(tx: Connection, subscriber_id: int, address: str) -> None:
    """Delete the notices to a subscriber, those too that went to the address before it was confirmed."""
    theirs = or_(notice.c.subscriber_id == subscriber_id, func.lower(notice.c.address) == func.lower(address))
    tx.execute(delete(notice).where(theirs))


def _void_outlived(tx: Connection, *, now: float) -> None:
    outlived = notice.c.created <= now - signups.KEPT_SECONDS
    waiting = and_(notice.c.kind.in_(("confirm", "already")), notice.c.state == "queued", outlived)
    tx.execute(update(notice).where(waiting).values(state="void", reply="too old to be confirmed"))


def sweep(tx: Connection, *, now: float) -> int:
    """Forget notices that were settled long ago, and returns how many; confirmations whose sign-up is forgotten are
    void from now on."""
    _void_outlived(tx, now=now)
    settled = notice.c.state.in_(("sent", "failed", "void"))
    return tx.execute(delete(notice).where(settled, notice.c.created < now - KEPT_SECONDS)).rowcount
