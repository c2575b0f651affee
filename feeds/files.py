"""Feeds on disk: what a web server hands out as it is.

A file is written beside its place, flushed to the disk, and renamed, only when its bytes differ; ``.gz`` and
``.br`` stand beside it. Its time is the newest article's, so ``Last-Modified`` tells about the content and not
about the build. nginx (and our own server) make the ETag of time and size: whenever bytes differ the time moves
on by at least a second, so an ETag never stands for two contents.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import brotli

from publisher.errors import FeedError

#: Each encoding's file name suffix, in the order of preference (smallest first).
ENCODINGS = {"br": ".br", "gzip": ".gz"}


def write_file(path: Path, data: bytes, updated: datetime) -> bool:
    """Write ``path`` and its compressed twins; False when the very bytes are there already.

    :param updated: becomes the file's time, or later where the file changed at that very time before.
    :raises FeedError: the disk refused.
    """
    try:
        before = _read(path)
        variants = {path: data, **{_beside(path, suffix): b"" for suffix in ENCODINGS.values()}}
        if before == data and all(variant.exists() for variant in variants):
            return False
        seconds = max(0, int(updated.timestamp()))
        if before is not None and before != data:
            seconds = max(seconds, int(path.stat().st_mtime) + 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        variants[_beside(path, ".gz")] = gzip.compress(data, compresslevel=6, mtime=0)
        variants[_beside(path, ".br")] = brotli.compress(data, quality=5)
        # The plain file last: where it is new, its twins are too.
        for target in reversed(variants):
            _replace(target, variants[target], seconds)
        return True
    except OSError as error:
        raise FeedError(f"{path} cannot be written: {error.strerror or error}") from None


def etag(status: os.stat_result) -> str:
    """The strong ETag of a file, made as nginx makes it: time and size, both in hexadecimal."""
    return f'"{int(status.st_mtime):x}-{status.st_size:x}"'


def etags(path: Path) -> list[str]:
    """The ETags of a feed and of its compressed twins, which are representations of their own (RFC 9110 §8.8.3)."""
    return [etag(_beside(path, suffix).stat()) for suffix in ("", *ENCODINGS.values())]


def remove_file(path: Path) -> None:
    """Take a feed away, its twins first."""
    for suffix in ENCODINGS.values():
        _beside(path, suffix).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


#: Building every feed of a large archive takes this long at most on a slow machine.
WRITER_SECONDS = 120.0


@contextmanager
def one_writer(lock: Path, *, wait_seconds: float = WRITER_SECONDS) -> Iterator[None]:
    """Only one process builds at a time; the next one waits and then finds little left to do.

    :raises FeedError: the other did not end in time; a process that was stopped (SIGSTOP) must not stop others.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with lock.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FeedError(
                        f"another process has been writing the feeds for {wait_seconds:g} s; they are tried again"
                    ) from None
            time.sleep(0.02)
        yield


def _replace(target: Path, data: bytes, seconds: int) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        with temporary.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.utime(handle.fileno(), (seconds, seconds))
            os.fsync(handle.fileno())
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
