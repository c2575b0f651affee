"""Feed formats: one file each, found by its file name; a file holds ``Format``, a :class:`BaseFormat`.

::

    [feed] formats = ["rss"] → feeds/formats/rss.py → class Format → entry(), document() → feed.rss

A format turns an :class:`~feeds.entries.Entry` into bytes once, and a :class:`Head` with many such bytes into
a document. It can cut its own documents again (:meth:`BaseFormat.split`), which is how deltas (RFC 3229) are made
without rendering anything. All else that is known of a format (label, extension, media type) are its attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from feeds.formats._base import BaseFormat, Glance, Head, Pieces
from publisher.lib.families import member, members
from publisher.settings.feeds import FeedSettings, FeedsSettings

__all__ = ["BaseFormat", "Glance", "Head", "Pieces", "check_formats", "format_of", "formats"]


def formats() -> dict[str, BaseFormat]:
    """Every format there is by its name, in the order in which people are shown them."""
    return _found(tuple(__path__))


def format_of(path: str) -> BaseFormat | None:
    """The format of a file or address, by its extension."""
    extension = path.rpartition(".")[2]
    return next((each for each in formats().values() if each.extension == extension), None)


def check_formats(feed: FeedSettings, feeds: Iterable[FeedsSettings]) -> None:
    """Refuse a format that is none.

    :raises SettingsError: one line that names the setting, its value and the formats there are.
    """
    for name in feed.formats:
        member(__name__, __path__, name, setting="feed.formats")
    for number, selection in enumerate(feeds):
        for name in selection.formats or ():
            member(__name__, __path__, name, setting=f"feeds[{number}].formats")


@lru_cache(maxsize=4)
def _found(path: tuple[str, ...]) -> dict[str, BaseFormat]:
    """The formats of these folders; read once, because planning asks for them once a page."""
    found = []
    for name in members(path):
        kind: type[BaseFormat] = member(__name__, path, name, setting="feed.formats").Format
        kind.name = name
        found.append(kind())
    return {each.name: each for each in sorted(found, key=lambda each: (each.order, each.name))}
