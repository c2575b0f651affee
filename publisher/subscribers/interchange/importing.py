"""Importing a file of subscribers, in batches that are each one transaction.

A batch goes into a temporary table and from there, by a handful of statements, to where it belongs
(:mod:`publisher.store.importing`). A dry run does all of it and takes it back, so its figures are those of the
real run. An import that was stopped half-way is simply run again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from publisher.errors import BadAddress, SourceError
from publisher.store import Store
from publisher.store.importing import Counts, Example, Importer
from publisher.subscribers.interchange.columns import BadRow, Format, bad_row, normalise, read_row, recognise

#: Rows of one transaction.
BATCH = 50_000
#: Bad rows and examples that a report holds itself; all bad rows go to ``set_aside``.
MAX_KEPT = 50
MAX_FIELD = 64 * 1024
MAX_JSON = 512 * 1024 * 1024

#: ``progress(octets read, octets in all)``.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or in a dry run would do; ``rows = new + changed + unchanged + repeated + bad``."""

    format: str
    dry_run: bool
    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    bad: int = 0
    suppressed: int = 0
    examples: tuple[Example, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()


def import_file(
    store: Store,
    path: Path,
    *,
    digests: tuple[str, ...],
    now: float,
    dry_run: bool = False,
    suppress_all: str = "",
    origin: str = "import",
    newcomers_only: bool = False,
    progress: Progress | None = None,
    set_aside: Callable[[BadRow], None] | None = None,
) -> Report:
    """Import ``path``: ``.json`` as JSON, everything else as CSV.

    :param digests: what confirmed subscribers of the file are subscribed to.
    :param now: UTC epoch seconds.
    :param suppress_all: the file is a list of addresses never to be mailed, for this reason.
    :param newcomers_only: nothing of the file is taken over about subscribers who were there before.
    :param set_aside: called with every row that cannot be used.
    :raises SourceError: the file cannot be read, or no column holds addresses.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as raw:
            known, rows = _json_rows(raw, path) if path.suffix.lower() == ".json" else _csv_rows(raw, path)

            def report_progress() -> None:
                if progress is not None:
                    progress(min(raw.tell(), size) if not raw.closed else size, size)

            importer = Importer(
                store, digests=digests, now=now, origin=origin, dry_run=dry_run, newcomers_only=newcomers_only
            )
            report = _import(importer, known, rows, suppress_all, set_aside, report_progress)
            if progress is not None:
                progress(size, size)
            return replace(report, dry_run=dry_run)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path=str(path)) from None
    except UnicodeDecodeError:
        raise SourceError("not UTF-8; save it as CSV in UTF-8", path=str(path)) from None
    except csv.Error as error:
        raise SourceError(f"not CSV: {error}", path=str(path)) from None


def _import(
    importer: Importer,
    known: Format,
    rows: Iterator[tuple[int, Mapping[str, str]]],
    suppress_all: str,
    set_aside: Callable[[BadRow], None] | None,
    progress: Callable[[], None],
) -> Report:
    seen: set[int] = set()
    bad: list[BadRow] = []
    counts = Counts()
    total = repeated = bad_count = 0
    pending: Future[Counts] | None = None
    # While the database writes one batch, the next is read.
    with ThreadPoolExecutor(max_workers=1) as writer:
        for line, row in rows:
            total += 1
            try:
                incoming = read_row(known, row, suppress_all=suppress_all)
            except (BadAddress, ValueError) as error:
                found = bad_row(line, row, error)
                bad_count += 1
                if len(bad) < MAX_KEPT:
                    bad.append(found)
                if set_aside is not None:
                    set_aside(found)
                continue
            mark = hash((incoming.address.key, incoming.digest))
            if mark in seen:
                repeated += 1
                continue
            seen.add(mark)
            importer.add(line, incoming)
            if importer.waiting >= BATCH:
                if pending is not None:
                    counts += pending.result()
                pending = writer.submit(importer.write, importer.take(), MAX_KEPT)
                progress()
        if pending is not None:
            counts += pending.result()
        counts += importer.write(importer.take(), MAX_KEPT)
    return Report(
        known.name,
        False,
        rows=total,
        new=counts.new,
        changed=counts.changed,
        unchanged=total - bad_count - repeated - counts.new - counts.changed,
        repeated=repeated,
        bad=bad_count,
        suppressed=counts.suppressed,
        examples=counts.examples[:MAX_KEPT],
        bad_rows=tuple(bad),
    )


def _csv_rows(raw: IO[bytes], path: Path) -> tuple[Format, Iterator[tuple[int, Mapping[str, str]]]]:
    lines = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(raw))
    first = next(lines, "")
    if not first.strip():
        raise SourceError("is empty", path=str(path))
    delimiter = max(",;\t", key=first.count)
    columns = [normalise(name) for name in next(csv.reader([first], delimiter=delimiter))]
    try:
        known = recognise(columns)
    except SourceError as error:
        raise SourceError(error.reason, path=str(path), line=1) from None
    width = len(columns)

    def rows() -> Iterator[tuple[int, Mapping[str, str]]]:
        reader = csv.reader(lines, delimiter=delimiter)
        csv.field_size_limit(MAX_FIELD)
        for cells in reader:
            if cells:
                if len(cells) < width:
                    cells += [""] * (width - len(cells))
                yield reader.line_num + 1, dict(zip(columns, cells, strict=False))

    return known, rows()


def _json_rows(raw: IO[bytes], path: Path) -> tuple[Format, Iterator[tuple[int, Mapping[str, str]]]]:
    content = raw.read(MAX_JSON + 1)
    if len(content) > MAX_JSON:
        raise SourceError("more than 512 MB of JSON; use CSV, which is read piece by piece", path=str(path))
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"not JSON: {str(error)[:120]}", path=str(path)) from None
    if isinstance(data, dict):
        data = data.get("subscribers") or data.get("members") or data.get("data")
    if not isinstance(data, list):
        raise SourceError('a list is expected, or {"subscribers": […]}', path=str(path))
    names = {normalise(str(name)) for one in data[:1000] if isinstance(one, dict) for name in one}
    try:
        known = recognise(sorted(names)) if names else recognise(["address"])
    except SourceError as error:
        raise SourceError(error.reason, path=str(path)) from None

    def rows() -> Iterator[tuple[int, Mapping[str, str]]]:
        for number, one in enumerate(data, start=1):
            if isinstance(one, dict):
                yield number, {normalise(str(name)): _cell(value) for name, value in one.items()}
            else:
                yield number, {}

    return known, rows()


def _cell(value: Any) -> str:
    """A JSON value as a cell of CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(str(one) for one in value if isinstance(one, str | int))
    return str(value) if isinstance(value, str | int | float) else json.dumps(value)
