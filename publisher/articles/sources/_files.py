"""What kinds of source share that are folders of text files.

::

    folder → cursor: the name, size and time of every file below it, no content
    folder → names in order (hidden, backup and foreign files left out)
           → each: inside the site? a regular file? small? UTF-8? → text → the kind's own parse()
"""

from __future__ import annotations

import hashlib
import os
import stat
from abc import abstractmethod
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import ClassVar

from pydantic import Field

from publisher.articles.documents import Document, Problem, SourceReading
from publisher.articles.sources._base import BaseSource
from publisher.errors import HostileContent, SourceError
from publisher.lib.text import one_line
from publisher.settings.base import Table
from publisher.settings.publication import SitePath

MAX_FILE_BYTES = 2 * 1024 * 1024
MAX_PATH = 500
_BACKUPS = ("*~", "*.bak", "*.orig", "*.rej", "*.swp", "*.tmp", "#*#", ".*", "_*")


class FileSource(BaseSource):
    """A folder of files with one of ``suffixes``; a kind writes :meth:`parse`."""

    class Options(Table):
        path: SitePath = Field(default="articles", description="Directory, relative to the site and inside it.")
        ignore: tuple[str, ...] = Field(
            default=(), description='Files to leave out, as patterns of their path in the directory: "notes/*".'
        )

    options: Options
    suffixes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def parse(self, text: str, path: str) -> tuple[Document, list[Problem]]:
        """One file's text (LF line ends) as a document, with warnings.

        :raises SourceError: the article is set aside.
        """

    def cursor(self) -> str:
        digest = hashlib.sha256()
        for folder, names, files in os.walk(self.site / self.options.path):
            names.sort()
            for name in sorted(files):
                try:
                    status = os.stat(os.path.join(folder, name))
                except OSError:
                    continue  # gone between the listing and the look: the next reading finds out
                where = os.path.relpath(os.path.join(folder, name), self.site)
                line = f"{where}\0{status.st_mtime_ns}\0{status.st_size}\0"
                digest.update(line.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def read(self) -> SourceReading:
        folder = self.site / self.options.path
        top = PurePosixPath(self.options.path).as_posix()
        if not folder.is_dir():
            reason = "no such directory; make it, or correct path in [[sources]] of publication.toml"
            return SourceReading((), (Problem(top, None, reason, refused=True),))
        documents: list[Document] = []
        problems: list[Problem] = []
        for name in self._names(folder, problems):
            path = (PurePosixPath(self.options.path) / name).as_posix()
            shown = one_line(path)[:MAX_PATH]
            try:
                if shown != path:
                    raise SourceError("the file name is too long or holds characters that cannot be shown; rename it")
                text = self._text(folder / name)
                document, warnings = self.parse(text, path)
            except SourceError as error:
                problems.append(Problem(shown, error.line, error.reason, refused=True))
            except RecursionError:
                problems.append(Problem(shown, None, "it nests too deep to be read; make it flatter", refused=True))
            else:
                documents.append(replace(document, source=self.hash_of(text, document.files)))
                problems.extend(warnings)
        return SourceReading(tuple(documents), tuple(problems))

    def _names(self, folder: Path, problems: list[Problem]) -> list[str]:
        """Paths below ``folder``, with ``/``, in the order of their code points."""
        names: list[str] = []

        def unreadable(error: OSError) -> None:
            where = os.path.relpath(error.filename or folder, self.site)
            problems.append(Problem(one_line(where), None, f"cannot be read: {error.strerror}", refused=True))

        for directory, folders, files in os.walk(folder, onerror=unreadable):
            below = Path(directory).relative_to(folder).as_posix()
            folders[:] = sorted(name for name in folders if not self._ignored(name))
            for name in folders:
                if (Path(directory) / name).is_symlink():
                    where = (Path(directory) / name).relative_to(self.site).as_posix()
                    reason = "links to directories are not followed; copy the directory here"
                    problems.append(Problem(one_line(where), None, reason, refused=True))
            for name in files:
                if name.lower().endswith(self.suffixes) and not self._ignored(name):
                    relative = name if below == "." else f"{below}/{name}"
                    if not any(fnmatchcase(relative, pattern) for pattern in self.options.ignore):
                        names.append(relative)
        return sorted(names)

    def _ignored(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in _BACKUPS)

    def _text(self, file: Path) -> str:
        data = self._bytes(file)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if data.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise HostileContent("it is UTF-16, not UTF-8; save the file as UTF-8", line=1) from None
            line = data.count(b"\n", 0, error.start) + 1
            found = data[error.start]
            raise HostileContent(f"byte 0x{found:02x} is not UTF-8; save the file as UTF-8", line=line) from None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _bytes(self, file: Path) -> bytes:
        try:
            if not file.resolve(strict=True).is_relative_to(self.site.resolve()):
                raise SourceError("it is a link that leads out of the site; copy the file here")
            # A named pipe would keep us waiting for ever: look before reading, and open without waiting.
            descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise SourceError("it is not a regular file")
                data = stream.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}") from None
        except RuntimeError:  # a loop of links, before Python 3.13
            raise SourceError("it is a link that leads to itself") from None
        if len(data) > MAX_FILE_BYTES:
            raise HostileContent(f"it is larger than {MAX_FILE_BYTES // 1024} KB; split it or take out embedded data")
        return data
