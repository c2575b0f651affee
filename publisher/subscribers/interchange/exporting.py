"""Exporting readers and suppressions, row by row, to CSV or JSON.

What is written is what :func:`publisher.subscribers.interchange.import_file` reads back: an export, imported elsewhere,
gives the same readers. A suppression whose reader is gone has no address, only its keyed hash; it is listed so
that the numbers agree, and is of use in this database alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, Literal

from sqlalchemy import select

from publisher.store import Store
from publisher.store.tables import subscriber, subscription, suppression
from publisher.subscribers.interchange.columns import FORMULA

Kind = Literal["csv", "json"]
SUBSCRIBER_COLUMNS = (
    "address",
    "name",
    "language",
    "status",
    "digest",
    "sections",
    "tags",
    "authors",
    "cadence",
    "weekday",
    "monthday",
    "hour",
    "minute",
    "timezone",
    "format",
    "origin",
    "created",
    "confirmed",
    "suppressed",
)
SUPPRESSION_COLUMNS = ("address", "reason", "detail", "created", "hash")


def export_subscribers(store: Store, out: IO[str], *, kind: Kind = "csv", digest: str = "") -> int:
    """Write every subscriber, of one digest or of all, one row a subscription; answers how many rows.

    :param out: a text file, opened with ``newline=""`` for CSV.
    """
    columns = [
        subscriber.c.address,
        subscriber.c.name,
        subscriber.c.language,
        subscriber.c.status,
        subscriber.c.origin,
        subscriber.c.created,
        subscriber.c.confirmed,
        suppression.c.reason.label("suppressed"),
        *(subscription.c[name] for name in SUBSCRIBER_COLUMNS[4:15]),
        subscription.c.active,
    ]
    joined = subscriber.outerjoin(subscription, subscription.c.subscriber_id == subscriber.c.id).outerjoin(
        suppression, suppression.c.address_hash == subscriber.c.address_hash
    )
    query = select(*columns).select_from(joined).order_by(subscriber.c.id, subscription.c.digest)
    if digest:
        query = query.where(subscription.c.digest == digest)

    def rows() -> Iterator[dict[str, Any]]:
        with store.read() as tx:
            for row in tx.execution_options(yield_per=5000).execute(query).mappings():
                one = {name: row[name] if row[name] is not None else "" for name in SUBSCRIBER_COLUMNS}
                for name in ("sections", "tags", "authors"):
                    one[name] = json.loads(one[name] or "[]")
                if one["status"] == "confirmed" and row["active"] is not None and not row["active"]:
                    one["status"] = "unsubscribed"
                one["created"], one["confirmed"] = _iso(row["created"]), _iso(row["confirmed"])
                yield one

    return _write(out, kind, "subscribers", SUBSCRIBER_COLUMNS, rows())


def export_suppressions(store: Store, out: IO[str], *, kind: Kind = "csv") -> int:
    """Write every suppression; ``address`` is empty where only the hash is left. Answers how many."""
    query = (
        select(subscriber.c.address, suppression)
        .select_from(suppression.outerjoin(subscriber, subscriber.c.address_hash == suppression.c.address_hash))
        .order_by(suppression.c.created, suppression.c.address_hash)
    )

    def rows() -> Iterator[dict[str, Any]]:
        with store.read() as tx:
            for row in tx.execution_options(yield_per=5000).execute(query):
                yield {
                    "address": row.address or "",
                    "reason": row.reason,
                    "detail": row.detail,
                    "created": _iso(row.created),
                    "hash": row.address_hash,
                }

    return _write(out, kind, "suppressions", SUPPRESSION_COLUMNS, rows())


def _write(out: IO[str], kind: Kind, what: str, columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    if kind == "csv":
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row[name]) for name in columns])
            count += 1
        return count
    out.write(f'{{"{what}": [')
    for count, row in enumerate(rows, start=1):
        out.write(("" if count == 1 else ",") + "\n" + json.dumps(row, ensure_ascii=False))
    out.write("\n]}\n")
    return count


def _cell(value: Any) -> Any:
    """Lists joined by semicolons; a text that a spreadsheet would run as a formula is made plain."""
    if isinstance(value, list):
        value = ";".join(value)
    if isinstance(value, str) and value[:1] in FORMULA:
        return "'" + value
    return value


def _iso(instant: float | None) -> str:
    return "" if instant is None else datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
