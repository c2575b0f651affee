"""Which document is which article: ids that survive renaming. Pure.

::

    documents ┐   explicit id? ─ yes ─→ that one (a second claim is refused)
              ├→  evidence of body, path, slug, title: best pairs first, each article once
    known ────┘   nothing fits ─→ a new id made of the path
                  known, but no document ─→ withdrawn (unless its file is there and merely broken)

A new id is a hash of the path, so a publication whose database is lost gets the same ids again where nothing
was renamed. Where an article was renamed, what the store knows decides.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from publisher.articles.documents import SCHEME, Document, Problem
from publisher.articles.edits import plain_words
from publisher.lib.text import body_hash
from publisher.model import Article, Author, Publication

#: What each agreement says. Body and path together outweigh body, slug and title; slug and title together do
#: not outweigh a path; the body alone outweighs the path alone: an article is its text, not its file.
BODY, PATH, SLUG, TITLE = 6, 5, 2, 2
#: A withdrawn article comes back for no less than this: a new piece in a deleted one's place is new.
RETURNING = 6
#: More than this many articles of one title (or slug, or body) say nothing about which is which.
MAX_ALIKE = 50

#: What tells articles apart, a set of values for each of BODY, PATH, SLUG and TITLE.
_Look = tuple[set[str], set[str], set[str], set[str]]

_EMPTY_BODY = hashlib.sha256(b"").hexdigest()


class Known(Protocol):
    """What the store remembers of an article.

    ``body_hash`` is that of :func:`body_hash`, ``source`` that of :func:`~publisher.articles.documents.source_hash`.
    """

    @property
    def id(self) -> str: ...
    @property
    def source_path(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def body_hash(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def published(self) -> datetime: ...
    @property
    def withdrawn(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Identified:
    """A document with the id it has, and whether the store knows that id already."""

    document: Document
    id: str
    known: bool


@dataclass(frozen=True, slots=True)
class Assignment:
    """``identified`` in the order of the documents, without refused ones; ``withdrawn`` ids, sorted."""

    identified: tuple[Identified, ...]
    withdrawn: tuple[str, ...]
    problems: tuple[Problem, ...]


def assign_ids(
    known: Iterable[Known],
    documents: Iterable[Document],
    *,
    refused_paths: Collection[str] = (),
    before: Mapping[str, Article] | None = None,
) -> Assignment:
    """Give every document an id: its own, that of the article it is, or a new one.

    :param known: every article there ever was, withdrawn ones too.
    :param documents: everything all sources hold now, drafts too, so that a draft keeps its id.
    :param refused_paths: files or directories that are there but could not be read (all sources'
        :attr:`~publisher.articles.documents.SourceReading.refused_paths`): their articles are not withdrawn.
    :param before: the articles as they were last rendered, by id: the words of those whose source is not known
        stand in for it.
    """
    articles = {article.id: article for article in sorted(known, key=lambda article: article.id)}
    pieces = _one_a_path(documents)
    problems: list[Problem] = []
    ids: dict[int, str] = {}
    _explicit(pieces, articles, ids, problems)
    refused = {index for index, piece in enumerate(pieces) if piece.explicit_id and index not in ids}
    held = {article.id for article in articles.values() if _is_below(article.source_path, refused_paths)}
    held |= {article.id for article in articles.values() if article.source_path in {pieces[i].path for i in refused}}
    free = [article for article in articles.values() if article.id not in held | set(ids.values())]
    waiting = [index for index in range(len(pieces)) if index not in ids and index not in refused]
    _recognise(pieces, waiting, free, ids, before or {})
    taken = set(articles) | set(ids.values())
    for index in waiting:
        if index not in ids:
            ids[index] = new_id(pieces[index].path, taken)
            taken.add(ids[index])
    present = set(ids.values()) | held
    return Assignment(
        identified=tuple(Identified(pieces[index], ids[index], ids[index] in articles) for index in sorted(ids)),
        withdrawn=tuple(
            article.id for article in articles.values() if article.id not in present and not article.withdrawn
        ),
        problems=tuple(problems),
    )


def new_id(path: str, taken: Collection[str] = ()) -> str:
    """Twelve letters and digits made of ``path``; another twelve when they are taken."""
    attempt = 0
    while True:
        seed = path if attempt == 0 else f"{path}\0{attempt}"
        digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
        identifier = base64.b32encode(digest)[:12].decode("ascii").lower()
        if identifier not in taken:
            return identifier
        attempt += 1


def build_article(
    document: Document,
    identifier: str,
    publication: Publication,
    *,
    now: datetime,
    previous: Article | None = None,
    edited: bool = True,
) -> Article:
    """The article that ``document`` is.

    A document without a date keeps the instant it was first published (``previous``), or gets ``now``. Without
    an ``updated`` of its own, an article whose text changed since ``previous`` is updated ``now``.

    :param now: aware UTC.
    :param edited: without, ``document`` is what ``previous`` was made of, perhaps rendered by other rules: the
        article keeps its URL and its dates.
    """
    published = document.published or (previous.published if previous else now)
    article = Article(
        id=identifier,
        title=document.title,
        url="",
        published=published,
        updated=max(document.updated or published, published),
        html=document.html,
        summary=document.summary,
        slug=document.url_slug,
        authors=document.authors or ((Author(publication.author),) if publication.author else ()),
        section=document.section,
        tags=document.tags,
        image=document.image,
        enclosures=document.enclosures,
        language=document.language or publication.language,
        share_targets=document.share_targets,
        related=document.related,
        post_texts=document.post_texts,
    )
    own = f"{publication.base_url.rstrip('/')}/articles/{article.key}/{quote(article.slug, safe='-')}"
    article = replace(article, url=document.canonical_url or own)
    if previous is not None and not edited:
        published, updated = previous.published, previous.updated
        return replace(article, url=previous.url, slug=previous.slug, published=published, updated=updated)
    if document.updated is None and previous is not None:
        changed = _text(article) != _text(previous)
        article = replace(article, updated=max(now if changed else previous.updated, published))
    return article


def _text(article: Article) -> tuple[object, ...]:
    """What people see of the article; a new share target or a moved site is no update of it."""
    return (article.title, article.summary, article.html, article.authors, article.image, article.enclosures)


def _one_a_path(documents: Iterable[Document]) -> list[Document]:
    """In the order of their paths; two sources over one folder read a file twice, and it is one article."""
    by_path: dict[str, Document] = {}
    for document in documents:
        by_path.setdefault(document.path, document)
    return [by_path[path] for path in sorted(by_path)]


def _explicit(
    pieces: Sequence[Document], articles: Mapping[str, Known], ids: dict[int, str], problems: list[Problem]
) -> None:
    claims: dict[str, list[int]] = defaultdict(list)
    for index, piece in enumerate(pieces):
        if piece.explicit_id:
            claims[piece.explicit_id].append(index)
    for identifier, indexes in claims.items():
        holder = articles.get(identifier)
        first = next((i for i in indexes if holder and pieces[i].path == holder.source_path), indexes[0])
        ids[first] = identifier
        for index in indexes:
            if index != first:
                reason = f"the id {identifier!r} is that of {pieces[first].path}; give this article another"
                problems.append(Problem(pieces[index].path, None, reason, refused=True))


def _is_below(path: str, places: Collection[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[: length + 1]) in places for length in range(len(parts)))


def _recognise(
    pieces: Sequence[Document],
    waiting: Sequence[int],
    free: Sequence[Known],
    ids: dict[int, str],
    before: Mapping[str, Article],
) -> None:
    """Pair documents with articles, best evidence first; ties go by path, then by id."""
    hashes = {index: body_hash(pieces[index].html) for index in waiting}
    by_path = {article.source_path: article for article in free if not article.withdrawn}
    taken: set[str] = set()
    for index in waiting:  # the usual case, and sure: the same file with the same text
        article = by_path.get(pieces[index].path)
        if article is None:
            continue
        if article.source == pieces[index].source != "" or article.body_hash == hashes[index] != _EMPTY_BODY:
            ids[index] = article.id
            taken.add(article.id)
    left = [index for index in waiting if index not in ids]
    pairs: dict[tuple[int, str], int] = defaultdict(int)
    rest = {article.id: article for article in free if article.id not in taken}
    unread = [article.id for article in rest.values() if not article.source.startswith(SCHEME)]
    rendered = {identifier: before[identifier] for identifier in unread if identifier in before}
    looks = {index: _look_of_document(pieces[index], hashes[index], words=bool(rendered)) for index in left}
    known_looks = {article.id: _look_of_article(article, rendered.get(article.id)) for article in rest.values()}
    for trait, weight in enumerate((BODY, PATH, SLUG, TITLE)):
        for index, identifier in _alike(trait, looks, known_looks):
            pairs[index, identifier] += weight
    ranked = sorted(
        (-weight, pieces[index].path, identifier, index)
        for (index, identifier), weight in pairs.items()
        if _convincing(weight, pieces[index], rest[identifier])
    )
    for _, _, identifier, index in ranked:
        if index not in ids and identifier not in taken:
            ids[index] = identifier
            taken.add(identifier)


def _alike(trait: int, looks: Mapping[int, _Look], known_looks: Mapping[str, _Look]) -> set[tuple[int, str]]:
    """The pairs that agree in one trait, each once; a value that a crowd shares is no agreement."""
    having: dict[str, list[str]] = defaultdict(list)
    for identifier, known_look in known_looks.items():
        for value in known_look[trait]:
            having[value].append(identifier)
    crowd = Counter(value for look in looks.values() for value in look[trait])
    return {
        (index, identifier)
        for index, look in looks.items()
        for value in look[trait]
        if value and len(having.get(value, ())) * crowd[value] <= MAX_ALIKE**2
        for identifier in having.get(value, ())
    }


def _look_of_document(piece: Document, body: str, *, words: bool) -> _Look:
    bodies = {piece.source, "" if body == _EMPTY_BODY else body}
    if words:
        bodies.add(plain_words(piece.html))
    return (bodies, {piece.path}, {piece.url_slug}, {piece.title.casefold()})


def _look_of_article(article: Known, rendered: Article | None) -> _Look:
    bodies = {article.source, article.body_hash}
    if rendered is not None:
        bodies.add(plain_words(rendered.html))
    return (bodies, {article.source_path}, {article.slug}, {article.title.casefold()})


def _convincing(weight: int, piece: Document, article: Known) -> bool:
    if article.withdrawn:
        return weight >= RETURNING
    if weight >= PATH:
        return True
    # Renamed and rewritten at once: the title or the slug alone holds, unless the dates say it is another piece
    # (a column keeps its title from week to week).
    return piece.published is None or piece.published == article.published
