"""Asking to be subscribed, and the record of who agreed to what and when.

::

    signup        one filled-in form; becomes a subscriber only when its link is confirmed
    confirmation  when a mailbox was last sent a confirmation, and how often ever; by keyed hash
    budget        counters a day against floods: per network, domain and in all; by keyed hash, no address
    notice        a mail of our own (confirm, welcome, already) waiting for the worker
    consent       subscribed, changed, unsubscribed, paused …: dated, one row an event

A network appears only as an HMAC of it and the day: counters of two days cannot be brought together, and
nothing in the table gives an address back.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Index,
    Integer,
    Row,
    SmallInteger,
    Table,
    Text,
    delete,
    or_,
    select,
    update,
)

from publisher.lib.addresses import Address
from publisher.store import meta
from publisher.store.dialect import alone, insert
from publisher.store.tables import Id, metadata

DAY = 86_400.0
#: An unconfirmed request is forgotten after this; its link is void then.
SIGNUP_DAYS = 7

signup = Table(
    "signup",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),
    Column("address_key", Text, nullable=False),
    Column("language", Text, nullable=False, server_default=""),
    Column("wishes", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("confirmed", Double),
    Index("ix_signup_created", "created"),
    Index("ix_signup_address_key", "address_key"),
    sqlite_autoincrement=True,
)
confirmation = Table(
    "confirmation",
    metadata,
    Column("limit_hash", Text, primary_key=True),
    Column("last", Double, nullable=False),
    Column("count", Integer, nullable=False),
)
budget = Table(
    "budget",
    metadata,
    Column("name", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Index("ix_budget_day", "day"),
)
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
consent = Table(
    "consent",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, nullable=False),
    Column("at", Double, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_consent_subscriber_id", "subscriber_id"),
)


# -- limits


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` of what ``name`` counts, in one day (UTC)."""

    name: str
    most: int


def network_of(host: str) -> str:
    """The network that one visitor can easily change addresses in: /24 of IPv4, /48 of IPv6; else the text itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def daily_hash(tx: Connection, kind: str, text: str, *, now: float) -> str:
    """A name for ``text`` in :data:`budget` that is different each day and gives nothing back."""
    key = meta.secret_key(tx, "budget")
    return hmac.new(key, f"{kind}\0{int(now // DAY)}\0{text}".encode(), hashlib.sha256).hexdigest()[:32]


def spend(tx: Connection, limits: Sequence[Limit], *, now: float) -> str | None:
    """Count one against every limit; ``None``, or the name of the first that is used up (then none is counted)."""
    day = int(now // DAY)
    alone(tx, "budget")
    for limit in limits:
        used = tx.scalar(select(budget.c.count).where(budget.c.name == limit.name, budget.c.day == day)) or 0
        if used >= limit.most:
            return limit.name
    for limit in limits:
        statement = insert(tx, budget).values(name=limit.name, day=day, count=1)
        tx.execute(statement.on_conflict_do_update(index_elements=["name", "day"], set_={"count": budget.c.count + 1}))
    return None


def may_confirm(tx: Connection, address: Address, *, now: float, ever: int) -> bool:
    """Whether this mailbox may be sent a confirmation: none in the last 24 hours, and fewer than ``ever``.

    If so it is counted. Dots and ``+tags`` make no new mailbox here.
    """
    key = meta.secret_key(tx, "confirmation")
    hashed = hmac.new(key, address.limit_key.encode(), hashlib.sha256).hexdigest()[:32]
    statement = insert(tx, confirmation).values(limit_hash=hashed, last=now, count=1)
    counted = statement.on_conflict_do_update(
        index_elements=["limit_hash"],
        set_={"last": now, "count": confirmation.c.count + 1},
        where=(confirmation.c.last <= now - DAY) & (confirmation.c.count < ever),
    )
    return tx.execute(counted.returning(confirmation.c.count)).first() is not None


def forgive(tx: Connection, address: Address) -> None:
    """The mailbox confirmed: its earlier confirmations no longer count towards the most there may ever be."""
    key = meta.secret_key(tx, "confirmation")
    hashed = hmac.new(key, address.limit_key.encode(), hashlib.sha256).hexdigest()[:32]
    tx.execute(update(confirmation).where(confirmation.c.limit_hash == hashed).values(count=1))


def sweep(tx: Connection, *, now: float) -> int:
    """Forget counters of past days, requests that nobody confirmed, and notices long settled."""
    gone = tx.execute(delete(budget).where(budget.c.day < int(now // DAY) - 1)).rowcount
    gone += tx.execute(delete(signup).where(signup.c.created < now - SIGNUP_DAYS * DAY)).rowcount
    settled = notice.c.state.in_(("sent", "failed", "void"))
    return gone + tx.execute(delete(notice).where(settled, notice.c.created < now - 30 * DAY)).rowcount


# -- requests


def add_signup(tx: Connection, address: Address, wishes: dict[str, Any], *, language: str, now: float) -> int:
    """Keep one filled-in form; answers its id."""
    values = {"address": address.text, "address_key": address.key, "language": language, "created": now}
    row = tx.execute(signup.insert().values(wishes=json.dumps(wishes), **values).returning(signup.c.id))
    return int(row.scalar_one())


def get_signup(tx: Connection, signup_id: int) -> Row[Any] | None:
    """The request of this id, confirmed or not; ``None`` once it is forgotten."""
    return tx.execute(select(signup).where(signup.c.id == signup_id)).one_or_none()


def confirm_signup(tx: Connection, signup_id: int, *, now: float) -> bool:
    """Mark it confirmed; ``False`` when it was already."""
    marked = update(signup).where(signup.c.id == signup_id, signup.c.confirmed.is_(None)).values(confirmed=now)
    return tx.execute(marked).rowcount == 1


def forget_signups(tx: Connection, address_key: str) -> None:
    tx.execute(delete(signup).where(signup.c.address_key == address_key))


# -- the record


def note(tx: Connection, subscriber_id: int, what: str, *, now: float, detail: str = "") -> None:
    """Write down what a subscriber agreed to or ended; ``detail`` holds no address."""
    tx.execute(consent.insert().values(subscriber_id=subscriber_id, at=now, what=what, detail=detail))


def record_of(tx: Connection, subscriber_id: int) -> list[Row[Any]]:
    """``(at, what, detail)``, oldest first."""
    query = select(consent.c.at, consent.c.what, consent.c.detail).where(consent.c.subscriber_id == subscriber_id)
    return list(tx.execute(query.order_by(consent.c.at, consent.c.id)))


def forget_record(tx: Connection, subscriber_id: int) -> None:
    tx.execute(delete(consent).where(consent.c.subscriber_id == subscriber_id))
    tx.execute(delete(notice).where(notice.c.subscriber_id == subscriber_id))


# -- notices


def queue_notice(
    tx: Connection,
    kind: str,
    address: str,
    *,
    now: float,
    language: str = "",
    subscriber_id: int | None = None,
    signup_id: int | None = None,
) -> int:
    """Queue a mail of our own; the worker sends it (:func:`publisher.subscribers.notices.send_due_notices`)."""
    values = {"kind": kind, "address": address, "language": language, "created": now, "due": now}
    row = notice.insert().values(subscriber_id=subscriber_id, signup_id=signup_id, **values).returning(notice.c.id)
    return int(tx.execute(row).scalar_one())


def claim_notices(tx: Connection, *, now: float, limit: int, lease: float = 300.0) -> list[Row[Any]]:
    """Take notices that are due, for ``lease`` seconds: nobody else gets them until then."""
    alone(tx, "notice")
    due = select(notice.c.id).where(or_(notice.c.state == "queued", notice.c.state == "sending"), notice.c.due <= now)
    ids = list(tx.scalars(due.order_by(notice.c.due, notice.c.id).limit(limit)))
    taken = update(notice).where(notice.c.id.in_(ids))
    tx.execute(taken.values(state="sending", due=now + lease, attempts=notice.c.attempts + 1))
    return list(tx.execute(select(notice).where(notice.c.id.in_(ids)).order_by(notice.c.id)))


def any_notice_due(tx: Connection, *, now: float) -> bool:
    """Whether a notice waits to be sent."""
    waiting = select(notice.c.id).where(notice.c.state.in_(("queued", "sending")), notice.c.due <= now)
    return tx.execute(waiting.limit(1)).first() is not None


def settle_notice(
    tx: Connection, notice_id: int, state: str, *, reply: str = "", due: float = 0.0, sent: float | None = None
) -> None:
    """``sent``, ``failed``, ``void`` (no longer wanted) or ``queued`` again for ``due``."""
    tx.execute(
        update(notice).where(notice.c.id == notice_id).values(state=state, reply=reply[:200], due=due, sent=sent)
    )
