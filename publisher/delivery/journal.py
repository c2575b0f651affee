"""What a sender is doing right now, written where ``kill -9`` cannot reach it.

The database hears of results in batches. Between two batches this file knows more: the intent of every
message before its content leaves, and every result as it comes. It is a memory-mapped file, so a record
costs a copy and outlives the process at once; only the loss of the whole machine loses it, and then the
database's batch intent bounds the doubt.

::

    write:  intent 7 → (content leaves) → result 7 → … → batch committed → compact
    read:   results → recorded;  intents without a result → in doubt, at most one a connection

*Whose is it?* The owner holds an exclusive ``flock`` for as long as it lives; the kernel lets go of it when
the process dies, so a free lock means a dead owner and no lease need be waited for. An owner that lives but
stands still (``SIGSTOP``) is past its lease when the monotonic clock in the header says so. Whoever takes
over sets the ``taken`` byte first; the owner looks at it after each intent and before the content leaves.

*Layout.* A header of 64 bytes, then two regions; a byte in the header says which one counts, and a number the
row that is being composed at this moment, for a row whose composition kills its sender. A record is
one line; its first byte is written last, so a record that was cut short is not there. Compacting writes what
is still in flight to the other region and then flips the byte. Disk space is reserved when the file is
made: a full disk stops a sender before it begins, never between a message and its record.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import secrets
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

MAGIC = b"MHJ1"
HEADER = 64
_ACTIVE, _TAKEN, _BEAT, _COMPOSING = 4, 5, 8, 16
REGION = 1 << 20
#: Characters kept of a reply; bounds a record, so that room can be kept for the results of all intents.
REPLY_LIMIT = 500
SUFFIX = ".journal"
#: A zero ends a region and a line feed a record, so neither may stand in a reply.
_PRINTABLE = bytes(byte if byte >= 32 else 32 for byte in range(256))


class JournalFull(Exception):
    """There is no room for another intent before the next batch is committed."""


class Fenced(Exception):
    """Somebody took this journal over: nothing more may be sent on its leases."""


class Intent(NamedTuple):
    """Content of this delivery was about to leave, at ``at`` (UTC epoch seconds), as attempt ``attempt`` from 1."""

    delivery: int
    attempt: int
    at: float


class ResultRecord(NamedTuple):
    """What became of a delivery; ``event`` is a value of :class:`publisher.store.states.Event` or ``released``."""

    delivery: int
    attempt: int
    event: str
    at: float
    code: int = 0
    reply: str = ""
    suppress: bool = False
    retry_after: float = 0.0


@dataclass(slots=True)
class Contents:
    """A journal as read: results in order, intents without one, and the row that was being composed, if any."""

    results: list[ResultRecord] = field(default_factory=list)
    open_intents: dict[int, Intent] = field(default_factory=dict)
    composing: int | None = None


def directory_id(directory: Path) -> str:
    """The name of this journal directory, the same for all processes that share it; made at the first call."""
    path = directory / "id"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for _ in range(100):
        try:
            known = path.read_text(encoding="ascii")
        except FileNotFoundError:
            known = ""
        if known:
            return known
        mine = directory / f".id-{secrets.token_hex(4)}"
        mine.write_text(secrets.token_hex(8), encoding="ascii")
        try:
            os.link(mine, path)  # atomic, and only one of two succeeds
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    raise OSError(f"{path} cannot be made")


class Journal:
    """The file of one sender, while it sends."""

    def __init__(self, directory: Path) -> None:
        """Make the file and reserve its space.

        :raises OSError: there is no room or no right to write.
        """
        while True:
            self.holder = f"{directory_id(directory)}/{secrets.token_hex(8)}"
            self.path = path_of(directory, self.holder)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            if self.path.exists():
                break
            os.close(self._fd)  # before it was locked, somebody took it for a dead sender's, and removed it
        try:
            os.posix_fallocate(self._fd, 0, HEADER + 2 * REGION)
            self._map = mmap.mmap(self._fd, HEADER + 2 * REGION)
        except BaseException:
            os.close(self._fd)
            self.path.unlink(missing_ok=True)
            raise
        self._region = 0
        self._at = HEADER
        self._end = HEADER + REGION
        self._intents: dict[int, Intent] = {}
        self._map[0:4] = MAGIC
        self.beat()

    def beat(self) -> None:
        """Say that the owner is alive and moving."""
        struct.pack_into("<d", self._map, _BEAT, time.monotonic())

    @property
    def taken(self) -> bool:
        """Whether somebody took over."""
        return self._map[_TAKEN] != 0

    def intend(self, intent: Intent) -> None:
        """Record that a message's content is about to leave. After this returns it may.

        :raises JournalFull: commit a batch and compact first.
        :raises Fenced: it must not leave.
        """
        if self._end - self._at < (len(self._intents) + 2) * (2 * REPLY_LIMIT + 256):
            raise JournalFull
        self._write(b"I%d %d %.6f" % (intent.delivery, intent.attempt, intent.at))
        self._intents[intent.delivery] = intent
        if self.taken:
            raise Fenced

    def intended(self, delivery: int) -> bool:
        """Whether an intent of this delivery stands without a result."""
        return delivery in self._intents

    def composing(self, delivery: int | None) -> None:
        """Record that this row is about to be composed, which may kill us; ``None`` when it has been."""
        # Native order: one store of eight bytes, which a kill cannot cut in two.
        struct.pack_into("q", self._map, _COMPOSING, delivery or 0)

    def result(self, record: ResultRecord) -> None:
        """Record what became of a message; never fails for want of room, which :meth:`intend` kept."""
        self._intents.pop(record.delivery, None)
        if record.event == "sent" and not record.suppress:
            reply = record.reply[:REPLY_LIMIT].encode("ascii", "backslashreplace").translate(_PRINTABLE)
            self._write(b"S%d %d %.6f %d %s" % (record.delivery, record.attempt, record.at, record.code, reply[:900]))
            return
        rest = [record.event, record.at, record.code, record.reply[:REPLY_LIMIT], record.suppress, record.retry_after]
        text = json.dumps(rest, ensure_ascii=True, separators=(",", ":")).encode()
        if len(text) > 2 * REPLY_LIMIT:
            rest[3] = record.reply[:REPLY_LIMIT].encode("ascii", "replace").decode()[: REPLY_LIMIT // 2]
            text = json.dumps(rest, ensure_ascii=True, separators=(",", ":")).encode()
        self._write(b"R%d %d %s" % (record.delivery, record.attempt, text))

    @property
    def fullness(self) -> float:
        """How much of the region is used, 0 to 1."""
        return 1 - (self._end - self._at) / REGION

    def compact(self) -> None:
        """Forget every result: all of them are committed. What is still in flight stays."""
        other = 1 - self._region
        start = HEADER + other * REGION
        old = self._at
        self._region, self._at, self._end = other, start, start + REGION
        for intent in self._intents.values():
            self._write(b"I%d %d %.6f" % (intent.delivery, intent.attempt, intent.at))
        self._map[_ACTIVE] = other
        first = HEADER + (1 - other) * REGION
        self._map[first:old] = bytes(old - first)  # clean for the next turn: reading stops at a zero

    def _write(self, record: bytes) -> None:
        at = self._at
        end = at + len(record) + 1
        self._map[at + 1 : end] = record[1:] + b"\n"
        self._map[at] = record[0]
        self._at = end

    def close(self, *, keep: bool) -> None:
        """Let go of the file; ``keep`` leaves it for whoever recovers it."""
        self._map.close()
        if not keep:
            self.path.unlink(missing_ok=True)
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self._map.closed:
            self.close(keep=True)


def path_of(directory: Path, holder: str) -> Path:
    """The file of ``holder`` (``directory id/name``)."""
    return directory / (holder.partition("/")[2] + SUFFIX)


class TakenOver:
    """A journal whose owner is dead, or has stood still for longer than its lease; a context manager."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path

    def read(self) -> Contents:
        """What it holds; a record that was cut short is left out."""
        size = os.fstat(self._fd).st_size
        if size < HEADER + 2 * REGION:
            return Contents()  # its owner died while making it, before anything was sent
        with mmap.mmap(self._fd, size, access=mmap.ACCESS_READ) as content:
            if content[0:4] != MAGIC:
                return Contents()
            start = HEADER + (REGION if content[_ACTIVE] else 0)
            contents = parse(content[start : start + REGION])
            (composing,) = struct.unpack_from("q", content, _COMPOSING)
            contents.composing = composing or None
            return contents

    def done(self) -> None:
        """All of it is committed: remove the file."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._fd)


def take_over(directory: Path, holder: str, *, stale_after: float) -> TakenOver | None:
    """The journal of ``holder`` if its owner is dead or still for ``stale_after`` seconds, else ``None``.

    :raises FileNotFoundError: there is no such file here.
    """
    path = path_of(directory, holder)
    fd = os.open(path, os.O_RDWR)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not _fence_if_still(fd, stale_after):
                os.close(fd)
                return None
    except BaseException:
        os.close(fd)
        raise
    return TakenOver(fd, path)


def _fence_if_still(fd: int, stale_after: float) -> bool:
    header = os.pread(fd, HEADER, 0)
    if len(header) < HEADER or header[0:4] != MAGIC:
        return False
    (beat,) = struct.unpack_from("<d", header, _BEAT)
    if header[_TAKEN] == 0:
        if time.monotonic() - beat < stale_after:
            return False
        os.pwrite(fd, b"\x01", _TAKEN)
    # The owner writes its intent, then looks at the byte; we set the byte, then read the intents. The pause
    # outlasts any store buffer, so one of the two sees the other.
    time.sleep(0.01)
    return True


def orphans(directory: Path) -> Iterable[str]:
    """Holders of all journal files here, alive or not."""
    try:
        name = directory_id(directory)
        files = sorted(directory.glob(f"*{SUFFIX}"))
    except OSError:
        return []
    return [f"{name}/{path.name.removesuffix(SUFFIX)}" for path in files]


def peek(directory: Path) -> list[Contents]:
    """What every journal here holds at this moment, those of living senders too; nobody is disturbed."""
    found = []
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # its sender has just finished
        with TakenOver(fd, path) as journal:
            found.append(journal.read())
    return found


def parse(region: bytes) -> Contents:
    """Read the records of one region, up to the first that is not whole."""
    contents = Contents()
    for line in region[: region.find(b"\0") if b"\0" in region else None].split(b"\n")[:-1]:
        try:
            _read_record(contents, line)
        except (ValueError, IndexError, TypeError):
            break
    return contents


def _read_record(contents: Contents, line: bytes) -> None:
    kind, body = line[:1], line[1:]
    if kind == b"C":
        return  # version 0.1 noted here which row it composed
    first, second, rest = body.split(b" ", 2)
    delivery, attempt = int(first), int(second)
    if kind == b"I":
        contents.open_intents[delivery] = Intent(delivery, attempt, float(rest))
        return
    if kind == b"S":
        at, code, reply = rest.split(b" ", 2)
        record = ResultRecord(delivery, attempt, "sent", float(at), int(code), reply.decode("ascii"))
    elif kind == b"R":
        event, when, number, text, suppress, retry_after = json.loads(rest)
        record = ResultRecord(delivery, attempt, event, when, number, text, suppress, retry_after)
    else:
        raise ValueError(kind)
    contents.open_intents.pop(delivery, None)
    contents.results.append(record)
