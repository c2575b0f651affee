"""Which entries stand in the live feed and which in what archive page (RFC 5005 §4); pure.

::

    oldest ─────────────────────────────────────────────────────── newest
    [ page ][   page  ][ page ][    page   ] . . . . . . . . . .
                                      [        live: newest 20–50      ]

A page is closed once and for all where the hash of an article's id says so, or when it is full. So the cut
depends on the articles beside it only: one that is inserted with an old date or withdrawn changes its own
page and at most the next one's link, and no counter has to be remembered anywhere. A page is named after its
oldest article. The newest articles that no page holds yet are fewer than the live feed shows, so every
article can be reached.

An edit rewrites one page under its own name. (Naming pages by content would rename every newer page for one
edit, as each links to the one before; feed readers that know a page do not look at it again either way.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from feeds.catalogues import FeedInfo
from feeds.known import Known


@dataclass(frozen=True, slots=True)
class Page:
    """One document in every format of its feed: the live feed, or an archive page. Articles newest first."""

    feed: FeedInfo
    path: str
    articles: tuple[Known, ...] = field(repr=False)
    previous: str = ""
    archive: bool = False


def pages(feed: FeedInfo, articles: Sequence[Known]) -> tuple[Page, ...]:
    """The live feed first, then its archive from the newest page to the oldest.

    :param articles: newest first; see :func:`feeds.known.newest_first`.
    """
    oldest_first = articles[::-1]
    needed = len(articles) - feed.size
    found: list[Page] = []
    previous = ""
    for start, stop in _cuts(oldest_first, feed.size):
        if start >= needed:
            break
        chunk = oldest_first[start:stop]
        path = f"feeds/archive/{feed.path.removeprefix('feeds/')}/{_name(chunk[0])}"
        found.append(Page(feed, path, tuple(chunk[::-1]), previous, archive=True))
        previous = path
    live = Page(feed, feed.path, tuple(articles[: feed.size]), previous)
    return (live, *found[::-1])


def _cuts(articles: Sequence[Known], size: int) -> list[tuple[int, int]]:
    least = max(1, size // 3)
    cuts = []
    start = 0
    for index, article in enumerate(articles):
        length = index + 1 - start
        if length == size or (length >= least and article.cut[0] % least == 0):
            cuts.append((start, index + 1))
            start = index + 1
    return cuts


def _name(article: Known) -> str:
    return f"{article.published.isoformat()[:10].replace('-', '')}-{article.cut.hex()[:8]}"
