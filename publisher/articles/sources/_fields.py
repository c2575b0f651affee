"""Front matter → the fields of a document. Pure.

::

    Mapping (texts with lines) ─ known key? right form? ─→ values, warnings
                                                        └→ SourceError where guessing would do harm

A wrong date, id or draft flag sets the article aside: a piece that goes out early, or twice, cannot be
taken back. Everything else that is wrong is left out with a warning, and the article goes on.
"""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from pathlib import Path

from publisher.articles.documents import Problem
from publisher.articles.sources._dates import parse_instant
from publisher.articles.sources._media import guess_media_type, size_on_disk
from publisher.articles.sources._yaml import Mapping, Node, Scalar, Sequence
from publisher.errors import SourceError
from publisher.lib.languages import is_language_tag
from publisher.lib.sanitise import safe_url
from publisher.lib.text import one_line, scrub, shorten, slugify
from publisher.model import Author, Enclosure, Image

#: Every key, and the other names under which other programs write it.
KEYS: dict[str, tuple[str, ...]] = {
    "title": ("headline",),
    "summary": ("description", "standfirst", "excerpt", "subtitle", "dek"),
    "date": ("published", "published_at", "pubdate", "publish_date"),
    "updated": ("lastmod", "last_modified", "modified", "updated_at"),
    "authors": ("author", "byline"),
    "section": ("category", "categories"),
    "tags": ("tag", "keywords"),
    "image": ("cover", "cover_image", "featured_image", "thumbnail"),
    "image_alt": ("cover_alt",),
    "canonical_url": ("canonical", "canonicalurl", "canonical_link"),
    "id": ("guid",),
    "slug": (),
    "draft": (),
    "language": ("lang", "locale"),
    "enclosures": ("enclosure", "attachments"),
    "share": ("share_targets",),
    "posts": ("post_texts",),
}
_NAMES = {alias: key for key, aliases in KEYS.items() for alias in (key, *aliases)}
#: A misspelt one of these would publish what was meant to wait, or twice.
_GRAVE = {"draft", "date", "id"}

MAX_TITLE = 300
MAX_SUMMARY = 2_000
MAX_ITEMS = 50
_ID = re.compile(r"[^\s\x00-\x1f]{1,200}")
_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_KIND = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_PERSON = re.compile(r"(?P<name>[^<>]+?)\s*<(?P<email>[^<>@\s]+@[^<>@\s]+)>")


class Fields:
    """The front matter of one file, read key by key.

    What is wrong collects in ``problems``, the sizes of files of the site in ``files``, by their URL as written.
    """

    def __init__(
        self,
        matter: Mapping,
        *,
        path: str,
        base_url: str,
        timezone: str,
        month_language: str = "en",
        site: Path | None = None,
    ) -> None:
        self.path = path
        self.base_url = base_url
        self.timezone = timezone
        self.month_language = month_language
        self.site = site
        self.problems: list[Problem] = []
        self.files: dict[str, int] = {}
        self.nodes: dict[str, Node] = {}
        for written, node in matter.items.items():
            self._place(written, node, matter.lines[written])

    def _place(self, written: str, node: Node, line: int) -> None:
        name = written.strip().casefold().replace("-", "_").replace(" ", "_")
        key = _NAMES.get(name)
        shown = shorten(one_line(written), 60)
        if key is None:
            near = difflib.get_close_matches(name[:60], _NAMES, n=1, cutoff=0.75)
            meant = f"; did you mean {_NAMES[near[0]]}?" if near else f"; expected one of {', '.join(KEYS)}"
            if near and _NAMES[near[0]] in _GRAVE:
                raise SourceError(f"unknown key {shown!r}{meant}", line=line)
            self.warn(line, f"unknown key {shown!r} is ignored{meant}")
        elif key in self.nodes:
            raise SourceError(f"the key {shown!r} says {key} a second time; keep one", line=line)
        elif not (isinstance(node, Scalar) and node.absent):
            self.nodes[key] = node

    def warn(self, line: int | None, reason: str) -> None:
        self.problems.append(Problem(self.path, line, reason))

    def line(self, key: str) -> int | None:
        node = self.nodes.get(key)
        return node.line if node else None

    def text(self, key: str, limit: int) -> str:
        """One line of plain text, at most ``limit`` graphemes; several lines become one."""
        node = self.nodes.get(key)
        if node is None:
            return ""
        if isinstance(node, Sequence) and len(node.items) == 1:
            node = node.items[0]
        if not isinstance(node, Scalar):
            self.warn(node.line, f"{key} is not plain text; it is left out")
            return ""
        text = one_line(node.text)
        if len(text) > limit:  # code points are never fewer than graphemes
            short = shorten(text, limit)
            if short != text:
                self.warn(node.line, f"{key} is longer than {limit} characters; it is cut")
            text = short
        return text

    def title(self) -> str:
        return self.text("title", MAX_TITLE)

    def summary(self) -> str:
        return self.text("summary", MAX_SUMMARY)

    def instant(self, key: str) -> datetime | None:
        """:raises SourceError: the value is no date."""
        node = self.nodes.get(key)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            raise SourceError(f"{key} is not a date", line=node.line)
        try:
            return parse_instant(one_line(node.text), self.timezone, self.month_language)
        except ValueError as error:
            raise SourceError(f"{key}: {_shown(node)}: {one_line(str(error))}", line=node.line) from None

    def flag(self, key: str) -> bool:
        """:raises SourceError: the value is neither yes nor no."""
        node = self.nodes.get(key)
        if node is None:
            return False
        word = node.text.strip().casefold() if isinstance(node, Scalar) else ""
        if word not in _TRUE | _FALSE:
            raise SourceError(f"{key}: {_shown(node)}: expected true or false", line=node.line)
        return word in _TRUE

    def identifier(self) -> str:
        """:raises SourceError: the id cannot serve as one."""
        node = self.nodes.get("id")
        if node is None:
            return ""
        text = one_line(node.text) if isinstance(node, Scalar) else ""
        if not _ID.fullmatch(text):
            reason = f"id: {_shown(node)}: expected 1 to 200 characters without white space"
            raise SourceError(reason, line=node.line)
        return text

    def slug(self) -> str:
        text = self.text("slug", 200)
        slug = slugify(text) if text else ""
        if text and slug != text:
            self.warn(self.line("slug"), f"slug: {text!r} cannot stand in a link as it is; {slug!r} is used")
        return slug

    def language(self) -> str:
        text = self.text("language", 40).replace("_", "-")
        if text and not is_language_tag(text):
            self.warn(
                self.line("language"), f"language: {text!r}: expected a tag such as en, it or pt-BR; it is left out"
            )
            return ""
        return text

    def words(self, key: str, *, commas: bool = True) -> tuple[str, ...]:
        """A list of texts, or one text with commas; each once, in order."""
        node = self.nodes.get(key)
        if node is None:
            return ()
        items = node.items if isinstance(node, Sequence) else [node]
        found: dict[str, str] = {}
        for item in items:
            if not isinstance(item, Scalar):
                self.warn(item.line, f"{key}: expected a list of words; this one is left out")
                continue
            single = node is item and commas
            for part in item.text.split(",") if single else [item.text]:
                word = shorten(one_line(part), 100)
                if word:
                    found.setdefault(word.casefold(), word)
        if len(found) > MAX_ITEMS:
            self.warn(node.line, f"{key} holds more than {MAX_ITEMS}; the rest is left out")
        return tuple(found.values())[:MAX_ITEMS]

    def section(self) -> str:
        words = self.words("section", commas=False)
        if len(words) > 1:
            self.warn(self.line("section"), f"section names {len(words)}; the first, {words[0]!r}, is used")
        return words[0] if words else ""

    def targets(self) -> tuple[str, ...]:
        kinds = tuple(word.casefold() for word in self.words("share"))
        for kind in kinds:
            if not _KIND.fullmatch(kind):
                self.warn(
                    self.line("share"),
                    f"share: {kind!r}: expected a name such as facebook, x or reddit; it is left out",
                )
        return tuple(kind for kind in kinds if _KIND.fullmatch(kind))

    def authors(self) -> tuple[Author, ...]:
        node = self.nodes.get("authors")
        if node is None:
            return ()
        authors: list[Author] = []
        for item in (node.items if isinstance(node, Sequence) else [node])[:MAX_ITEMS]:
            if isinstance(item, Scalar):
                text = shorten(one_line(item.text), 200)
                person = _PERSON.fullmatch(text)
                author = Author(person["name"].strip(), "", person["email"]) if person else Author(text)
            else:
                parts = self._parts(item, "authors", ("name", "url", "email"))
                url = self._url(parts, "authors.url", "url")
                author = Author(shorten(_text(parts, "name"), 200), url, _text(parts, "email"))
            if author.name:
                authors.append(author)
            else:
                self.warn(item.line, "authors: an author without a name is left out; expected name, url, email")
        return tuple(dict.fromkeys(authors))

    def url(self, key: str) -> str:
        node = self.nodes.get(key)
        return "" if node is None else self._url({key: node}, key, key)

    def image(self) -> Image | None:
        node = self.nodes.get("image")
        alt = self.text("image_alt", 1_000)
        if node is None:
            if alt:
                self.warn(self.line("image_alt"), "image_alt describes an image that is not there")
            return None
        parts: dict[str, Node] = {"url": node}
        if not isinstance(node, Scalar):
            parts = self._parts(node, "image", ("url", "alt", "width", "height", "type"), {"src": "url", "href": "url"})
        url = self._url(parts, "image.url", "url")
        if not url:
            if "url" not in parts:
                self.warn(node.line, "image has no url; it is left out")
            return None
        alt = shorten(_text(parts, "alt"), 1_000) or alt
        if not alt:
            self.warn(node.line, "image has no alt text; say in a few words what it shows, for those who cannot see it")
        return Image(
            url, alt, self._number(parts, "image", "width", 20_000), self._number(parts, "image", "height", 20_000),
            self._media_type(parts, url, "image"),
        )  # fmt: skip

    def enclosures(self) -> tuple[Enclosure, ...]:
        node = self.nodes.get("enclosures")
        if node is None:
            return ()
        found: list[Enclosure] = []
        for item in (node.items if isinstance(node, Sequence) else [node])[:MAX_ITEMS]:
            parts: dict[str, Node] = {"url": item}
            if not isinstance(item, Scalar):
                allowed = ("url", "type", "length", "title", "duration")
                parts = self._parts(item, "enclosures", allowed, {"src": "url", "href": "url", "size": "length"})
            url = self._url(parts, "enclosures.url", "url")
            length = self._number(parts, "enclosures", "length", 2**53)
            if not length and (size := size_on_disk(url, self.base_url, self.site)):
                length = self.files[_text(parts, "url")] = size
            media_type = self._media_type(parts, url, "enclosures")
            if not url or not media_type:
                if "url" not in parts:
                    self.warn(item.line, "enclosures: one has no url; it is left out")
                elif url:
                    self.warn(item.line, "enclosures: the type of this file is not known; add type, such as audio/mpeg")
                continue
            title = shorten(_text(parts, "title"), 300)
            found.append(Enclosure(url, media_type, length, title, self._duration(parts)))
        return tuple(found)

    def posts(self) -> tuple[tuple[str, str], ...]:
        """Texts written for one channel each, by its name or kind; line breaks are kept."""
        node = self.nodes.get("posts")
        if node is None:
            return ()
        if not isinstance(node, Mapping):
            self.warn(node.line, "posts: expected channel: text; it is left out")
            return ()
        texts: list[tuple[str, str]] = []
        for name, value in list(node.items.items())[:MAX_ITEMS]:
            channel = one_line(name).casefold()
            if not _KIND.fullmatch(channel) or not isinstance(value, Scalar) or not value.text.strip():
                self.warn(
                    value.line, f"posts: {channel[:60]!r}: expected the name of a channel and a text; it is left out"
                )
            else:
                texts.append((channel, shorten(scrub(value.text).strip(), 20_000)))
        return tuple(sorted(texts))

    def _parts(
        self, node: Node, key: str, allowed: tuple[str, ...], aliases: dict[str, str] | None = None
    ) -> dict[str, Node]:
        if not isinstance(node, Mapping):
            self.warn(node.line, f"{key}: expected {', '.join(allowed)}; it is left out")
            return {}
        parts: dict[str, Node] = {}
        for written, value in node.items.items():
            name = (aliases or {}).get(written.casefold(), written.casefold())
            if name not in allowed:
                shown = shorten(one_line(written), 60)
                self.warn(
                    node.lines[written], f"{key}: unknown key {shown!r} is ignored; expected {', '.join(allowed)}"
                )
            elif not (isinstance(value, Scalar) and value.absent):
                parts[name] = value
        return parts

    def _url(self, parts: dict[str, Node], shown: str, name: str) -> str:
        node = parts.get(name)
        if node is None:
            return ""
        url = safe_url(node.text, self.base_url) if isinstance(node, Scalar) else ""
        if not url:
            self.warn(node.line, f"{shown}: {_shown(node)}: expected an http or https URL, or a path; it is left out")
        return url

    def _number(self, parts: dict[str, Node], key: str, name: str, most: int) -> int:
        node = parts.get(name)
        if node is None:
            return 0
        digits = node.text.strip().replace("_", "") if isinstance(node, Scalar) else ""
        if re.fullmatch(r"[0-9]{1,16}", digits) and int(digits) <= most:
            return int(digits)
        self.warn(node.line, f"{key}.{name}: {_shown(node)}: expected a whole number up to {most}; it is left out")
        return 0

    def _duration(self, parts: dict[str, Node]) -> int:
        """Seconds, from ``1830``, ``30:30`` or ``1:02:03``."""
        node = parts.get("duration")
        if node is None:
            return 0
        found = re.fullmatch(r"(?:(?:([0-9]{1,3}):)?([0-9]{1,3}):)?([0-9]{1,6})", _text(parts, "duration"))
        if found is None:
            self.warn(node.line, f"enclosures.duration: {_shown(node)}: expected seconds or h:mm:ss; it is left out")
            return 0
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds

    def _media_type(self, parts: dict[str, Node], url: str, key: str) -> str:
        written = _text(parts, "type").lower()
        if _MEDIA_TYPE.fullmatch(written):
            return written
        if written:
            self.warn(
                parts["type"].line, f"{key}.type: {_shown(parts['type'])}: expected a media type such as image/png"
            )
        return guess_media_type(url)


def _text(parts: dict[str, Node], name: str) -> str:
    node = parts.get(name)
    return one_line(node.text) if isinstance(node, Scalar) else ""


def _shown(node: Node) -> str:
    return repr(shorten(one_line(node.text), 60)) if isinstance(node, Scalar) else "a list"
