"""Taking over what a dead sender left: its journal first, then its chunks.

::

    holder of a leased chunk ── journal here, lock free ────→ dead: read, record, open the chunk at once
                             ── journal here, owner still ──→ fenced once its lease is over, then the same
                             ── no journal here ────────────→ another machine's: wait, then the batch is in doubt

A result in the journal is recorded as if it had just come. An intent without a result is the one message a
connection whose fate nobody knows; the edition's policy says what happens to it.

A row may itself be what kills. A death counts against the row that was being composed, or that was the only one
on its way; against no other row of the chunk. At the third of its own deaths a row is set aside for a person.
"""

from __future__ import annotations

import logging
import random as _random
from collections.abc import Callable
from pathlib import Path

from publisher.delivery import journal
from publisher.delivery.books import move_deferred, settle_result
from publisher.delivery.journal import Contents
from publisher.errors import DeliveryError
from publisher.store import Store, Tx, deliveries, leases, subscribers
from publisher.store.leases import LeasedChunk
from publisher.store.states import Event, State

log = logging.getLogger(__name__)

#: Seconds past its lease after which a chunk of another machine is taken without its journal; with a tick that is late
#: still less than 180. A machine that is restarted within this time recovers its own chunks, to the message.
FOREIGN_GRACE_SECONDS = 150.0
#: A row at which so many senders died, each while it was composed or alone on its way, is set aside.
MAX_DEATHS = 3


def recover(
    store: Store,
    directory: Path,
    clock: Callable[[], float],
    *,
    lease_seconds: float,
    foreign_grace: float = FOREIGN_GRACE_SECONDS,
    random: Callable[[], float] = _random.random,
) -> int:
    """Open every chunk whose holder is gone; returns how many.

    :raises DeliveryError: there can be no journal in ``directory``.
    """
    try:
        ours = journal.directory_id(directory)
    except OSError as error:
        said = error.strerror if directory.is_dir() or not directory.exists() else "it is a file"
        raise DeliveryError(
            f"no journal can be kept in {directory}: {said}; [worker] journal names a directory"
        ) from None
    with store.read() as tx:
        held = leases.leased(tx)
    holders = {chunk.holder for chunk in held}
    local = sorted(holder for holder in holders if holder.startswith(f"{ours}/"))
    local += [holder for holder in journal.orphans(directory) if holder not in holders]
    opened = 0
    for holder in local:
        try:
            taken = journal.take_over(directory, holder, stale_after=lease_seconds)
        except FileNotFoundError:
            continue  # its owner has just finished, or the file was deleted: then its lease runs out
        if taken is None:
            continue
        with taken:
            contents = taken.read()
            with store.begin() as tx:
                opened += _settle(tx, holder, contents, now=clock(), random=random)
            taken.done()
    files = {holder for holder in local if journal.path_of(directory, holder).exists()}
    if holders - files:
        opened += _without_journal(store, files, clock, foreign_grace=foreign_grace, ours=ours, random=random)
    return opened


def _settle(tx: Tx, holder: str, contents: Contents, *, now: float, random: Callable[[], float]) -> int:
    held = {chunk.id: chunk for chunk in leases.leased(tx, holder=holder, lock=True)}
    for record in contents.results:
        if record.event == "released":
            continue
        row = leases.of_row(tx, record.delivery)
        if row is None:
            continue
        # A row that is where the dead left it, at the attempt they made, has not been recorded since.
        as_left = row.chunk_id in held and row.state == State.QUEUED and row.attempts == record.attempt - 1
        settle_result(tx, record.delivery, record, first_attempt=record.at, wishes=as_left)
        if record.suppress:
            _suppress(tx, record.delivery, record.reply, now)
    alone = len(contents.open_intents) == 1
    for intent in contents.open_intents.values():
        row = leases.of_row(tx, intent.delivery)
        if row is None or row.chunk_id not in held or row.state != State.QUEUED or row.attempts != intent.attempt - 1:
            continue
        poison = alone and deliveries.count_death(tx, intent.delivery) >= MAX_DEATHS
        _doubt(tx, intent.delivery, held[row.chunk_id], now=now, first_attempt=intent.at, poison=poison)
    if contents.composing is not None:
        _died_composing(tx, contents.composing, held, now)
    for chunk in held.values():
        _open(tx, chunk, now=now, random=random)
        log.warning("chunk %d of edition %d is taken over from a sender that is gone", chunk.id, chunk.edition_id)
    return len(held)


def _doubt(
    tx: Tx, delivery_id: int, chunk: LeasedChunk, *, now: float, first_attempt: float | None, poison: bool
) -> None:
    if poison:
        event = Event.LOST_SIGHT
        reply = f"set aside: {MAX_DEATHS} senders died while sending it and nothing else; it may have arrived"
    elif chunk.policy == "report":
        event, reply = Event.LOST_SIGHT, "its sender died before the answer came"
    else:
        event, reply = Event.RESENT, "its sender died before the answer came; sent again with the same Message-ID"
    deliveries.apply(tx, delivery_id, event, now=now, reply=reply, first_attempt=first_attempt, attempted=True)


def _died_composing(tx: Tx, delivery_id: int, held: dict[int, LeasedChunk], now: float) -> None:
    row = leases.of_row(tx, delivery_id)
    if row is None or row.chunk_id not in held or row.state != State.QUEUED:
        return
    if deliveries.count_death(tx, delivery_id) < MAX_DEATHS:
        return
    reply = f"set aside: {MAX_DEATHS} senders died while composing it; nothing of it left then"
    deliveries.apply(tx, delivery_id, Event.SET_ASIDE, now=now, reply=reply)
    log.error("delivery %d of edition %d is %s", delivery_id, held[row.chunk_id].edition_id, reply)


def _suppress(tx: Tx, delivery_id: int, detail: str, now: float) -> None:
    row = deliveries.get(tx, delivery_id)
    if row is not None:
        subscribers.suppress_hash(tx, row.address_hash, "bounced", now=now, detail=detail[:200])


def _open(tx: Tx, chunk: LeasedChunk, *, now: float, random: Callable[[], float]) -> None:
    move_deferred(tx, chunk.edition_id, chunk.id, now=now, random=random)
    if leases.has_queued(tx, chunk.id):
        leases.release(tx, chunk.id, chunk.token, crashed=True)
    else:
        leases.close(tx, chunk.id)


def _without_journal(
    store: Store,
    files: set[str],
    clock: Callable[[], float],
    *,
    foreign_grace: float,
    ours: str,
    random: Callable[[], float],
) -> int:
    """Chunks whose journal is on another machine, or lost: all of the last batch is in doubt."""
    opened = 0
    with store.begin() as tx:
        now = clock()
        for chunk in leases.expired(tx, now=now, grace=0.0):
            if chunk.holder in files:
                continue
            local = chunk.holder.startswith(f"{ours}/")
            if not local and not any(c.id == chunk.id for c in leases.expired(tx, now=now, grace=foreign_grace)):
                continue
            doubtful = leases.queued_upto(tx, chunk.id, chunk.intent_upto)
            for delivery_id in doubtful:
                _doubt(tx, delivery_id, chunk, now=now, first_attempt=None, poison=False)
            _open(tx, chunk, now=now, random=random)
            opened += 1
            log.warning(
                "chunk %d of edition %d is taken over without its journal: %d messages are in doubt",
                chunk.id,
                chunk.edition_id,
                len(doubtful),
            )
    return opened
