"""Locks between the workers of one machine, with owners who must keep moving.

::

    free ── hold ──→ held: the owner writes the time into the file every second ── over, or dead ──→ free
                       └── not written for SILENT_SECONDS (SIGSTOP, a paused container) ──→ another's

A lock is a file under ``flock``, so that a process which dies lets go of it at once. One that is stopped lets go of
nothing; therefore the time in the file (the machine's monotonic clock) tells whether its owner moves. Whoever
finds it silent puts a file of its own in its place. The silent owner, should it wake, finishes what it was at beside
the new one: what these locks guard may run twice at once, it is only a waste.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

#: An owner that has not moved for so long loses its lock.
SILENT_SECONDS = 30.0
BEAT_SECONDS = 1.0
#: How long a beat that looks old is looked at again: its owner may have taken the lock this very moment.
_SECOND_LOOK_SECONDS = 0.05
_BEAT = struct.Struct("d")
_SUFFIX = ".lock"


class Locks:
    """The locks in one directory, as a process sees them; threads and forked children may share it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._held: set[int] = set()
        self._beats = False

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Hold the lock of that name; yields whether it could be had. Nothing waits."""
        if self._pid != os.getpid():
            self._begin_anew()
        self._directory.mkdir(parents=True, exist_ok=True)
        fd = _take(self._path(name))
        if fd is None:
            yield False
            return
        self._keep(fd)
        try:
            yield True
        finally:
            with self._guard:  # or a beat would go to whatever file gets this number next
                self._held.discard(fd)
                os.close(fd)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}{_SUFFIX}"

    def _keep(self, fd: int) -> None:
        with self._guard:
            self._held.add(fd)
            if not self._beats:
                self._beats = True
                threading.Thread(target=self._beat_on, daemon=True, name="locks").start()

    def _beat_on(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            with self._guard:
                if not self._held:
                    self._beats = False
                    return
                for fd in self._held:
                    _beat(fd)

    def remove(self, pattern: str) -> None:
        """Delete the files of locks that nobody holds."""
        for path in self._directory.glob(f"{pattern}{_SUFFIX}"):
            try:
                fd = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            except BlockingIOError:
                continue
            finally:
                os.close(fd)


def _take(path: Path) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        silent = _silent_for(fd)
        if silent >= SILENT_SECONDS:
            time.sleep(_SECOND_LOOK_SECONDS)
            silent = _silent_for(fd)
        os.close(fd)
        return _replace(path, silent) if silent >= SILENT_SECONDS else None
    if not _is_at(fd, path):
        os.close(fd)  # it was taken over from a silent owner, who has died since
        return None
    _beat(fd)
    return fd


def _replace(path: Path, silent: float) -> int:
    log.warning("the lock %s is taken over: its owner has not moved for %.0f s", path.stem, silent)
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    _beat(fd)
    fresh.rename(path)
    return fd


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _beat(fd: int) -> None:
    try:
        os.pwrite(fd, _BEAT.pack(time.monotonic()), 0)
    except OSError as error:  # a full disk: others may take the lock, which is a waste and no more
        log.debug("a lock cannot be written: %s", error)


def _silent_for(fd: int) -> float:
    written = os.pread(fd, _BEAT.size, 0)
    if len(written) < _BEAT.size:
        return time.time() - os.fstat(fd).st_mtime  # its owner has not come to its first beat
    return time.monotonic() - float(_BEAT.unpack(written)[0])
