"""WebSub (W3C Recommendation of 2018) as rows: what was asked of our hub, who subscribed, what is still to be sent.

::

    websub_request ──verified──→ websub_subscription ──< websub_delivery      our hub
    websub_announcement                                                       hubs of others

A row that is due is claimed by moving ``due`` into the future: whoever moved it holds it until then, and one
that died is followed by the next. A delivery holds no content, only which state of the topic it is about: a
newer state takes the place of an older one that was not delivered yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from publisher.store.dialect import insert
from publisher.store.tables import Id, metadata

Mode = Literal["subscribe", "unsubscribe"]

websub_request = Table(
    "websub_request",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("callback", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("lease_seconds", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Double, nullable=False),
    Column("created", Double, nullable=False),
    UniqueConstraint("topic", "callback"),
    Index("ix_websub_request_due", "due"),
    Index("ix_websub_request_host", "host"),
)
websub_subscription = Table(
    "websub_subscription",
    metadata,
    Column("id", Id, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("callback", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("created", Double, nullable=False),
    UniqueConstraint("topic", "callback"),
    Index("ix_websub_subscription_expires", "expires"),
)
websub_delivery = Table(
    "websub_delivery",
    metadata,
    Column(
        "subscription_id",
        Id,
        ForeignKey("websub_subscription.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("version", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Double, nullable=False),
    Index("ix_websub_delivery_due", "due"),
)
websub_announcement = Table(
    "websub_announcement",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due", Double, nullable=False),
    Index("ix_websub_announcement_due", "due"),
)


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """Somebody asked our hub for something; not believed before the callback says so itself."""

    id: int
    mode: Mode
    topic: str
    callback: str
    secret: str = field(repr=False)
    lease_seconds: int
    attempts: int
    created: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One state of a topic, owed to one verified subscription."""

    subscription_id: int
    topic: str
    callback: str
    secret: str = field(repr=False)
    version: str
    attempts: int
    failures: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """News of a topic, owed to a hub of others."""

    hub: str
    topic: str
    version: str
    attempts: int


@dataclass(frozen=True, slots=True)
class HubAccount:
    """The hub in numbers, for the operator."""

    subscriptions: int
    requests: int
    deliveries: int
    announcements: int


def ask(
    tx: Connection,
    mode: Mode,
    topic: str,
    callback: str,
    *,
    host: str,
    secret: str,
    lease_seconds: int,
    now: float,
) -> None:
    """Note a request; a newer one for the same topic and callback takes its place."""
    values = {"mode": mode, "secret": secret, "lease_seconds": lease_seconds, "attempts": 0, "due": now, "created": now}
    statement = insert(tx, websub_request).values(topic=topic, callback=callback, host=host, **values)
    tx.execute(statement.on_conflict_do_update(index_elements=["topic", "callback"], set_=values))


def waiting_for(tx: Connection, host: str) -> int:
    """Requests with a callback at ``host`` that are not verified yet."""
    return tx.scalar(select(func.count()).select_from(websub_request).where(websub_request.c.host == host)) or 0


def waiting(tx: Connection) -> int:
    """Requests that are not verified yet."""
    return tx.scalar(select(func.count()).select_from(websub_request)) or 0


def anything_due(tx: Connection, *, now: float) -> bool:
    """Whether there is a row to claim, or a lease that is over."""
    due = [select(table).where(table.c.due <= now).exists() for table in (websub_request, websub_delivery)]
    due.append(select(websub_announcement).where(websub_announcement.c.due <= now).exists())
    due.append(select(websub_subscription).where(websub_subscription.c.expires <= now).exists())
    return bool(tx.scalar(select(or_(*due))))


def claim_requests(tx: Connection, *, now: float, until: float, limit: int) -> list[SubscriptionRequest]:
    """Requests that are due; nobody else gets them before ``until``."""
    rows = _claim(tx, websub_request, (websub_request.c.id,), now=now, until=until, limit=limit)
    return [
        SubscriptionRequest(r.id, r.mode, r.topic, r.callback, r.secret, r.lease_seconds, r.attempts, r.created)
        for r in sorted(rows, key=lambda row: row.id)
    ]


def confirm(tx: Connection, request: SubscriptionRequest, *, now: float) -> None:
    """The callback said yes: the subscription begins, is renewed, or ends.

    A request that was replaced while it was being verified stays for its own verification.
    """
    if request.mode == "unsubscribe":
        tx.execute(
            delete(websub_subscription).where(
                websub_subscription.c.topic == request.topic, websub_subscription.c.callback == request.callback
            )
        )
    else:
        values = {"secret": request.secret, "expires": now + request.lease_seconds, "failures": 0}
        statement = insert(tx, websub_subscription).values(
            topic=request.topic, callback=request.callback, created=now, **values
        )
        tx.execute(statement.on_conflict_do_update(index_elements=["topic", "callback"], set_=values))
    drop_request(tx, request)


def drop_request(tx: Connection, request: SubscriptionRequest) -> None:
    """The callback said no, or never said anything."""
    tx.execute(delete(websub_request).where(_same_request(request)))


def put_off_request(tx: Connection, request: SubscriptionRequest, *, due: float) -> None:
    """The callback could not be asked; try again at ``due``."""
    tx.execute(
        update(websub_request).where(_same_request(request)).values(due=due, attempts=websub_request.c.attempts + 1)
    )


def owe(tx: Connection, topics: dict[str, str], *, hubs: Sequence[str], now: float) -> int:
    """Owe the new state of each topic to its subscribers and to ``hubs`` of others.

    :param topics: the version of each topic's new state by its URL.
    :returns: how many notifications are owed.
    """
    owed = 0
    for topic, version in topics.items():
        live = select(websub_subscription.c.id, literal(version), literal(0), literal(now)).where(
            websub_subscription.c.topic == topic, websub_subscription.c.expires > now
        )
        statement = insert(tx, websub_delivery).from_select(["subscription_id", "version", "attempts", "due"], live)
        values = {"version": version, "attempts": 0, "due": now}
        statement = statement.on_conflict_do_update(index_elements=["subscription_id"], set_=values)
        # psycopg does not say how many rows an INSERT … SELECT made.
        owed += len(tx.execute(statement.returning(websub_delivery.c.subscription_id)).all())
        for hub in hubs:
            told = insert(tx, websub_announcement).values(hub=hub, topic=topic, **values)
            tx.execute(told.on_conflict_do_update(index_elements=["hub", "topic"], set_=values))
            owed += 1
    return owed


def claim_deliveries(tx: Connection, *, now: float, until: float, limit: int) -> list[Delivery]:
    """Deliveries that are due, of subscriptions whose lease runs; nobody else gets them before ``until``."""
    rows = _claim(tx, websub_delivery, (websub_delivery.c.subscription_id,), now=now, until=until, limit=limit)
    versions = {row.subscription_id: row for row in rows}
    found = []
    ids = sorted(versions)
    for start in range(0, len(ids), 500):
        query = select(websub_subscription).where(websub_subscription.c.id.in_(ids[start : start + 500]))
        for row in tx.execute(query.order_by(websub_subscription.c.id)):
            delivery = versions[row.id]
            if row.expires > now:
                found.append(
                    Delivery(
                        row.id, row.topic, row.callback, row.secret, delivery.version, delivery.attempts, row.failures
                    )
                )
    return found


def delivered(tx: Connection, deliveries: Sequence[Delivery]) -> None:
    """These were accepted. A newer state that came meanwhile is still owed."""
    done = [{"s": one.subscription_id, "v": one.version} for one in deliveries]
    if done:
        same = (websub_delivery.c.subscription_id == bindparam("s")) & (websub_delivery.c.version == bindparam("v"))
        tx.execute(delete(websub_delivery).where(same), done)
    mended = [{"s": one.subscription_id} for one in deliveries if one.failures]
    if mended:
        one = websub_subscription.c.id == bindparam("s")
        tx.execute(update(websub_subscription).where(one).values(failures=0), mended)


def put_off_delivery(tx: Connection, delivery: Delivery, *, due: float) -> None:
    """Not accepted; try again at ``due``."""
    tx.execute(
        update(websub_delivery).where(_same_delivery(delivery)).values(due=due, attempts=websub_delivery.c.attempts + 1)
    )


def give_up_delivery(tx: Connection, delivery: Delivery, *, end_after: int) -> None:
    """This state is not tried again; a subscription that fails ``end_after`` times running ends."""
    tx.execute(delete(websub_delivery).where(_same_delivery(delivery)))
    if delivery.failures + 1 >= end_after:
        end(tx, delivery.subscription_id)
    else:
        tx.execute(
            update(websub_subscription)
            .where(websub_subscription.c.id == delivery.subscription_id)
            .values(failures=websub_subscription.c.failures + 1)
        )


def end(tx: Connection, subscription_id: int) -> None:
    """The subscriber is gone."""
    tx.execute(delete(websub_delivery).where(websub_delivery.c.subscription_id == subscription_id))
    tx.execute(delete(websub_subscription).where(websub_subscription.c.id == subscription_id))


def end_expired(tx: Connection, *, now: float) -> int:
    """Subscriptions whose lease is over end; returns how many."""
    expired = select(websub_subscription.c.id).where(websub_subscription.c.expires <= now)
    tx.execute(delete(websub_delivery).where(websub_delivery.c.subscription_id.in_(expired)))
    return tx.execute(delete(websub_subscription).where(websub_subscription.c.expires <= now)).rowcount


def claim_announcements(tx: Connection, *, now: float, until: float, limit: int) -> list[Announcement]:
    """Announcements that are due; nobody else gets them before ``until``."""
    key = (websub_announcement.c.hub, websub_announcement.c.topic)
    rows = _claim(tx, websub_announcement, key, now=now, until=until, limit=limit)
    return [Announcement(r.hub, r.topic, r.version, r.attempts) for r in sorted(rows, key=lambda r: (r.hub, r.topic))]


def announced(tx: Connection, announcement: Announcement) -> None:
    """The hub took it, or never will."""
    tx.execute(delete(websub_announcement).where(_same_announcement(announcement)))


def put_off_announcement(tx: Connection, announcement: Announcement, *, due: float) -> None:
    """The hub could not be told; try again at ``due``."""
    tx.execute(
        update(websub_announcement)
        .where(_same_announcement(announcement))
        .values(due=due, attempts=websub_announcement.c.attempts + 1)
    )


def account(tx: Connection, *, now: float) -> HubAccount:
    """The hub in numbers."""

    def count(table: Table, *where: ColumnElement[bool]) -> int:
        return tx.scalar(select(func.count()).select_from(table).where(*where)) or 0

    return HubAccount(
        subscriptions=count(websub_subscription, websub_subscription.c.expires > now),
        requests=count(websub_request),
        deliveries=count(websub_delivery),
        announcements=count(websub_announcement),
    )


def _claim(
    tx: Connection, table: Table, key: Sequence[Column[Any]], *, now: float, until: float, limit: int
) -> Sequence[Any]:
    """Move ``due`` of at most ``limit`` due rows to ``until``; two at once never get the same row.

    On PostgreSQL the second waits for the first's row and then finds that it is not due any more.
    """
    some = select(*key).where(table.c.due <= now).order_by(table.c.due).limit(limit)
    if tx.dialect.name == "postgresql":
        some = some.with_for_update(skip_locked=True)
    chosen = key[0].in_(some) if len(key) == 1 else tuple_(*key).in_(some)
    return tx.execute(update(table).where(chosen, table.c.due <= now).values(due=until).returning(*table.c)).all()


def _same_request(request: SubscriptionRequest) -> ColumnElement[bool]:
    # The creation instant tells a request from one that took its place meanwhile.
    return (websub_request.c.id == request.id) & (websub_request.c.created == request.created)


def _same_delivery(delivery: Delivery) -> ColumnElement[bool]:
    return (websub_delivery.c.subscription_id == delivery.subscription_id) & (
        websub_delivery.c.version == delivery.version
    )


def _same_announcement(announcement: Announcement) -> ColumnElement[bool]:
    return (
        (websub_announcement.c.hub == announcement.hub)
        & (websub_announcement.c.topic == announcement.topic)
        & (websub_announcement.c.version == announcement.version)
    )
