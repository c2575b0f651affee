"""A backup becomes a site again, and nothing leaves of it before a person lets go.

::

    FILE checked as a whole ─→ files that are missing ─→ one transaction: schema, rows, facts from journals, the mark
                                                       └ whatever goes wrong: rolled back, and the files taken away

The site must be empty, or stopped and given up with ``force``. Its own ``publication.toml`` stays where there is one:
that is how a site moves to another database. What the replaced database or journals of the same site know of the time
after the backup is taken over as far as it only takes away: what was sent, who left, what was revoked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publisher.delivery import journal
from publisher.delivery.journal import Contents, Intent, ResultRecord
from publisher.delivery.replay import replay
from publisher.errors import MastheadError, SiteError
from publisher.pipeline import waiting
from publisher.pipeline.backup import files
from publisher.pipeline.backup.files import Backup, Manifest, Part
from publisher.pipeline.lock import site_lock
from publisher.pipeline.site import Progress, silent
from publisher.pipeline.waiting import Restored
from publisher.settings import FILE_NAME, Settings, load_settings
from publisher.store import Tx, meta, migrate, open_store, restored, snapshot

#: A worker that looked for work so many seconds ago may still be at work.
AT_WORK_SECONDS = 30.0
_FORGOTTEN = ("sources.fingerprint", "sources.machine", meta.TICKED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A site that was restored: what waits, which files were written, and which were there and stayed."""

    manifest: Manifest
    waits: Restored
    written: tuple[str, ...]
    kept: tuple[str, ...]
    journal_moved_to: Path | None


def restore(
    path: Path, into: Path, *, clock: Callable[[], float], force: bool = False, progress: Progress = silent
) -> Outcome:
    """Make ``into`` the site of a backup; everything that was unsent is held.

    :param force: replace what its database holds; it must be stopped.
    :raises SiteError: the backup is refused, or the site is not empty, or at work; nothing was changed.
    :raises StoreError: the database cannot be opened, or does not take the rows; nothing was changed.
    """
    with files.checked(path) as backup:
        if not migrate.knows(backup.manifest.revision):
            raise SiteError(
                f"the backup {path} was made by a newer Masthead, {backup.manifest.version} (schema "
                f"{backup.manifest.revision}); install that version first; nothing was changed"
            )
        had = (into / FILE_NAME).exists()
        if not had:
            _try_settings(backup)
        with _files_written(backup, into) as (written, kept):
            settings = load_settings(into)
            with site_lock(settings.state), ExitStack() as moving:
                learned, moved = _fill(backup, settings, moving, clock=clock, force=force, progress=progress)
                moving.pop_all()  # it is done: the old journals stay where they were moved
        return Outcome(backup.manifest, learned, tuple(written), tuple(kept), moved)


def _try_settings(backup: Backup) -> None:
    """Whether the configuration in the backup can be used, before anything is written."""
    part = next((one for one in backup.of_kind("site") if one.name == FILE_NAME), None)
    if part is None:
        raise SiteError(f"the backup {backup.path} holds no {FILE_NAME}; put one into the site first")
    with tempfile.TemporaryDirectory(prefix="masthead-") as place:
        Path(place, FILE_NAME).write_bytes(backup.read(part))
        try:
            load_settings(Path(place))
        except MastheadError as error:
            raise SiteError(f"the backup's {FILE_NAME} cannot be used: {error}; nothing was changed") from None


@contextmanager
def _files_written(backup: Backup, into: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Write the files that are not there; take them away again if the restore fails."""
    made: list[Path] = []
    written: list[str] = []
    kept: list[str] = []
    try:
        for part in backup.of_kind("site"):
            target = into / part.name
            if os.path.lexists(target):
                kept.append(part.name)
                continue
            _make_folder(into, target.parent, made)
            _write(backup, part, target, made)
            written.append(part.name)
        yield written, kept
    except BaseException as error:
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir() if one.is_dir() and not one.is_symlink() else one.unlink()
        if isinstance(error, OSError):
            raise SiteError(f"{into} cannot be written: {error.strerror or error}; nothing was changed") from None
        raise


def _make_folder(into: Path, folder: Path, made: list[Path]) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    if into in (folder, *folder.parents) and not folder.resolve().is_relative_to(into.resolve()):
        raise SiteError(f"{folder} leads out of the site; nothing was changed")
    for one in reversed(missing):
        one.mkdir()
        made.append(one)


def _write(backup: Backup, part: Part, target: Path, made: list[Path]) -> None:
    mode = 0o600 if part.secret else 0o644
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as file:
        made.append(target)
        for piece in backup.pieces(part):
            file.write(piece)


def _fill(
    backup: Backup,
    settings: Settings,
    moving: ExitStack,
    *,
    clock: Callable[[], float],
    force: bool,
    progress: Progress,
) -> tuple[Restored, Path | None]:
    noted = _journals(settings.journal, backup.manifest)
    store = open_store(settings.database_url)
    try:
        with store.rebuild() as tx:
            now = clock()
            _refuse_unless_free(tx, settings, now=now, force=force)
            known = _later(tx, backup)
            moved = _move_aside(settings.journal, now, moving)
            _load(tx, backup, progress)
            restored.let_leases_go(tx)
            restored.forget_owners(tx)
            learned = _learn(tx, backup, noted, known, now)
            for name in _FORGOTTEN:
                meta.forget(tx, name)
            waits = Restored(backup.manifest.instant, now, backup.manifest.version, learned)
            waiting.mark(tx, waits)
    finally:
        store.close()
    return waits, moved


def _refuse_unless_free(tx: Tx, settings: Settings, *, now: float, force: bool) -> None:
    if snapshot.is_empty(tx):
        return
    if not force:
        raise SiteError(
            f"the database of {settings.directory} is not empty; --force replaces what it holds; nothing was changed"
        )
    ticked = float(meta.get(tx, meta.TICKED) or 0.0)
    if abs(now - ticked) < AT_WORK_SECONDS:
        raise SiteError(
            f"a worker of this site looked for work {abs(now - ticked):.0f} seconds ago; stop every worker, on every "
            f"machine, wait {AT_WORK_SECONDS:.0f} seconds and try again; nothing was changed"
        )


def _journals(directory: Path, manifest: Manifest) -> list[Contents]:
    """What senders of the same site left here after the backup.

    :raises SiteError: one of them is alive.
    """
    if not directory.is_dir():
        return []
    for holder in journal.orphans(directory):
        with suppress(FileNotFoundError):
            taken = journal.take_over(directory, holder, stale_after=float("inf"))
            if taken is None:
                raise SiteError(f"a sender is at work in {directory}; stop every worker first; nothing was changed")
            taken.__exit__()
    # The journals of another database speak of other rows by the same numbers.
    return journal.peek(directory) if journal.directory_id(directory) == manifest.journals else []


def _move_aside(directory: Path, now: float, moving: ExitStack) -> Path | None:
    """No sender may find the old journals: their numbers mean other rows from now on."""
    if not directory.is_dir():
        return None
    aside = directory.with_name(f"{directory.name}.before-restore-{now:.0f}")
    os.rename(directory, aside)
    moving.callback(os.rename, aside, directory)
    return aside


def _later(tx: Tx, backup: Backup) -> restored.Later | None:
    """What the database that is to be replaced knows of the time after the backup, if it is the same publication."""
    part = next((one for one in backup.of_kind("table") if one.name == "meta"), None)
    rows = list(backup.lines(part))[1:] if part is not None and part.size < files.MAX_MANIFEST else []
    key = dict(row for row in rows if isinstance(row, list) and len(row) == 2).get("key:links")
    if key is None or key != restored.lineage(tx):
        return None
    return restored.later(tx, backup.manifest.instant)


def _load(tx: Tx, backup: Backup, progress: Progress) -> None:
    snapshot.clear(tx, backup.manifest.revision)
    parts = backup.of_kind("table")
    done, total = 0, sum(part.rows for part in parts)
    for part in parts:
        lines = backup.lines(part)
        names = next(lines, None)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise SiteError(f"the backup {backup.path}: {part.member} names no columns; nothing was changed")
        written = 0
        for written in snapshot.write(tx, part.name, names, lines):
            progress("writing rows", done + written, total)
        if written != part.rows:
            raise SiteError(f"the backup {backup.path}: {part.member} has {written} rows, not {part.rows}")
        done += written
    snapshot.finish(tx, backup.manifest.counters)
    if restored.ledger(tx)._asdict() != backup.manifest.ledger:
        raise SiteError(f"the backup {backup.path}: its rows do not add up to its account; nothing was changed")


def _learn(tx: Tx, backup: Backup, noted: list[Contents], known: restored.Later | None, now: float) -> dict[str, int]:
    """Take over what is known beyond the snapshot: from the backup's journals, then from what was left here."""
    inside = _noted_in(backup)
    sent = failed = 0
    for contents in (inside, *noted):
        found = replay(tx, contents.results, contents.open_intents.values(), now=now)
        sent, failed = sent + found.sent, failed + found.failed
    learned = {"messages sent, from journals": sent, "messages refused, from journals": failed}
    if known is not None:
        learned |= {f"{name}, from the replaced database": n for name, n in restored.apply_later(tx, known).items()}
    return {name: number for name, number in learned.items() if number}


def _noted_in(backup: Backup) -> Contents:
    contents = Contents()
    for part in backup.of_kind("journals"):
        for line in backup.lines(part):
            try:
                kind, *values = line
                if kind == "result":
                    contents.results.append(_result(values))
                else:
                    intent = Intent(*values)
                    contents.open_intents[int(intent.delivery)] = intent
            except (TypeError, ValueError):
                raise SiteError(f"the backup {backup.path}: its journals cannot be read; nothing was changed") from None
    return contents


def _result(values: list[Any]) -> ResultRecord:
    record = ResultRecord(*values)
    return record._replace(delivery=int(record.delivery), attempt=int(record.attempt), at=float(record.at))
