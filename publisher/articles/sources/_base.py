"""What every kind of source is made of and offers; a folder is one kind among others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from publisher.articles.documents import SourceReading, source_hash
from publisher.settings.base import Table
from publisher.settings.publication import PublicationSettings, SourceSettings


class BaseSource(ABC):
    """One ``[[sources]]`` table at work. A kind subclasses this as ``Source`` in a module of its own.

    A kind with options declares ``Options``; ``self.options`` holds them, read and checked.
    """

    class Options(Table):
        """The keys of the table that are this kind's own."""

    def __init__(self, settings: SourceSettings, site: Path, publication: PublicationSettings, options: Table) -> None:
        self.settings = settings
        self.site = site
        self.publication = publication
        self.options = options
        self.base_url = settings.base_url or publication.base_url

    @abstractmethod
    def cursor(self) -> str:
        """An opaque text that differs from the last one whenever :meth:`read` may give something else.

        It is asked at every tick, so it is cheap: a listing, a counter, the newest change; never the content.
        """

    @abstractmethod
    def read(self) -> SourceReading:
        """Everything the source holds now, in a stable order.

        It does not raise for what an article holds: a bad one is a refused
        :class:`~publisher.articles.documents.Problem`, and the others go on.
        """

    def hash_of(self, content: str, files: tuple[tuple[str, int], ...] = ()) -> str:
        """The ``source`` of a document that was made of ``content``, the whole of what its author wrote."""
        source, publication = self.settings, self.publication
        facts = {
            "source.section": source.section,
            "source.author": source.author,
            "source.tags": source.tags,
            "source.language": source.language,
            "source.base_url": source.base_url,
            "publication.base_url": publication.base_url,
            "publication.timezone": publication.timezone,
            "publication.language": publication.language,
            "publication.author": publication.author,
        }
        return source_hash(source.kind, content, facts, files)
