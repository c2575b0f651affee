"""``import``, ``export``, ``lmtp``: subscribers moved in and out, and reports taken from a mail server."""

from __future__ import annotations

import csv
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from publisher.cli.base import HERE, JsonOption, SiteOption, console, errors, opened, print_json
from publisher.errors import SiteError
from publisher.mail.feedback.mailboxes import open_mailbox
from publisher.pipeline.subscribers import import_subscribers, known_digests
from publisher.subscribers import interchange
from publisher.subscribers.interchange.columns import BadRow
from publisher.subscribers.mailbox import report_server


def import_(
    file: Annotated[Path, typer.Argument(help="CSV or JSON of ours, listmonk, Ghost, Mailchimp or Substack.")],
    directory: SiteOption = HERE,
    digest: Annotated[
        list[str] | None, typer.Option(help="Subscribe them to this digest only; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    suppress: Annotated[
        str,
        typer.Option(
            help="The file lists addresses never to be mailed, for this reason: bounced, complained, by_hand."
        ),
    ] = "",
    set_aside: Annotated[
        Path | None, typer.Option(help="Where rows that cannot be used go. Default: FILE with -set-aside.csv.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Add subscribers from a file. Run again, it changes nothing; it never undoes an unsubscription."""
    aside: list[BadRow] = []
    with (
        opened(directory) as site,
        Progress(
            TextColumn("reading" if dry_run else "importing"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=errors,
            disable=json,
        ) as bars,
    ):
        task = bars.add_task("", total=None)
        report = import_subscribers(
            site,
            file,
            digests=tuple(digest or ()),
            dry_run=dry_run,
            suppress_all=suppress,
            progress=lambda done, size: bars.update(task, completed=done, total=size),
            set_aside=aside,
        )
    written = _write_aside(set_aside or file.with_name(f"{file.stem}-set-aside.csv"), aside) if aside else None
    if json:
        print_json({**asdict(report), "set_aside": str(written) if written else None})
    else:
        _show(report, written)
    if report.bad:
        raise typer.Exit(1)


def _show(report: interchange.Report, written: Path | None) -> None:
    if report.dry_run and report.examples:
        diff = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("line", "address", "would become"):
            diff.add_column(name)
        for one in report.examples:
            diff.add_row(str(one.line), one.address, one.what)
        console.print(diff)
        console.print()
    words = ("new", "changed", "unchanged", "repeated", "suppressed", "bad")
    counts = ", ".join(f"{getattr(report, word)} {word}" for word in words if getattr(report, word))
    said = "would be" if report.dry_run else "are"
    console.print(f"{report.rows} rows ({report.format}): {said} {counts or 'nothing'}", soft_wrap=True)
    for bad in report.bad_rows[:10]:
        errors.print(f"  line {bad.line}: {bad.reason}", soft_wrap=True, markup=False)
    if written is not None:
        errors.print(f"{report.bad} rows were set aside in {written}", soft_wrap=True)


def _write_aside(path: Path, rows: list[BadRow]) -> Path:
    columns = list(dict.fromkeys(name for bad in rows for name in bad.row))
    try:
        with _private(path) as out:
            writer = csv.writer(out)
            writer.writerow(["line", "reason", *columns])
            for bad in rows:
                writer.writerow([bad.line, bad.reason, *(bad.row.get(name, "") for name in columns)])
    except OSError as error:
        raise SiteError(f"{path} cannot be written: {error.strerror}") from None
    return path


@contextmanager
def _private(path: Path) -> Iterator[TextIO]:
    """A file to write for its owner alone, for addresses stand in it.

    :raises OSError: it cannot be written.
    """
    with open(path, "w", encoding="utf-8", newline="", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        if stat.S_ISREG(os.fstat(out.fileno()).st_mode):  # it may have been there with another mode
            os.fchmod(out.fileno(), 0o600)
        yield out


def export(
    directory: SiteOption = HERE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; default: standard output.")] = None,
    format: Annotated[str, typer.Option(help="csv or json.")] = "",
    digest: Annotated[str, typer.Option(help="Only the subscribers of this digest.")] = "",
    suppressions: Annotated[bool, typer.Option("--suppressions", help="Who is never mailed, and why.")] = False,
) -> None:
    """Write all subscribers with what they asked for, or all suppressions."""
    if format.lower() not in ("", "csv", "json"):
        raise SiteError(f"no format is named {format}; there are: csv, json")
    kind: interchange.Kind = "json" if (format or (out.suffix[1:] if out else "")).lower() == "json" else "csv"
    with opened(directory) as site:
        known_digests(site, [digest] if digest else [])
        try:
            with _private(out) if out else nullcontext(sys.stdout) as target:
                if suppressions:
                    count = interchange.export_suppressions(site.store, target, kind=kind)
                else:
                    count = interchange.export_subscribers(site.store, target, now=site.now(), kind=kind, digest=digest)
        except OSError as error:
            if out is None:
                raise
            raise SiteError(f"{out} cannot be written: {error.strerror}") from None
    errors.print(f"{count} rows" + (f" in {out}" if out else ""), soft_wrap=True)


def lmtp(directory: SiteOption = HERE) -> None:
    """Take bounces and complaints from a mail server by LMTP, in the foreground."""
    with opened(directory) as site:
        server = report_server(site.store, site.settings, open_mailbox(site.settings), site.clock)
        console.print(f"LMTP on {server.address}; Ctrl-C stops", soft_wrap=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            server.server_close()
