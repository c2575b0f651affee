"""An edition that is too long for one mail: what gives way, and how the operator is told.

::

    all whole ─fits─▶ done
        │no
    the last articles as headline and "continue on the web"      as few as possible
        │even headlines alone do not fit
    the last headlines are left to the web                       as few as possible; the footer always stands

An article that alone would nearly fill the mail is shortened whatever its place, so that the others need not be.
Bodies that cannot fit are never rendered: inlining only adds to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from publisher.errors import CompositionRefused
from publisher.model import Article
from publisher.rendering.digest_values import Shown

#: Share of the limit above which an article is long whatever its place.
ALONE = 0.7
#: Share of the limit from which on the operator is warned.
CLOSE = 0.9


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts of a digest, rendered; ``html`` is empty where plain text was asked for."""

    subject: str
    html: str
    text: str

    @property
    def size(self) -> int:
        """Bytes of the part that is limited: the HTML, or the text where there is no HTML."""
        return len((self.html or self.text).encode("utf-8"))


@dataclass(frozen=True, slots=True)
class FitReport:
    """What had to give way for the part to stay under ``limit`` bytes; titles in the order of the edition."""

    size: int
    limit: int
    shortened: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """One line for the operator; empty when all is well."""
        size = f"{self.size / 1000:.0f} of {self.limit / 1000:.0f} KB"
        parts = []
        if self.shortened:
            parts.append(f"{len(self.shortened)} shown as headline only: {', '.join(self.shortened)}")
        if self.omitted:
            parts.append(f"{len(self.omitted)} only on the web: {', '.join(self.omitted)}")
        if parts:
            return f"too long for one mail ({size}); {'; '.join(parts)}"
        return f"close to the length at which Gmail cuts ({size})" if self.size >= self.limit * CLOSE else ""


def fit(
    articles: Sequence[Article],
    sizes: Mapping[str, int],
    attempt: Callable[[Sequence[Shown]], Parts],
    *,
    limit: int,
    room: int,
    shows_bodies: Callable[[], bool],
) -> tuple[Parts, FitReport]:
    """The most of the edition that fits.

    :param sizes: bytes of each article's body, by its id.
    :param attempt: renders a choice.
    :param limit: bytes that must not be exceeded.
    :param room: how many of them are kept free for personal values.
    :param shows_bodies: whether the template shows bodies at all; asked only where something must give way.
    :raises CompositionRefused: the template alone is too long.
    """
    most = limit - room

    def choice(whole: int, count: int) -> list[Shown]:
        return [
            Shown(article, full=index < whole and sizes[article.id] <= most * ALONE)
            for index, article in enumerate(articles[:count])
        ]

    def tried(shown: list[Shown]) -> tuple[Parts, list[Shown]] | None:
        parts = attempt(shown)
        return (parts, shown) if parts.size <= most else None

    everything = [Shown(article) for article in articles]
    found = tried(everything) if sum(sizes.values()) <= most else None
    bodies = found is not None or shows_bodies()
    if found is None and bodies:
        # More bodies than this cannot fit, so the search need not look there.
        running = accumulate(size if size <= most * ALONE else 0 for size in map(sizes.__getitem__, _ids(articles)))
        highest = sum(1 for total in running if total <= most)
        found = _largest(0, highest, lambda whole: tried(choice(whole, len(articles))))
    if found is None and not bodies:
        found = tried(choice(0, len(articles)))
    if found is None:
        found = _largest(0, len(articles) - 1, lambda count: tried(choice(0, count)))
    if found is None:
        raise CompositionRefused(f"the template alone is longer than {most} bytes after inlining; make it smaller")
    parts, shown = found
    return parts, FitReport(
        size=parts.size,
        limit=limit,
        shortened=tuple(item.article.title for item in shown if bodies and not item.full),
        omitted=tuple(article.title for article in articles[len(shown) :]),
    )


def _ids(articles: Sequence[Article]) -> list[str]:
    return [article.id for article in articles]


def _largest(
    low: int, high: int, tried: Callable[[int], tuple[Parts, list[Shown]] | None]
) -> tuple[Parts, list[Shown]] | None:
    """Binary search for the largest number that fits, since more is longer."""
    best = None
    while low <= high:
        middle = (low + high) // 2
        found = tried(middle)
        if found is None:
            high = middle - 1
        else:
            best, low = found, middle + 1
    return best
