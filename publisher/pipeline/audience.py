"""``subscribers.csv`` of the site: subscribers that the operator vouches for, added and never taken away.

The file is read by the rules of ``masthead import``, so it may be an export, ours or another program's, and who is
unsubscribed there is not mailed here. One who is known is left alone, in whatever state: the file is read again and
again, and what it said at first must not undo what the subscriber decided since.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from publisher.articles.documents import Problem
from publisher.errors import SourceError
from publisher.pipeline.machine import machine_of
from publisher.pipeline.site import Site
from publisher.store import meta
from publisher.subscribers import interchange
from publisher.subscribers.interchange.columns import BadRow

_FINGERPRINT = "audience.fingerprint"
#: A larger file goes through ``masthead import``, which reads a million rows with a progress bar.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Joined:
    """How many were added, and the rows that were set aside."""

    added: int
    problems: tuple[Problem, ...] = ()


def join_audience(site: Site, *, force: bool = True) -> Joined | None:
    """Add the subscribers of the audience file, to every digest or to the one that their row names.

    :param force: without, an unchanged file is not read, and ``None`` returned.
    """
    name = site.settings.audience.file
    path = site.settings.directory / name
    if not name or not path.is_file():
        return Joined(0)
    status = path.stat()
    fingerprint = f"{status.st_mtime_ns}:{status.st_size}"
    # Each machine reads its own file: the times of two differ, and both would be read again and again.
    machine = machine_of(site.settings).id
    noted_as = f"{_FINGERPRINT}:{machine}" if machine else _FINGERPRINT
    with site.store.read() as tx:
        if not force and meta.get(tx, noted_as) == fingerprint:
            return None
    joined = _read(site, name, path, status.st_size)
    with site.store.begin() as tx:
        meta.put(tx, noted_as, fingerprint)
    return joined


def _read(site: Site, name: str, path: Path, size: int) -> Joined:
    if size > MAX_BYTES:
        return Joined(0, (Problem(name, None, "too large to read at every start; use: masthead import", True),))
    aside: list[BadRow] = []
    try:
        report = interchange.import_file(
            site.store,
            path,
            digests=tuple(digest.name for digest in site.settings.digests),
            now=site.now(),
            origin=name,
            newcomers_only=True,
            set_aside=aside.append,
        )
    except SourceError as error:
        return Joined(0, (Problem(name, error.line, error.reason, True),))
    return Joined(report.new, tuple(Problem(name, row.line, row.reason, True) for row in aside))
