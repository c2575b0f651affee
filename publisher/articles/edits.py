"""Was an article edited, or is it only rendered by other rules than last time? Pure.

::

    source known by this way of counting ── equal? ─→ not edited, whatever its rendering looks like
    not known (an older version read it) ── files untouched since? ─→ not edited, unless a file that it names is new
                                         └─ else ─→ what an author wrote is compared: words and given values

The second row is for the first reading after an upgrade from a version that kept no source. Where files were
touched in that interval *and* the renderer adds or drops words, an article counts as edited once; where only
markup was edited in that interval, the edit is not told of.
"""

from __future__ import annotations

import re
import unicodedata

from publisher.articles.documents import SCHEME, Document
from publisher.lib.text import strip_tags
from publisher.model import Article

_WHITE = re.compile(r"\s+")


def is_edited(
    document: Document, stored: str, candidate: Article, previous: Article | None, *, untouched: bool
) -> bool:
    """Whether somebody changed ``document`` since ``previous`` was made of it.

    :param stored: the source hash that is kept with ``previous``.
    :param candidate: the article that ``document`` would be if it was edited.
    :param untouched: no file and no setting was touched since ``previous`` was made.
    """
    if previous is None or not document.source:
        return True  # with nothing to go by, every other rendering is an edit
    if stored.startswith(SCHEME):
        return document.source != stored
    if untouched:
        return _sizes(candidate) != _sizes(previous)
    return _written(candidate, document) != _written(previous, document)


def plain_words(html: str) -> str:
    """The words of a body without what a renderer decides: markup, white space, forms of the same character."""
    return _WHITE.sub("", unicodedata.normalize("NFKC", strip_tags(html)))


def _sizes(article: Article) -> list[tuple[str, int]]:
    return [(enclosure.url, enclosure.length) for enclosure in article.enclosures]


def _written(article: Article, document: Document) -> tuple[object, ...]:
    """What of ``article`` its author decided; what ``document`` leaves out, no author did."""
    return (
        plain_words(article.html),
        article.title if "title" not in document.derived else None,
        article.summary if "summary" not in document.derived else None,
        article.published if document.published is not None else None,
        article.updated if document.updated is not None else None,
        article.slug if document.slug else None,
        article.url if document.canonical_url else None,
        article.section,
        article.tags,
        article.authors,
        article.language,
        article.image,
        article.enclosures,
        article.share_targets,
        article.related,
        article.post_texts,
    )
