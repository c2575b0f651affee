"""Whether the sources are to be read: what they and the settings looked like at the last reading.

::

    publication.toml, each source's cursor ─→ one fingerprint ─ as at the last reading? ─→ nothing to read
                                                              └ and another version?    ─→ read, nothing is edited

Only the machine that reads the articles looks (:mod:`publisher.pipeline.owning`): times and paths of files differ from
machine to machine. One that reads them for the first time reads, whatever its files look like.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import publisher
from publisher.articles import sources
from publisher.pipeline.site import Site
from publisher.settings import FILE_NAME
from publisher.store import Tx, meta

_FINGERPRINT = "sources.fingerprint"
_VERSION = "masthead.version"
_NEXT_DUE = "sources.next_due"
_MACHINE = "sources.machine"
#: Releases whose fingerprint was one hash of their version and of every file.
_OF_FILES = ("0.1.0",)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is there now, and whether it is what was there when the sources were last read."""

    fingerprint: str
    machine: str
    untouched: bool
    due: bool


def watch(site: Site, machine: str = "") -> Watched:
    """Look at settings and sources; no content is read.

    :param machine: the id of this machine, see :mod:`publisher.pipeline.machine`.
    """
    now = _fingerprint(site)
    with site.store.read() as tx:
        before, version, next_due = (meta.get(tx, name) for name in (_FINGERPRINT, _VERSION, _NEXT_DUE))
        elsewhere = (meta.get(tx, _MACHINE) or "") != machine
    ripe = bool(next_due) and float(next_due or 0) <= site.now()
    untouched = before == now or (version is None and before is not None and before in tuple(_of_files(site)))
    due = ripe or elsewhere or before != now or version != publisher.__version__
    return Watched(now, machine, untouched, due)


def note(tx: Tx, watched: Watched, next_due: float | None) -> None:
    """Remember that everything was read as it was when ``watched`` was taken.

    :param next_due: when an article that waits for its date is due.
    """
    meta.put(tx, _FINGERPRINT, watched.fingerprint)
    meta.put(tx, _VERSION, publisher.__version__)
    meta.put(tx, _MACHINE, watched.machine)
    meta.put(tx, _NEXT_DUE, "" if next_due is None else repr(next_due))


def _fingerprint(site: Site) -> str:
    settings = site.settings
    digest = hashlib.sha256()
    for _, status in _files(settings.directory / FILE_NAME):
        digest.update(f"{status.st_mtime_ns}\0{status.st_size}\0".encode())
    for table in settings.sources:
        cursor = sources.open_source(table, settings.directory, settings.publication).cursor()
        digest.update(f"{table.kind}\0{cursor}\0".encode("utf-8", "surrogatepass"))
    return f"cursors:{digest.hexdigest()}"


def _of_files(site: Site) -> Iterator[str]:
    """What releases that kept no source would say of the files as they are now."""
    directory = site.settings.directory
    places = [directory / FILE_NAME]
    places += [directory / str(table.options.get("path", "articles")) for table in site.settings.sources]
    for version in _OF_FILES:
        digest = hashlib.sha256(version.encode())
        for path in places:
            for name, status in _files(path):
                digest.update(f"{name}\0{status.st_mtime_ns}\0{status.st_size}\0".encode("utf-8", "surrogatepass"))
        yield digest.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    if path.is_file():
        yield str(path), path.stat()
        return
    for folder, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = Path(folder, name)
            try:
                yield str(file), file.stat()
            except OSError:
                continue  # gone between the listing and the look
