"""Feed formats: one file each, found by its file name; a file holds ``FORMAT``, a :class:`Format`.

A format turns an :class:`~feeds.entries.Entry` into bytes once, and a :class:`Head` with many such bytes into
a document. It can cut its own documents again (:meth:`Format.split`), which is how deltas (RFC 3229) are made
without rendering anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple, Protocol

from feeds.entries import Entry
from publisher.lib.families import members


@dataclass(frozen=True, slots=True)
class Head:
    """What a document says of itself; every URL absolute, every text scrubbed.

    ``self_url`` is this document, ``current_url`` the live feed that an archive page belongs to (RFC 5005 §4),
    ``prev_archive_url`` the page of the next older entries. ``ttl`` in minutes.
    """

    id: str
    title: str
    home_url: str
    self_url: str
    current_url: str
    updated: datetime
    description: str = ""
    language: str = ""
    author: str = ""
    copyright: str = ""
    logo_url: str = ""
    hubs: tuple[str, ...] = ()
    ttl: int = 60
    prev_archive_url: str = ""
    archive: bool = False
    podcast: bool = False
    explicit: bool = False
    category: str = ""
    guid: str = ""


class Pieces(NamedTuple):
    """A document cut at its entries: ``before + join(entries) + after`` is a document again."""

    before: bytes
    entries: list[bytes]
    after: bytes


@dataclass(frozen=True, slots=True)
class Glance:
    """What a person sees of an entry at a glance; read back from a document."""

    title: str
    url: str
    published: datetime
    summary: str = ""
    authors: tuple[str, ...] = ()


class Format(Protocol):
    """One way to write a feed. ``media_type`` is the Content-Type that is sent."""

    name: str
    extension: str
    media_type: str

    def entry(self, entry: Entry) -> bytes:
        """The bytes of one entry, valid in every document of this format."""
        ...

    def document(self, head: Head, entries: Sequence[bytes]) -> bytes:
        """A whole document."""
        ...

    def split(self, document: bytes) -> Pieces:
        """Cut a document that :meth:`document` made."""
        ...

    def join(self, pieces: Pieces) -> bytes:
        """The inverse of :meth:`split`."""
        ...

    def glance(self, document: bytes) -> tuple[str, list[Glance]]:
        """The title and the entries of a document that :meth:`document` made, for the preview page."""
        ...


@lru_cache(maxsize=1)
def formats() -> dict[str, Format]:
    """Every format of this folder by its name, in a fixed order."""
    found = [import_module(f"{__name__}.{name}").FORMAT for name in members(__path__)]
    order = {"rss": 0, "atom": 1, "json": 2}
    return {each.name: each for each in sorted(found, key=lambda each: (order.get(each.name, 9), each.name))}
