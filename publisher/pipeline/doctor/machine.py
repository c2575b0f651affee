"""What the machine gives us: disk, permissions, secrets, the database and its clock."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from publisher.errors import SettingsError, StoreError
from publisher.lib.findings import Finding, fault, ok, unknown, warning
from publisher.settings import Settings
from publisher.settings.secrets import named_secrets
from publisher.store import Store, integrity, is_there, open_store

MEGABYTE = 1_000_000
#: Less than this free is a fault: SQLite and the journal need room for what they write before it is sent.
MIN_FREE = 100 * MEGABYTE
#: Less than this free is a warning.
ENOUGH_FREE = 1000 * MEGABYTE
#: SQLite's words for a file that is damaged; a database that is busy or away is none.
DAMAGED = ("malformed", "is not a database")
#: A clock that differs by more makes leases, schedules and signatures wrong.
MAX_CLOCK_SECONDS = 2.0


def check_disk(settings: Settings) -> Finding:
    """Room on the disk of ``state/``."""
    name = "disk of state/"
    try:
        free = shutil.disk_usage(_existing(settings.state)).free
    except OSError as error:
        return unknown(name, f"cannot be looked at: {error.strerror}")
    seen = f"{free / MEGABYTE:,.0f} MB free"
    if free < MIN_FREE:
        return fault(name, seen, "make room: sending stops when the disk is full")
    if free < ENOUGH_FREE:
        return warning(name, seen, "make room soon")
    return ok(name, seen)


def check_writable(settings: Settings) -> Finding:
    """Whether we can write where we must."""
    name = "state/ and the journal"
    for directory in (settings.state, settings.journal):
        if directory.exists() and not directory.is_dir():
            return fault(name, f"{directory} is a file", "move it away: a directory belongs there")
        if not os.access(_existing(directory), os.W_OK | os.X_OK):
            return fault(name, f"{directory} cannot be written", "give it to the user that runs masthead (chown)")
    return ok(name, "can be written")


def check_secrets(settings: Settings) -> Finding:
    """Whether every secret that the settings name is there; none is shown."""
    missing = []
    for secret in named_secrets(settings):
        try:
            secret.reveal(settings.directory)
        except (SettingsError, UnicodeDecodeError) as error:
            missing.append(str(error) if isinstance(error, SettingsError) else f"{secret.file} is no text")
    if missing:
        todo = "set it where masthead runs; a service reads its EnvironmentFile, a shell does not (docs/running.md)"
        return fault("secrets", "; ".join(dict.fromkeys(missing)), todo)
    return ok("secrets", "all that the settings name are there")


def check_permissions(settings: Settings) -> Finding:
    """Whether others on this machine can read the database (it holds addresses) or a secret's file."""
    name = "permissions"
    files = [secret.file for secret in named_secrets(settings) if secret.file]
    paths = [settings.state / "masthead.db", *(settings.directory / file for file in dict.fromkeys(files))]
    loose = [path for path in paths if _is_loose(path)]
    if loose:
        shown = ", ".join(_shown(path, settings) for path in loose)
        return warning(name, f"{shown} can be read by others", f"chmod 600 {' '.join(map(str, loose))}")
    return ok(name, "database and secrets are readable by their owner alone")


def look_at_schema(settings: Settings) -> list[Finding]:
    """The database as it is: whether it can be reached, waits for migrations, and has the same clock as we."""
    return _with_store(settings, check_schema)


def look_at_integrity(settings: Settings) -> list[Finding]:
    """Read the whole database through; nothing where there is none or it waits for migrations."""
    return _with_store(settings, check_integrity) if is_there(settings.database_url) else []


def check_schema(store: Store) -> list[Finding]:
    """Schema and clock of the database."""
    try:
        steps = integrity.pending(store)
        ahead = integrity.clock_difference(store)
    except StoreError as error:
        return [fault("database", str(error), "check [database] url, and that the server runs")]
    if steps:
        todo = "masthead backup FILE, then masthead upgrade (starting masthead does it too)"
        findings = [warning("database", f"{len(steps)} migrations wait: {_titles(steps)}", todo)]
    else:
        findings = [ok("database", "reachable, its schema is up to date")]
    if abs(ahead) > MAX_CLOCK_SECONDS:
        seen = f"the database server's clock differs from ours by {ahead:+.1f} s"
        findings.append(fault("clock", seen, "set both clocks by NTP: leases and schedules depend on them"))
    return findings


def check_integrity(store: Store) -> list[Finding]:
    """Damaged pages, broken references, a server that is too old."""
    name = "database integrity"
    try:
        found = integrity.problems(store)
    except StoreError as error:
        if not any(words in str(error) for words in DAMAGED):
            return [unknown(name, f"could not be read through: {error}", "see what the look at the database says")]
        found = [str(error)]
    if not found:
        return [ok(name, "sound")]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return [
        fault(
            name,
            found[0] + more,
            "stop masthead, then bring the last backup back: masthead restore FILE (docs/running.md)",
        )
    ]


def _with_store(settings: Settings, check: Callable[[Store], list[Finding]]) -> list[Finding]:
    if not is_there(settings.database_url):
        return [unknown("database", "not there yet", "masthead makes it at its first start")]
    with closing(open_store(settings.database_url, upgrade=False)) as store:
        return check(store)


def _is_loose(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False  # not there, or not ours to look at: then not everybody's either


def _titles(steps: list[integrity.Migration]) -> str:
    return "; ".join(step.title.rstrip(".") for step in steps[:3]) + (" …" if len(steps) > 3 else "")


def _existing(path: Path) -> Path:
    """``path``, or the nearest directory above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _shown(path: Path, settings: Settings) -> str:
    return str(path.relative_to(settings.directory)) if path.is_relative_to(settings.directory) else str(path)
