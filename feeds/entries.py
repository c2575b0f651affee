"""An article becomes an :class:`Entry`: facts that any feed format can carry as they are.

::

    Article ──scrub──→ texts without what XML or JSON cannot carry
            ──resolve─→ absolute http(s) URLs, or nothing
            ──clean───→ body without scripts, relative or dangerous URLs
            ──uuid5───→ an id that survives a new slug and a new base URL

Articles are meant to arrive clean. A feed is read by thousands of programs that cannot be mended, so this
module believes none of it: whatever an article holds, its entry is well-formed and says where it stands.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin

from feeds.body import safe_body
from publisher.lib.languages import is_language_tag
from publisher.lib.sanitise import safe_url
from publisher.lib.text import one_line, shorten, strip_tags
from publisher.model import Article, Author, Enclosure, Image, Publication

#: Longest texts that leave (graphemes): far above what any feed reader shows, far below what breaks one.
MAX_TITLE = 500
MAX_SUMMARY = 2_000
MAX_NAME = 200
MAX_EACH = 100

#: A feed with no article was last updated here: the same bytes whatever the clock says.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ABSOLUTE_ID = re.compile(r"(?:https?://[^/?#]+[/?#]|urn:[a-z0-9][a-z0-9-]{0,31}:|tag:[^:,]+,\d{4}[^:]*:)[!-~]*", re.I)
_NOT_IN_URI = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")
#: URLs that no cleaning changes; nearly all are such.
_PLAIN_URL = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)+/(?:[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*/?)?")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)
_TYPE_BY_SUFFIX = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif", "svg": "image/svg+xml", "mp3": "audio/mpeg", "m4a": "audio/mp4", "ogg": "audio/ogg",
    "opus": "audio/ogg", "wav": "audio/wav", "flac": "audio/flac", "mp4": "video/mp4", "m4v": "video/mp4",
    "webm": "video/webm", "pdf": "application/pdf", "epub": "application/epub+zip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One article as every format says it. Texts are plain, ``body`` is HTML, URLs are absolute.

    ``language`` is empty where it is the publication's.
    """

    id: str
    title: str
    url: str
    published: datetime
    updated: datetime
    summary: str
    body: str
    authors: tuple[Author, ...] = ()
    tags: tuple[str, ...] = ()
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    language: str = ""
    podcast: bool = False
    explicit: bool = False


def entry_of(
    article: Article, publication: Publication, *, full: bool = True, podcast: bool = False, explicit: bool = False
) -> Entry:
    """Everything a feed says of ``article``.

    :param full: with the body; otherwise the summary alone.
    :param podcast: audio and video come first among the enclosures.
    """
    base = absolute_url(publication.base_url, "")
    url = absolute_url(article.url, base) or base
    body = safe_body(article.html, url)
    summary = _text(article.summary, MAX_SUMMARY) or shorten(strip_tags(body[: MAX_SUMMARY * 20])[:4_000], 280)
    title = _text(article.title, MAX_TITLE) or shorten(summary, 80) or "Untitled"
    published = instant(article.published)
    enclosures = tuple(_enclosures(article.enclosures, url))
    if podcast:
        enclosures = tuple(sorted(enclosures, key=lambda enclosure: not is_episode(enclosure)))
    return Entry(
        id=entry_id(article.id, publication.id),
        title=title,
        url=url,
        published=published,
        updated=max(published, instant(article.updated)),
        summary=summary or title,
        body=(body or _paragraph(summary or title)) if full else "",
        authors=tuple(_authors(article.authors, publication, url)),
        tags=topics(article),
        image=_image(article.image, url),
        enclosures=enclosures,
        language=_other_language(article, publication),
        podcast=podcast,
        explicit=explicit,
    )


def entry_id(article_id: str, publication_id: str) -> str:
    """The permanent id of an article in every format: its own absolute URI, else a ``urn:uuid:`` (RFC 9562, v5).

    The UUID is made of the publication's and the article's id, so neither a slug nor a base URL is in it.
    """
    if _ABSOLUTE_ID.fullmatch(article_id) and not _NOT_IN_URI.search(article_id):
        return article_id
    return f"urn:uuid:{uuid_of(publication_id, article_id)}"


def uuid_of(publication_id: str, name: str) -> uuid.UUID:
    """A version 5 UUID of ``name`` within a publication; any string will do, lone surrogates too."""
    space = uuid.NAMESPACE_URL
    for part in (publication_id, name):
        digest = hashlib.sha1(space.bytes + part.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
        space = uuid.UUID(bytes=digest[:16], version=5)
    return space


def topics(article: Article) -> tuple[str, ...]:
    """The section and the tags as one list of words, each once whatever its case, in the article's order."""
    found: dict[str, str] = {}
    for name in (article.section, *article.tags[:MAX_EACH]):
        text = _text(name, MAX_NAME)
        if text:
            found.setdefault(text.casefold(), text)
    return tuple(found.values())


def instant(moment: datetime) -> datetime:
    """Aware UTC in whole seconds; a moment without zone is taken as UTC."""
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # within a day of year 1 or 9999
        moment = moment.replace(tzinfo=UTC)
    return moment.replace(microsecond=0)


def absolute_url(url: str, base: str) -> str:
    """``url`` resolved against ``base`` (RFC 3986 §5) as a harmless http or https URI in ASCII, else ``""``."""
    if not url.strip():
        return ""
    if len(url) <= 4_096 and _PLAIN_URL.fullmatch(url):
        return url
    try:
        found = safe_url(urljoin(base, re.sub(r"[\t\n\r]", "", url).strip()) if base else url)
    except ValueError:
        return ""
    return found if len(found) <= 4_096 else ""  # escapes count too: a URL is allowed or not, in either form


def language_tag(text: str) -> str:
    """``text`` if it is shaped as a BCP 47 tag, else ``""``."""
    return text if is_language_tag(text) else ""


def is_episode(enclosure: Enclosure) -> bool:
    """Whether a podcast player can play it."""
    return _media_type(enclosure.media_type, enclosure.url).startswith(("audio/", "video/"))


def _other_language(article: Article, publication: Publication) -> str:
    tag = language_tag(article.language)
    return tag if tag.lower() != publication.language.lower() else ""


def _text(text: str, limit: int) -> str:
    """One scrubbed line of at most ``limit`` graphemes; the raw text is bounded first, so 1 MB costs nothing."""
    line = one_line(text[: limit * 16])
    return shorten(line, limit) if len(line) > limit else line


def _paragraph(text: str) -> str:
    return f"<p>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>"


def _authors(authors: Iterable[Author], publication: Publication, base: str) -> Iterable[Author]:
    found: dict[str, Author] = {}
    for author in tuple(authors)[:MAX_EACH]:
        name = _text(author.name, MAX_NAME)
        email = author.email if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", author.email, re.ASCII) else ""
        if name:
            found.setdefault(name, Author(name, absolute_url(author.url, base) if author.url else "", email))
    fallback = _text(publication.author, MAX_NAME)
    return found.values() if found or not fallback else (Author(fallback),)


def _image(image: Image | None, base: str) -> Image | None:
    url = absolute_url(image.url, base) if image and image.url else ""
    if image is None or not url:
        return None
    return Image(
        url=url,
        alt=_text(image.alt, MAX_SUMMARY),
        width=max(0, image.width),
        height=max(0, image.height),
        media_type=_media_type(image.media_type, url, "image/jpeg"),
    )


def _enclosures(enclosures: Iterable[Enclosure], base: str) -> Iterable[Enclosure]:
    for enclosure in tuple(enclosures)[:MAX_EACH]:
        url = absolute_url(enclosure.url, base) if enclosure.url else ""
        if url:
            yield Enclosure(
                url=url,
                media_type=_media_type(enclosure.media_type, url),
                length=max(0, enclosure.length),
                title=_text(enclosure.title, MAX_NAME),
                duration=max(0, enclosure.duration),
            )


def _media_type(declared: str, url: str, default: str = "application/octet-stream") -> str:
    if _MEDIA_TYPE.fullmatch(declared):
        return declared.lower()
    suffix = re.split(r"[?#]", url, maxsplit=1)[0].rpartition(".")[2].lower()  # any text may come, valid or not
    return _TYPE_BY_SUFFIX.get(suffix, default)
