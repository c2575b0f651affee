"""A backup is made while the site runs: one snapshot of the database, and what belongs to it.

::

    journals ─→ snapshot of the database ─→ journals again     a result is in one of the three, or not there yet
    publication.toml, templates/, sources, media/, …           no secret that stands in a file, unless it is asked for
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import publisher
from publisher.articles import sources
from publisher.delivery import journal
from publisher.delivery.journal import Contents
from publisher.pipeline.backup import files
from publisher.pipeline.backup.files import Manifest
from publisher.pipeline.site import Progress, Site, silent
from publisher.settings import FILE_NAME
from publisher.settings.secrets import named_secrets
from publisher.store import restored, snapshot
from publisher.store.snapshot import Contents as Snapshot

#: Files and folders of the site that are the operator's, beside the sources.
KEPT = (FILE_NAME, "templates", "pages", "media")


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made; ``left_out`` names what is not in it and what a restore will need."""

    path: Path
    size: int
    manifest: Manifest


def back_up(site: Site, path: Path, *, with_secrets: bool = False, progress: Progress = silent) -> Made:
    """Write the site into one file, readable by its owner only.

    :param with_secrets: the files inside the site that settings name as secrets are in it too.
    :raises SiteError: it cannot be written.
    """
    wanted, left_out = _files(site, with_secrets=with_secrets)
    before = journal.peek(site.settings.journal)
    instant = site.now()  # before the snapshot: what happens between the two is in both
    with files.writing(path) as backup:
        with site.store.read() as tx:
            found = snapshot.contents(tx)  # the first statement: from here on the snapshot stands
            noted = [*before, *journal.peek(site.settings.journal)]
            ledger = restored.ledger(tx)._asdict()
            done, total = 0, sum(found.tables.values())
            for name, number in found.tables.items():
                lines = _table(tx, name)
                backup.add("table", name, _counted(lines, progress, done, total), rows=number)
                done += number
        progress("copying rows", total, total)
        backup.add("journals", "journals", _journal_lines(noted))
        for index, (name, file, secret) in enumerate(wanted):
            progress("copying files", index, len(wanted))
            with suppress(FileNotFoundError), open(file, "rb") as opened:  # it may have been deleted meanwhile
                backup.add("site", name, iter(partial(opened.read, files.PIECE), b""), secret=secret)
        progress("copying files", len(wanted), len(wanted))
        manifest = _manifest(site, found, instant, ledger, left_out, backup)
        backup.end(manifest)
    return Made(path, path.stat().st_size, manifest)


def _manifest(
    site: Site, found: Snapshot, instant: float, ledger: dict[str, int], left_out: list[str], backup: files.Writer
) -> Manifest:
    return Manifest(
        version=publisher.__version__,
        revision=found.revision,
        instant=instant,
        publication=site.settings.as_publication().id,
        ledger=ledger,
        counters=found.counters,
        journals=journal.directory_id(site.settings.journal),
        left_out=tuple(left_out),
        parts=tuple(backup.parts),
    )


def _table(tx: Any, name: str) -> Iterator[bytes]:
    yield _line(snapshot.columns(tx, name))
    for row in snapshot.rows(tx, name):
        yield _line(row)


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _counted(lines: Iterator[bytes], progress: Progress, done: int, total: int) -> Iterator[bytes]:
    """Some hundred lines at a time, told to whoever watches."""
    some: list[bytes] = []
    for number, line in enumerate(lines):
        some.append(line)
        if len(some) == 500:
            yield b"".join(some)
            some.clear()
            progress("copying rows", done + number, total)
    yield b"".join(some)


def _journal_lines(noted: list[Contents]) -> Iterator[bytes]:
    for contents in noted:
        for record in contents.results:
            yield _line(["result", *record])
        for intent in contents.open_intents.values():
            yield _line(["intent", *intent])


def _files(site: Site, *, with_secrets: bool) -> tuple[list[tuple[str, Path, bool]], list[str]]:
    """The operator's files as ``(path in the site, file, whether it is a secret)``, and what is left out, in words."""
    root = site.settings.directory.resolve()
    named = list(named_secrets(site.settings))
    secrets = {(root / secret.file).resolve() for secret in named if secret.file}
    variables = sorted({secret.env for secret in named if secret.env})
    found: dict[str, Path] = {}
    for name in (*KEPT, site.settings.audience.file, *_source_paths(site)):
        for file in _walk(root / name):
            found.setdefault(os.path.relpath(file, root), file)
    if with_secrets:
        found |= {os.path.relpath(path, root): path for path in secrets if path.is_file()}
    else:
        found = {name: file for name, file in found.items() if file.resolve() not in secrets}
    usable = {name: file for name, file in found.items() if files.is_kept(name) and file.resolve().is_relative_to(root)}
    there = {file.resolve() for file in usable.values()}
    left_out = [f"the environment variable {name}" for name in variables]
    left_out += [f"the secret file {path}" for path in sorted(secrets - there)]
    left_out += [f"the file {name!r}" for name in sorted(set(found) - set(usable)) if found[name] not in secrets]
    if site.settings.mail.transport == "maildir":
        left_out.append("state/outbox: mail of the maildir transport")
    return [(name, file, file.resolve() in secrets) for name, file in sorted(usable.items())], left_out


def _source_paths(site: Site) -> Iterator[str]:
    """The folders of sources that read files."""
    for source in site.settings.sources:
        opened = sources.open_source(source, site.settings.directory, site.settings.publication)
        path = getattr(opened.options, "path", "")
        if path:
            yield str(path)


def _walk(path: Path) -> Iterator[Path]:
    """Plain files at or below a path, hidden ones left out; links to folders are not followed."""
    if path.is_file():
        yield path
        return
    for folder, names, listed in os.walk(path):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(listed):
            file = Path(folder, name)
            if not name.startswith(".") and file.is_file():
                yield file


def as_dict(made: Made) -> dict[str, Any]:
    """For scripts."""
    kept = asdict(made.manifest)
    parts = [{"member": part.member, "size": part.size, "sha256": part.sha256} for part in made.manifest.parts]
    return {"file": str(made.path), "size": made.size, **{**kept, "parts": parts}}
