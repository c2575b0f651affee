"""``subscribers.csv`` of the site: addresses that the operator vouches for, added and never taken away.

One who is known is left alone, in whatever state, so a file that is read again undoes no unsubscription. A
row that is no address is set aside with its line.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

from publisher.articles.documents import Problem
from publisher.errors import BadAddress
from publisher.lib.addresses import parse_address
from publisher.lib.text import one_line
from publisher.pipeline.site import Site
from publisher.store import meta, subscribers
from publisher.store.subscribers import NewSubscriber

_FINGERPRINT = "audience.fingerprint"
#: A larger file goes through ``masthead import``, which reads a million rows with a progress bar.
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Joined:
    """How many were added, and the rows that were set aside."""

    added: int
    problems: tuple[Problem, ...] = ()


def join_audience(site: Site, *, force: bool = True) -> Joined:
    """Add the people of the audience file to every digest.

    :param force: without, an unchanged file is not read.
    """
    name = site.settings.audience.file
    path = site.settings.directory / name
    if not name or not path.is_file():
        return Joined(0)
    status = path.stat()
    fingerprint = f"{status.st_mtime_ns}:{status.st_size}"
    with site.store.read() as tx:
        if not force and meta.get(tx, _FINGERPRINT) == fingerprint:
            return Joined(0)
    if status.st_size > MAX_BYTES:
        return Joined(0, (Problem(name, None, "too large to read at every start; use: masthead import", True),))
    try:
        people, problems = _read(path.read_bytes(), name)
    except (OSError, csv.Error) as error:
        return Joined(0, (Problem(name, None, f"cannot be read: {error}", True),))
    digests = [digest.name for digest in site.settings.digests]
    with site.store.begin() as tx:
        added = subscribers.import_list(tx, people, now=site.now(), origin=name, digests=digests)
        meta.put(tx, _FINGERPRINT, fingerprint)
    return Joined(added, tuple(problems))


def _read(content: bytes, name: str) -> tuple[list[NewSubscriber], list[Problem]]:
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        return [], [Problem(name, None, f"not UTF-8 at byte {error.start}; save the file as UTF-8", True)]
    rows = csv.DictReader(lines)
    fields = {(field or "").strip().casefold(): field for field in rows.fieldnames or ()}
    column = fields.get("address") or fields.get("email")
    if column is None:
        return [], [Problem(name, 1, 'no column "address"; expected address, name, language', True)]
    people, problems = [], []
    for row in rows:
        address = (row.get(column) or "").strip()
        if not address:
            continue
        try:
            parse_address(address)
        except BadAddress as error:
            problems.append(Problem(name, rows.line_num, str(error), True))
            continue
        person = one_line(row.get(fields.get("name", "")) or "")
        language = one_line(row.get(fields.get("language", "")) or "")
        people.append(NewSubscriber(address, person, language))
    return people, problems
