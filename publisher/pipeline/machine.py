"""Which machine this is, to the others that share its database.

::

    database in state/      → shared with nobody: the machine without a name
    database elsewhere      → state/machine, made once: an id, and where it was made

A copy of ``state/`` on another machine is another machine: the id counts where its file was made, which is told by
the file's own number, or by the name of the host and the path.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from publisher.errors import SiteError
from publisher.settings import Settings

FILE_NAME = "machine"


@dataclass(frozen=True, slots=True)
class Machine:
    """``id`` is empty where no other machine can share the database; ``place`` is for people."""

    id: str
    place: str


def machine_of(settings: Settings) -> Machine:
    """This machine; its id is made at the first call.

    :raises SiteError: ``state/`` cannot be written.
    """
    place = f"{socket.gethostname()}:{settings.directory}"
    if not settings.database.url:
        return Machine("", place)
    path = settings.state / FILE_NAME
    try:
        with path.with_name(f".{FILE_NAME}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes that start on a copy, one makes the id
            return Machine(_kept(path, place) or _made(path, place), place)
    except OSError as error:
        raise SiteError(f"{path} cannot be written: {error.strerror}") from None


def _kept(path: Path, place: str) -> str:
    try:
        with path.open("rb") as handle:
            number, kept = os.fstat(handle.fileno()).st_ino, json.loads(handle.read())
        known = kept["file"] == number or kept["place"] == place
        return str(kept["id"]) if known else ""
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def _made(path: Path, place: str) -> str:
    """A new id, in place of one that is not ours."""
    mine = path.with_name(f".{FILE_NAME}-{secrets.token_hex(4)}")
    with mine.open("x", encoding="utf-8") as handle:
        kept = {"id": secrets.token_hex(8), "place": place, "file": os.fstat(handle.fileno()).st_ino}
        handle.write(json.dumps(kept))
    mine.replace(path)
    return str(kept["id"])
