"""Deliveries one by one, and the account of an edition.

Everything that moves a single row goes through :func:`apply`, which follows the arrows of
:mod:`publisher.store.states` and keeps the counts of the row's chunk. (Batches under a lease take the quick
way, :mod:`publisher.store.chunks`, along the same arrows.)

For every edition, at every moment: audience = sent + failed + suppressed + pending + in doubt.
:func:`account` reads it from the chunks' counts; :func:`audit` counts every row and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select, text, update

from publisher.model import EditionStatus
from publisher.store import chunks
from publisher.store.dialect import mail_domain
from publisher.store.states import DOUBTS, TERM, Event, State, after
from publisher.store.tables import chunk, delivery, edition, progress

#: Seconds over which the rate is taken.
RATE_SECONDS = 60


class LedgerRow(NamedTuple):
    """One row of ``delivery``; instants in UTC epoch seconds, ``state`` a :class:`~publisher.store.states.State`."""

    id: int
    edition_id: int
    chunk_id: int
    subscriber_id: int
    address: str
    address_hash: str
    variant: str
    state: int
    attempts: int
    doubts: int
    deaths: int
    code: int | None
    reply: str | None
    first_attempt: float | None
    sent: float | None


_LEDGER = [delivery.c[name] for name in LedgerRow._fields]


@dataclass(frozen=True, slots=True)
class Account:
    """Where an edition's audience stands; ``balanced`` is the equation."""

    audience: int
    sent: int
    failed: int
    suppressed: int
    pending: int
    in_doubt: int

    @property
    def balanced(self) -> bool:
        return self.audience == self.sent + self.failed + self.suppressed + self.pending + self.in_doubt


@dataclass(frozen=True, slots=True)
class Audit:
    """One edition's account, counted row by row, and what does not agree (one line each; empty is well)."""

    edition_id: int
    account: Account
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How an edition is getting on. ``rate``: messages a second over the last minute; ``eta``: seconds, ``None``
    when nothing moves. ``deferrals``: domain → rows that wait for another attempt. ``held_by``: chunks leased."""

    status: EditionStatus
    account: Account
    rate: float
    eta: float | None
    deferrals: tuple[tuple[str, int], ...]
    deferred: int
    held_by: int
    reason: str = ""


def apply(
    tx: Connection,
    delivery_id: int,
    event: Event,
    *,
    now: float,
    code: int = 0,
    reply: str = "",
    first_attempt: float | None = None,
    attempted: bool = False,
) -> State | None:
    """Follow the arrow of ``event`` from where the row is; ``None`` when there is no arrow and nothing changed.

    :param attempted: count an attempt.
    """
    row = tx.execute(
        select(delivery.c.state, delivery.c.chunk_id, delivery.c.edition_id)
        .where(delivery.c.id == delivery_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    state = State(row.state)
    target = after(state, event)
    if target is None:
        return None
    values: dict[str, object] = {"state": target, "reply": reply, "code": code or None}
    if event in DOUBTS:
        values["doubts"] = delivery.c.doubts + 1
    if attempted:
        values["attempts"] = delivery.c.attempts + 1
    if first_attempt is not None:
        values["first_attempt"] = func.coalesce(delivery.c.first_attempt, first_attempt)
    if target is State.SENT:
        values["sent"] = now
    if event is Event.SETTLED_RESEND:
        values["deaths"] = 0  # a person has looked: it is tried as often again
    tx.execute(update(delivery).where(delivery.c.id == delivery_id).values(values))
    _recount(tx, row.chunk_id, state, target)
    if target is State.SENT and event is Event.SENT:
        chunks.note_progress(tx, row.edition_id, 1, now=now)
    return target


def count_death(tx: Connection, delivery_id: int) -> int:
    """Count a sender that died at this row; returns how many did."""
    died = update(delivery).where(delivery.c.id == delivery_id).values(deaths=delivery.c.deaths + 1)
    return int(tx.execute(died.returning(delivery.c.deaths)).scalar_one())


def _recount(tx: Connection, chunk_id: int, old: State, new: State) -> None:
    changes: dict[str, object] = {}
    for term, step in ((TERM[old], -1), (TERM[new], +1)):
        if term != "pending" and TERM[old] != TERM[new]:
            changes[term] = chunk.c[term] + step
    if changes:
        tx.execute(update(chunk).where(chunk.c.id == chunk_id).values(changes))


def account(tx: Connection, edition_id: int) -> Account:
    """The account, summed over the chunks; cheap at any size."""
    total = [func.coalesce(func.sum(chunk.c[name]), 0) for name in ("size", "sent", "failed", "suppressed", "in_doubt")]
    size, sent, failed, suppressed, in_doubt = tx.execute(select(*total).where(chunk.c.edition_id == edition_id)).one()
    frozen = tx.scalar(select(edition.c.audience).where(edition.c.id == edition_id)) or 0
    settled = sent + failed + suppressed + in_doubt
    return Account(int(frozen), int(sent), int(failed), int(suppressed), int(size - settled), int(in_doubt))


def audit(tx: Connection, edition_id: int) -> Audit:
    """Count every delivery and compare with what was frozen and with the chunks' counts; read one snapshot."""
    counted = dict.fromkeys(("sent", "failed", "suppressed", "pending", "in_doubt"), 0)
    query = select(delivery.c.state, func.count()).where(delivery.c.edition_id == edition_id)
    for state, number in tx.execute(query.group_by(delivery.c.state)):
        counted[TERM[State(state)]] += number
    kept = account(tx, edition_id)
    found = Account(kept.audience, **counted)
    problems = []
    if not found.balanced:
        total = sum(counted.values())
        problems.append(f"the audience was frozen with {found.audience} but {total} deliveries are on record")
    problems += [
        f"{name.replace('_', ' ')}: {counted[name]} deliveries, but the chunks say {getattr(kept, name)}"
        for name in counted
        if counted[name] != getattr(kept, name)
    ]
    stuck = tx.scalar(
        select(func.count())
        .select_from(delivery.join(chunk, delivery.c.chunk_id == chunk.c.id))
        .where(
            delivery.c.edition_id == edition_id,
            chunk.c.state == chunks.CLOSED,
            delivery.c.state.in_([State.QUEUED, State.DEFERRED]),
        )
    )
    if stuck:
        problems.append(f"{stuck} pending deliveries are in closed chunks; the next tick opens them")
    return Audit(edition_id, found, tuple(problems))


def watch(tx: Connection, edition_id: int, *, now: float) -> Progress:
    """What ``masthead status`` and the operator's page show."""
    row = tx.execute(select(edition.c.status, edition.c.reason).where(edition.c.id == edition_id)).one()
    kept = account(tx, edition_id)
    since = int((now - RATE_SECONDS) // chunks.SLOT) + 1
    slots = tx.execute(
        select(func.coalesce(func.sum(progress.c.sent), 0), func.min(progress.c.slot)).where(
            progress.c.edition_id == edition_id, progress.c.slot >= since
        )
    ).one()
    seconds = max(1.0, now - slots[1] * chunks.SLOT) if slots[1] is not None else 1.0
    rate = slots[0] / seconds
    waiting = _deferrals(tx, edition_id)
    held = tx.scalar(select(func.count()).where(chunk.c.edition_id == edition_id, chunk.c.state == chunks.LEASED))
    return Progress(
        status=EditionStatus(row.status),
        account=kept,
        rate=rate,
        eta=kept.pending / rate if rate and row.status == EditionStatus.SENDING else None,
        deferrals=tuple(waiting[:20]),
        deferred=sum(number for _, number in waiting),
        held_by=held or 0,
        reason=row.reason,
    )


def _deferrals(tx: Connection, edition_id: int) -> list[tuple[str, int]]:
    """Rows that wait for another attempt are in chunks of their own (``ordinal`` -1): no need to see the others."""
    domain = mail_domain(delivery.c.address)
    query = (
        select(domain, func.count())
        .join_from(chunk, delivery, delivery.c.chunk_id == chunk.c.id)
        .where(
            chunk.c.edition_id == edition_id,
            chunk.c.state != chunks.CLOSED,
            delivery.c.attempts > 0,
            delivery.c.state.in_([State.QUEUED, State.DEFERRED]),
        )
        .group_by(domain)
        .order_by(func.count().desc(), domain)
    )
    return [(row[0], row[1]) for row in tx.execute(query)]


def rows(
    tx: Connection,
    edition_id: int,
    *,
    states: Sequence[State] = (),
    doubted: bool = False,
    after_id: int = 0,
    limit: int = 100,
) -> list[LedgerRow]:
    """Deliveries of an edition by id, for pages of a listing.

    :param doubted: only those that were ever in doubt, whatever they are now.
    """
    query = select(*_LEDGER).where(delivery.c.edition_id == edition_id, delivery.c.id > after_id)
    if states:
        query = query.where(delivery.c.state.in_(states))
    if doubted:
        query = query.where(delivery.c.doubts > 0)
    return [LedgerRow._make(row) for row in tx.execute(query.order_by(delivery.c.id).limit(limit))]


def get(tx: Connection, delivery_id: int) -> LedgerRow | None:
    """One row of ``delivery``."""
    row = tx.execute(select(*_LEDGER).where(delivery.c.id == delivery_id)).one_or_none()
    return None if row is None else LedgerRow._make(row)


def of_edition_and_subscriber(tx: Connection, edition_id: int, subscriber_id: int) -> LedgerRow | None:
    """What became of one edition for one subscriber."""
    mine = (delivery.c.edition_id == edition_id, delivery.c.subscriber_id == subscriber_id)
    row = tx.execute(select(*_LEDGER).where(*mine)).one_or_none()
    return None if row is None else LedgerRow._make(row)


def of_subscriber(tx: Connection, subscriber_id: int, *, limit: int = 100) -> list[LedgerRow]:
    """What was to be sent to one subscriber, newest first."""
    query = select(*_LEDGER).where(delivery.c.subscriber_id == subscriber_id).order_by(delivery.c.id.desc())
    return [LedgerRow._make(row) for row in tx.execute(query.limit(limit))]


class SentEdition(NamedTuple):
    """An edition that was sent to one subscriber; ``sent`` in UTC epoch seconds."""

    digest: str
    number: int
    title: str
    sent: float


def sent_to(tx: Connection, subscriber_id: int) -> list[SentEdition]:
    """What was sent to one subscriber, oldest first."""
    query = (
        select(edition.c.digest, edition.c.number, edition.c.title, delivery.c.sent)
        .join(edition, edition.c.id == delivery.c.edition_id)
        .where(delivery.c.subscriber_id == subscriber_id, delivery.c.sent.is_not(None))
        .order_by(delivery.c.sent)
    )
    return [SentEdition(*row) for row in tx.execute(query)]


def forget_address(tx: Connection, subscriber_id: int) -> None:
    """For erasure: what was sent stays on record without the address."""
    tx.execute(update(delivery).where(delivery.c.subscriber_id == subscriber_id).values(address=""))


def failed(tx: Connection, edition_id: int) -> list[tuple[int, int]]:
    """``(chunk, delivery)`` of the failed deliveries of an edition."""
    query = select(delivery.c.chunk_id, delivery.c.id)
    query = query.where(delivery.c.edition_id == edition_id, delivery.c.state == State.FAILED)
    return [(row[0], row[1]) for row in tx.execute(query)]


def replies(tx: Connection, edition_id: int, *, limit: int = 20) -> list[tuple[str, int, int]]:
    """``(reply, code, how many)`` of everything that was not sent, most frequent first."""
    query = (
        select(delivery.c.reply, delivery.c.code, func.count())
        .where(
            delivery.c.edition_id == edition_id,
            case(
                (delivery.c.state.in_([State.FAILED, State.DEFERRED, State.IN_DOUBT, State.BOUNCED]), True),
                else_=(delivery.c.state == State.QUEUED) & (delivery.c.attempts > 0),
            ),
        )
        .group_by(delivery.c.reply, delivery.c.code)
        .order_by(func.count().desc())
        .limit(limit)
    )
    return [(row[0] or "", row[1] or 0, row[2]) for row in tx.execute(query)]


def waiting_replies(tx: Connection, edition_id: int, *, limit: int = 20) -> list[str]:
    """What was said to those who wait for another attempt, most frequent first."""
    query = (
        select(delivery.c.reply, delivery.c.code, func.count())
        .join_from(chunk, delivery, delivery.c.chunk_id == chunk.c.id)
        .where(
            chunk.c.edition_id == edition_id,
            chunk.c.state != chunks.CLOSED,
            delivery.c.attempts > 0,
            delivery.c.state.in_([State.QUEUED, State.DEFERRED]),
        )
        .group_by(delivery.c.reply, delivery.c.code)
        .order_by(func.count().desc())
        .limit(limit)
    )
    return [f"{row[1] or ''} {row[0] or ''}".strip() for row in tx.execute(query)]


def in_flight(tx: Connection, subscriber_id: int) -> bool:
    """Whether a message to this subscriber may be on its way: its row is within a batch that was claimed.

    Call it in a *new* transaction after the one that suppressed or unsubscribed has been committed.
    """
    if tx.dialect.name == "postgresql":
        # A batch that was being claimed when we committed is through once we have the lock.
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": chunks.CLAIM_LOCK})
    query = (
        select(delivery.c.id)
        .join(chunk, delivery.c.chunk_id == chunk.c.id)
        .where(
            delivery.c.subscriber_id == subscriber_id,
            delivery.c.state == State.QUEUED,
            chunk.c.state == chunks.LEASED,
            delivery.c.id <= chunk.c.intent_upto,
        )
    )
    return tx.execute(query.limit(1)).first() is not None
