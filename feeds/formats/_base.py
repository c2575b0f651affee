"""What every feed format is, and what its documents are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple

from feeds.entries import Entry


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


class BaseFormat(ABC):
    """One way to write a feed. A format subclasses this as ``Format`` in a module that bears its name."""

    #: The name of its module, as it stands in ``[feed] formats``; set where it is loaded.
    name: ClassVar[str]
    #: What people call it, and the version of it that is written.
    label: ClassVar[str]
    version: ClassVar[str] = ""
    #: The ending of its files and addresses; no two formats share one.
    extension: ClassVar[str]
    #: The Content-Type that is sent.
    media_type: ClassVar[str]
    #: Formats are listed by this, then by name.
    order: ClassVar[int] = 100
    #: Whether programs that read OPML know it.
    in_opml: ClassVar[bool] = False

    @property
    def title(self) -> str:
        """The label with the version, as ``RSS 2.0``."""
        return f"{self.label} {self.version}".rstrip()

    @property
    def link_type(self) -> str:
        """The media type that a link to it names: without parameters."""
        return self.media_type.partition(";")[0]

    @abstractmethod
    def entry(self, entry: Entry) -> bytes:
        """The bytes of one entry, valid in every document of this format."""

    @abstractmethod
    def document(self, head: Head, entries: Sequence[bytes]) -> bytes:
        """A whole document."""

    @abstractmethod
    def split(self, document: bytes) -> Pieces:
        """Cut a document that :meth:`document` made."""

    @abstractmethod
    def join(self, pieces: Pieces) -> bytes:
        """The inverse of :meth:`split`."""

    @abstractmethod
    def glance(self, document: bytes) -> tuple[str, list[Glance]]:
        """The title and the entries of a document that :meth:`document` made, for the preview page."""
