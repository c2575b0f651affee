"""What was written last under ``state/feeds/``, so that what has not changed is neither rendered nor touched."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from feeds.building import Document
from feeds.files import ENCODINGS

_SUFFIXES = ("", *ENCODINGS.values())


@dataclass(slots=True)
class Manifest:
    """What was written last: by path, the signature, the sizes and times of the files, and what was news of it."""

    rows: dict[str, list[str | int]]

    @classmethod
    def load(cls, path: Path) -> Manifest:
        try:
            rows = json.loads(path.read_bytes())
        except (OSError, ValueError):
            rows = {}
        return cls(rows if isinstance(rows, dict) else {})

    def holds(self, document: Document, folder: str) -> bool:
        """Whether the file is the one that this signature gave; a file that was touched since is not."""
        row = self.rows.get(document.path)
        if row is None or row[0] != document.signature:
            return False
        stats = _stats(f"{folder}/{document.path}")
        return bool(stats) and row[1 : 1 + len(stats)] == stats

    def news(self, document: Document, ids: Collection[str], *, withdrawn: bool) -> bool:
        """Whether the document tells of anything that its last writing did not.

        :param ids: see :func:`feeds.publishing.write_all`.
        :param withdrawn: whether some of them are offered no more. Both count where the row is of a version that
            noted no news.
        """
        row = self.rows.get(document.path)
        if row is None:
            return True
        if len(row) > 1 and isinstance(row[-1], str):
            return row[-1] != document.news
        return withdrawn or any(article.id in ids for article in document.page.articles)

    def noting(self, document: Document) -> list[str | int]:
        """The row of a file that stays as it is."""
        row = self.rows[document.path]
        return [row[0], *(value for value in row[1:] if isinstance(value, int)), document.news]

    def note(self, document: Document, folder: str) -> None:
        self.rows[document.path] = [document.signature, *_stats(f"{folder}/{document.path}"), document.news]

    def save(self, path: Path) -> None:
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(self.rows, ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)


def _stats(path: str) -> list[int]:
    """Size and time of a file and its twins; empty unless all are there."""
    found: list[int] = []
    try:
        for suffix in _SUFFIXES:
            status = os.stat(path + suffix)
            found += (status.st_size, status.st_mtime_ns)
    except OSError:
        return []
    return found
