"""What planning needs of an article, worked out once for as long as the article stays as it is.

A rebuild looks at every article and renders one. So all that does not change with the feed is kept beside the
article: its place in time, its digests, its topics. An article that is the same object, or equal, costs a
comparison; one that was edited is another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from feeds.cache import fingerprint
from feeds.entries import instant
from publisher.lib.text import one_line
from publisher.model import Article

#: Articles remembered in one process; beyond it the memory starts afresh.
MAX_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """An article and what follows from it alone.

    ``cut`` decides where archive pages end; ``topics`` are ``(kind, case-folded name, name)``.
    """

    article: Article = field(repr=False)
    id: str
    published: datetime
    updated: datetime
    fingerprint: str
    cut: bytes
    order: tuple[datetime, str]
    topics: tuple[tuple[str, str, str], ...]


_memory: dict[str, Known] = {}


def known(article: Article) -> Known:
    """``article`` with what follows from it."""
    found = _memory.get(article.id)
    if found is not None and (found.article is article or found.article == article):
        return found
    published = instant(article.published)
    found = Known(
        article=article,
        id=article.id,
        published=published,
        updated=instant(article.updated),
        fingerprint=fingerprint(article),
        cut=hashlib.sha256(article.id.encode("utf-8", "surrogatepass")).digest(),
        order=(published, article.id),
        topics=(
            *_topics("section", (article.section,)),
            *_topics("tag", article.tags),
            *_topics("author", (author.name for author in article.authors)),
        ),
    )
    if len(_memory) >= MAX_REMEMBERED:
        _memory.clear()
    _memory[article.id] = found
    return found


def newest_first(articles: Iterable[Article]) -> tuple[Known, ...]:
    """By time of publication, then id; an id that comes twice stands once, as it was updated last."""
    latest: dict[str, Known] = {}
    for article in articles:
        one = known(article)
        before = latest.get(one.id)
        if before is None or one.updated >= before.updated:
            latest[one.id] = one
    return tuple(sorted(latest.values(), key=attrgetter("order"), reverse=True))


@lru_cache(maxsize=8192)
def clean(name: str) -> str:
    """One scrubbed line of at most 200 characters."""
    return one_line(name[:3_200])[:200].strip()


def _topics(kind: str, raw: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    seen: dict[str, str] = {}
    for name in map(clean, raw):
        if name:
            seen.setdefault(name.casefold(), name)
    return ((kind, key, name) for key, name in seen.items())
