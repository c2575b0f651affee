"""A backup file: a plain tar of parts, and a manifest that says what each of them is.

::

    masthead-backup        the format's number
    tables/NAME.jsonl      a line of column names, then a row a line
    journals.jsonl         what senders had noted and not recorded yet
    site/PATH              configuration, templates, articles, media
    manifest.json          version, revision, instant, counts; size and SHA-256 of each part

Not compressed, so a part is never larger than the file that holds it. It is read by a small reader of our own that
knows regular members only: no links, no devices, no extended headers, no sparse files. Paths come from the manifest
and are checked; a member's name is only compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from publisher.errors import SiteError
from publisher.model import canonical_json

MARK, MANIFEST = "masthead-backup", "manifest.json"
FORMAT = 1
BLOCK = tarfile.BLOCKSIZE
#: Bytes read and written at a time.
PIECE = 1 << 20
MAX_MANIFEST = 64 << 20
MAX_PARTS = 200_000
MAX_PATH = 1_000
#: Bytes of one line of a table: a compiled edition is the longest.
MAX_LINE = 256 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One member: ``kind`` is ``table``, ``journals`` or ``site``; ``name`` is the table or the path in the site."""

    member: str
    kind: str
    name: str
    size: int
    sha256: str
    rows: int = 0
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; instants are UTC epoch seconds."""

    version: str
    revision: str
    instant: float
    publication: str
    ledger: dict[str, int]
    counters: dict[str, int]
    journals: str
    left_out: tuple[str, ...]
    parts: tuple[Part, ...]


class Writer:
    """A backup being written. Parts are added one after the other; nothing is at its place before the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.parts: list[Part] = []

    def add(self, kind: str, name: str, pieces: Iterable[bytes], *, rows: int = 0, secret: bool = False) -> None:
        """Add one part; its size is known when the last of ``pieces`` has come."""
        member = {"table": f"tables/{name}.jsonl", "journals": "journals.jsonl"}.get(kind, f"site/{name}")
        if len(member.encode()) > 99:
            member = f"site/~{len(self.parts)}"
        size, digest = self._member(member, pieces)
        self.parts.append(Part(member, kind, name, size, digest, rows, secret))

    def begin(self) -> None:
        self._member(MARK, [f"{FORMAT}\n".encode()])

    def end(self, manifest: Manifest) -> None:
        """Add the manifest, sealed by its own sum."""
        kept = asdict(manifest)
        self._member(MANIFEST, [canonical_json({"seal": _seal(kept), "manifest": kept})])
        self._file.write(bytes(2 * BLOCK))

    def _member(self, name: str, pieces: Iterable[bytes]) -> tuple[int, str]:
        at = self._file.tell()
        self._file.write(bytes(BLOCK))
        size, digest = 0, hashlib.sha256()
        for piece in pieces:
            self._file.write(piece)
            digest.update(piece)
            size += len(piece)
        self._file.write(bytes(-size % BLOCK))
        end = self._file.tell()
        header = tarfile.TarInfo(name)
        header.size, header.mode = size, 0o600
        self._file.seek(at)
        self._file.write(header.tobuf(tarfile.GNU_FORMAT))
        self._file.seek(end)
        return size, digest.hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Write a backup beside ``path`` and put it there when it is whole; readable by its owner only.

    :raises SiteError: it cannot be written, or something else than a backup is at ``path``.
    """
    if os.path.lexists(path) and not _is_ours(path):
        raise SiteError(f"{path} is there and is no backup; it is not overwritten")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            writer = Writer(file)
            writer.begin()
            yield writer
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise SiteError(f"the backup {path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    begins = f"{MARK}\0".encode()
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with open(path, "rb") as file:
            return file.read(len(begins)) == begins
    except OSError:
        return False


class Backup:
    """A backup that was checked: its manifest is whole, every part is there and has the sum it should have."""

    def __init__(self, path: Path, file: IO[bytes], manifest: Manifest, places: dict[str, int]) -> None:
        self.path, self.manifest = path, manifest
        self._file, self._places = file, places

    def of_kind(self, kind: str) -> list[Part]:
        return [part for part in self.manifest.parts if part.kind == kind]

    def read(self, part: Part) -> bytes:
        """A part of moderate size."""
        self._file.seek(self._places[part.member])
        return self._file.read(part.size)

    def pieces(self, part: Part) -> Iterator[bytes]:
        """A part, a piece at a time."""
        return _pieces(self._file, self._places[part.member], part.size)

    def lines(self, part: Part) -> Iterator[Any]:
        """The JSON value of each line of a part."""
        self._file.seek(self._places[part.member])
        left = part.size
        while left:
            line = self._file.readline(min(left, MAX_LINE))
            left -= len(line)
            try:
                yield json.loads(line)
            except ValueError:
                raise SiteError(f"{self.path}: {part.member} holds a line that is no JSON") from None


@contextmanager
def checked(path: Path) -> Iterator[Backup]:
    """Open a backup and check all of it.

    :raises SiteError: it is no backup, not whole, or not as it was made; one line that says which.
    """
    with ExitStack() as opened:
        try:
            file = opened.enter_context(open(path, "rb"))
            backup = _check(path, file)
        except OSError as error:
            raise SiteError(f"the backup {path} cannot be read: {error.strerror or error}") from None
        yield backup


def _check(path: Path, file: IO[bytes]) -> Backup:
    total = os.fstat(file.fileno()).st_size
    places: dict[str, int] = {}
    sums: dict[str, tuple[int, str]] = {}
    for name, at, size in _members(path, file, total):
        if name in places or len(places) > MAX_PARTS:
            _refuse(path, f"{name!r} stands in it twice" if name in places else "it has too many parts")
        if not places and (name != MARK or size > 20):
            _refuse(path, "it is no backup of Masthead")
        digest = hashlib.sha256()
        for piece in _pieces(file, at, size):
            digest.update(piece)
        places[name], sums[name] = at, (size, digest.hexdigest())
    if MARK not in places:
        _refuse(path, "it is no backup of Masthead")
    if MANIFEST not in places:
        _refuse(path, "its manifest is missing: it was cut off")
    file.seek(places[MARK])
    if file.read(sums[MARK][0]) != f"{FORMAT}\n".encode():
        _refuse(path, "a newer Masthead made it; install that one")
    if sums[MANIFEST][0] > MAX_MANIFEST:
        _refuse(path, "its manifest is too large")
    file.seek(places[MANIFEST])
    manifest = _manifest(path, file.read(sums[MANIFEST][0]))
    members = [part.member for part in manifest.parts]
    if len(set(members)) != len(members) or set(members) | {MARK, MANIFEST} != set(places):
        _refuse(path, "its parts are not those of its manifest")
    for part in manifest.parts:
        if sums[part.member] != (part.size, part.sha256):
            _refuse(path, f"{part.member} is not as it was written (its SHA-256 differs)")
    return Backup(path, file, manifest, places)


def _members(path: Path, file: IO[bytes], total: int) -> Iterator[tuple[str, int, int]]:
    at = 0
    while True:
        file.seek(at)
        block = file.read(BLOCK)
        if block == bytes(BLOCK):
            file.seek(at)
            if total - at != 2 * BLOCK or file.read(2 * BLOCK) != bytes(2 * BLOCK):
                _refuse(path, "something stands behind its end")
            return
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeError):
            _refuse(path, "it is no backup of Masthead" if not at else "it is cut off or damaged")
        if header.type != tarfile.REGTYPE or header.linkname:
            _refuse(path, f"{header.name!r} is no plain file")
        if header.size < 0 or at + BLOCK + header.size + 2 * BLOCK > total:
            _refuse(path, f"{header.name!r} is said to be larger than the file")
        yield header.name, at + BLOCK, header.size
        at += BLOCK + header.size + -header.size % BLOCK


def _pieces(file: IO[bytes], at: int, size: int) -> Iterator[bytes]:
    left = size
    while left:
        file.seek(at + size - left)
        piece = file.read(min(PIECE, left))
        if not piece:
            raise OSError("the file became shorter")
        left -= len(piece)
        yield piece


def _manifest(path: Path, raw: bytes) -> Manifest:
    try:
        outer = json.loads(raw)
        kept = outer["manifest"]
        if outer["seal"] != _seal(kept):
            _refuse(path, "its manifest is not as it was written")
        parts = tuple(Part(**part) for part in kept["parts"])
        manifest = Manifest(**{**kept, "parts": parts, "left_out": tuple(kept["left_out"])})
        well = all(_is_well(part) for part in parts) and manifest.revision.isalnum()
        numbers = (*manifest.counters.values(), *manifest.ledger.values())
        well = well and all(type(one) is int and 0 <= one < 1 << 60 for one in numbers)
        well = well and isinstance(manifest.instant, (int, float)) and 0 <= manifest.instant < 1e11
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        well = False
    if not well:
        _refuse(path, "its manifest cannot be used")
    for part in manifest.parts:
        if part.kind == "site" and not is_kept(part.name):
            _refuse(path, f"it wants to write {part.name[:80]!r}")
    return manifest


def _is_well(part: Part) -> bool:
    texts = all(isinstance(one, str) for one in (part.member, part.kind, part.name, part.sha256))
    return texts and part.kind in ("table", "journals", "site") and type(part.size) is int and type(part.rows) is int


def is_kept(name: str) -> bool:
    """Whether a path may be in a backup: inside the site, not hidden, and nothing of what is ours (``state``)."""
    steps = name.split("/")
    return (
        len(name) <= MAX_PATH
        and name.isprintable()
        and "\\" not in name
        and not PurePosixPath(name).is_absolute()
        and not any(step == "" or step.startswith(".") for step in steps)
        and steps[0].lower() != "state"
    )


def _seal(manifest: Any) -> str:
    return hashlib.sha256(canonical_json(manifest)).hexdigest()


def _refuse(path: Path, why: str) -> NoReturn:
    raise SiteError(f"the backup {path} is refused: {why}; nothing was changed")
