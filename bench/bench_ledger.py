"""What the books cost: freezing an audience, and recording every message, on SQLite and PostgreSQL.

The references stand in the same table: a freeze against the plain copy of the same rows without ledger or
indexes; a message against the naive ledger, one committed UPDATE each. The transport takes messages at once, so
nothing but composing a constant, the journal and the database is measured. Memory is read at three sizes.

    MASTHEAD_BENCH_AUDIENCE=500000   recipients of the freeze
    MASTHEAD_BENCH_SIZES=10000,100000,1000000   deliveries of the memory rows (default 5000,50000)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from bench import real_edition
from publisher.delivery import Options, drain
from publisher.mail.transport import SENT, OneByOne, Outgoing, Result
from publisher.store import Store, articles, editions, freezing, open_store
from publisher.store.chunks import DeliveryRow, EditionRow

AUDIENCE = int(os.environ.get("MASTHEAD_BENCH_AUDIENCE", "100000"))
SIZES = [int(size) for size in os.environ.get("MASTHEAD_BENCH_SIZES", "5000,50000").split(",")]
BATCHES = (1, 10, 50, 200, 500, Options().batch)
MESSAGES = 10_000
NAIVE = 400


class Taker(OneByOne):
    """Takes every message."""

    def send(self, outgoing: Outgoing) -> Result:
        return SENT


def compose(edition: EditionRow, row: DeliveryRow) -> Outgoing:
    return Outgoing(row.id, "", row.address, b"", f"{edition.id}.{row.id}@slow.example")


def populate(store: Store, size: int) -> None:
    """Subscribers by the database itself: their import is not measured here."""
    numbers = (
        "(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < :n) SELECT i FROM c)"
        if store.is_sqlite
        else "generate_series(1, :n) AS g(i)"
    )
    with store.begin() as tx:
        tx.execute(
            text(
                "INSERT INTO subscriber (address, address_key, address_hash, status, created) "
                "SELECT 'reader' || i || '@slow.example', 'reader' || i || '@slow.example', "
                f"'0123456789abcdef0123456789abcdef' || i, 'confirmed', 0 FROM {numbers}"
            ),
            {"n": size},
        )
        tx.execute(
            text(
                "INSERT INTO subscription (subscriber_id, digest, active, created) SELECT id, 'digest', :yes, 0 "
                "FROM subscriber"
            ),
            {"yes": True},
        )
    if not store.is_sqlite:
        with store.begin() as tx:
            tx.execute(text("ANALYZE subscriber, subscription"))


def new_edition(store: Store) -> int:
    with store.begin() as tx:
        for article in real_edition.ARTICLES:
            articles.save(tx, article, source_path=article.id, now=0.0)
        return editions.create(tx, "digest", "The Slow Post", real_edition.ARTICLES, now=0.0)


def freeze(store: Store) -> tuple[int, float]:
    """A frozen edition, and the seconds it took."""
    edition = new_edition(store)
    began = time.perf_counter()
    with store.begin(snapshot=True) as tx:
        freezing.freeze(tx, edition, freezing.audience("digest"), now=1.0)
    return edition, time.perf_counter() - began


def copy(store: Store) -> float:
    """The reference of a freeze: the same rows copied by the same database, with no index and no ledger."""
    began = time.perf_counter()
    with store.begin() as tx:
        tx.execute(text("CREATE TABLE plain AS SELECT id, address, address_hash FROM subscriber"))
    seconds = time.perf_counter() - began
    with store.begin() as tx:
        tx.execute(text("DROP TABLE plain"))
    return seconds


def naive(store: Store) -> float:
    """Seconds a message when each is recorded by an UPDATE and a commit of its own."""
    began = time.perf_counter()
    for number in range(NAIVE):
        with store.begin() as tx:
            tx.execute(
                text("UPDATE delivery SET code = 250, reply = :reply WHERE id = :id"),
                {"id": number + 1, "reply": "2.0.0 Ok"},
            )
    return (time.perf_counter() - began) / NAIVE


def send(store: Store, journal: Path, batch: int, most: int) -> tuple[int, float]:
    """Messages sent, and the seconds they took."""
    count = 0

    def stop() -> bool:
        return count >= most

    class Counting(Taker):
        def send(self, outgoing: Outgoing) -> Result:
            nonlocal count
            count += 1
            return SENT

    began = time.perf_counter()
    options = Options(seconds=600, batch=batch, batch_seconds=10)
    drain(store, Counting(), compose, time.time, journal_directory=journal, options=options, stop=stop)
    return count, time.perf_counter() - began


def _kinds() -> Iterator[str]:
    yield "sqlite"
    try:
        with real_edition.scratch() as place, real_edition.database("postgresql", place):
            pass
    except Exception as error:
        print(f"(no PostgreSQL: {type(error).__name__}; MASTHEAD_BENCH_POSTGRESQL names a server)")
        return
    yield "postgresql"


def main() -> None:
    kinds = list(_kinds())
    print(f"{'':34}" + "".join(f"{kind:>16}" for kind in kinds))
    frozen, plain = [], []
    costs: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    one_by_one = []
    memory: dict[int, list[tuple[float, float]]] = {size: [] for size in SIZES}
    for kind in kinds:
        with real_edition.scratch() as place, real_edition.database(kind, place) as url:
            store = open_store(url)
            populate(store, AUDIENCE)
            plain.append(copy(store))
            frozen.append(freeze(store)[1])
            one_by_one.append(naive(store))
            for batch in BATCHES:
                count, seconds = send(store, place / "journal", batch, 500 if batch == 1 else MESSAGES)
                costs[batch].append(seconds / max(1, count))
            store.close()
        for size in SIZES:
            with real_edition.scratch() as place, real_edition.database(kind, place) as url:
                store = open_store(url)
                populate(store, size)
                freeze(store)
                count, seconds = send(store, place / "journal", Options().batch, size)
                memory[size].append((real_edition.memory("VmRSS") / 2**20, seconds / count))
                store.close()
    row(f"freeze of {AUDIENCE:,}, seconds", [f"{value:.2f}" for value in frozen])
    row("  recipients a second", [f"{AUDIENCE / value:,.0f}" for value in frozen])
    row("  against a plain copy", [f"{a / b:.1f} ×" for a, b in zip(frozen, plain, strict=True)])
    row("naive, µs a message", [f"{value * 1e6:.0f}" for value in one_by_one])
    for batch in BATCHES:
        row(f"batches of {batch}, µs a message", [f"{value * 1e6:.0f}" for value in costs[batch]])
        row("  against naive", [f"{a / b:.2f} ×" for a, b in zip(costs[batch], one_by_one, strict=True)])
    for size in SIZES:
        row(f"{size:,} deliveries, MB resident", [f"{value[0]:.0f}" for value in memory[size]])
        row("  µs a message", [f"{value[1] * 1e6:.0f}" for value in memory[size]])
    if len(SIZES) > 1:
        spread = [max(memory[s][k][0] for s in SIZES) / memory[SIZES[0]][k][0] for k in range(len(kinds))]
        row("  largest against the smallest", [f"{value:.2f} ×" for value in spread])


def row(name: str, values: list[str]) -> None:
    print(f"{name:34}" + "".join(f"{value:>16}" for value in values))


if __name__ == "__main__":
    main()
