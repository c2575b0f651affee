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

from publisher.store import Store, exporting
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
    wishes = SUBSCRIBER_COLUMNS[5:15]

    def rows() -> Iterator[dict[str, Any]]:
        for row in exporting.subscriptions(store, wishes, digest=digest):
            one: dict[str, Any] = {name: row[name] if row[name] is not None else "" for name in SUBSCRIBER_COLUMNS}
            for name in ("sections", "tags", "authors"):
                one[name] = json.loads(one[name] or "[]")
            if one["status"] == "confirmed" and row["active"] is not None and not row["active"]:
                one["status"] = "unsubscribed"
            one["created"], one["confirmed"] = _iso(one["created"]), _iso(one["confirmed"])
            yield one

    return _write(out, kind, "subscribers", SUBSCRIBER_COLUMNS, rows())


def export_suppressions(store: Store, out: IO[str], *, kind: Kind = "csv") -> int:
    """Write every suppression; ``address`` is empty where only the hash is left. Answers how many."""
    rows = (
        row._asdict() | {"address": row.address or "", "created": _iso(row.created)}
        for row in exporting.suppressions(store)
    )
    return _write(out, kind, "suppressions", SUPPRESSION_COLUMNS, rows)


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


def _iso(instant: float | Literal[""]) -> str:
    return "" if instant == "" else datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
