"""Exporting subscribers and suppressions, row by row, to CSV or JSON.

What is written is what :func:`publisher.subscribers.interchange.import_file` reads back: an export, imported elsewhere,
gives the same subscribers. A suppression whose subscriber is gone has no address, only its keyed hash; it is listed so
that the numbers agree, and is of use in this database alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any, Literal

from publisher.lib.spreadsheets import guarded
from publisher.store import Store, exporting
from publisher.subscribers.preferences.kind import Json
from publisher.subscribers.wishes import preferences

Kind = Literal["csv", "json"]
SUPPRESSION_COLUMNS = ("address", "reason", "detail", "created", "hash")
Row = dict[str, Json]


def subscriber_columns() -> tuple[str, ...]:
    """The columns of a file of subscribers, in order."""
    own = [one.name for one in preferences() if one.kind.keeper == "subscriber"]
    each = [one.name for one in preferences() if one.kind.keeper == "subscription"]
    return ("address", "name", *own, "status", "digest", *each, "origin", "created", "confirmed", "suppressed")


def export_subscribers(store: Store, out: IO[str], *, now: float, kind: Kind = "csv", digest: str = "") -> int:
    """Write every subscriber, of one digest or of all, one row a subscription; returns how many rows.

    :param out: a text file, opened with ``newline=""`` for CSV.
    :param now: UTC epoch seconds; a pause that ended before is not written.
    """
    rows = (_subscriber(row, now) for row in exporting.subscriptions(store, digest=digest))
    return _write(out, kind, "subscribers", subscriber_columns(), rows)


def _subscriber(row: Mapping[str, Any], now: float) -> Row:
    subscribed = row["digest"] is not None
    left = row["status"] == "confirmed" and subscribed and not row["active"]
    asked: Row = {}
    for name, kind, default in preferences():
        if kind.keeper == "subscriber" or (kind.keeper == "subscription" and subscribed):
            asked[name] = kind.to_json(kind.from_column(row[name], row["timezone"] or "UTC", now))
        else:
            asked[name] = [] if isinstance(default, tuple) else ""
    return asked | {
        "address": row["address"],
        "name": row["name"],
        "status": "unsubscribed" if left else row["status"],
        "digest": row["digest"] or "",
        "origin": row["origin"],
        "created": _iso(row["created"]),
        "confirmed": _iso(row["confirmed"]),
        "suppressed": row["suppressed"] or "",
    }


def export_suppressions(store: Store, out: IO[str], *, kind: Kind = "csv") -> int:
    """Write every suppression; ``address`` is empty where only the hash is left. Returns how many."""
    rows: Iterator[Row] = (
        {
            "address": row.address or "",
            "reason": row.reason,
            "detail": row.detail,
            "created": _iso(row.created),
            "hash": row.hash,
        }
        for row in exporting.suppressions(store)
    )
    return _write(out, kind, "suppressions", SUPPRESSION_COLUMNS, rows)


def _write(out: IO[str], kind: Kind, what: str, columns: tuple[str, ...], rows: Iterable[Row]) -> int:
    count = 0
    if kind == "csv":
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell(row[name]) for name in columns])
            count += 1
        return count
    out.write(f'{{"{what}": [')
    for count, row in enumerate(rows, start=1):
        out.write(("" if count == 1 else ",") + "\n" + json.dumps(row, ensure_ascii=False))
    out.write("\n]}\n")
    return count


def cell(value: Json) -> str:
    """Lists joined by semicolons; a text that a spreadsheet would run as a formula is made plain."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ";".join(value) if isinstance(value, list) else str(value)
    return guarded(text)


def _iso(instant: float | None) -> str:
    return "" if instant is None else datetime.fromtimestamp(instant, UTC).isoformat(timespec="seconds")
