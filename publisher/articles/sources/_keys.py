"""Front matter → its keys, and the values that are one text or a list of texts. Pure."""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from pathlib import Path

from publisher.articles.documents import Problem
from publisher.articles.sources._dates import parse_instant
from publisher.articles.sources._yaml import Mapping, Node, Scalar, Sequence
from publisher.errors import SourceError
from publisher.lib.languages import is_language_tag
from publisher.lib.sanitise import safe_url
from publisher.lib.text import one_line, shorten, slugify

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
KIND = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Keys:
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
            raise SourceError(f"{key}: {quoted(node)}: {one_line(str(error))}", line=node.line) from None

    def flag(self, key: str) -> bool:
        """:raises SourceError: the value is neither yes nor no."""
        node = self.nodes.get(key)
        if node is None:
            return False
        word = node.text.strip().casefold() if isinstance(node, Scalar) else ""
        if word not in _TRUE | _FALSE:
            raise SourceError(f"{key}: {quoted(node)}: expected true or false", line=node.line)
        return word in _TRUE

    def identifier(self) -> str:
        """:raises SourceError: the id cannot serve as one."""
        node = self.nodes.get("id")
        if node is None:
            return ""
        text = one_line(node.text) if isinstance(node, Scalar) else ""
        if not _ID.fullmatch(text):
            reason = f"id: {quoted(node)}: expected 1 to 200 characters without white space"
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
            if not KIND.fullmatch(kind):
                self.warn(
                    self.line("share"),
                    f"share: {kind!r}: expected a name such as facebook, x or reddit; it is left out",
                )
        return tuple(kind for kind in kinds if KIND.fullmatch(kind))

    def url(self, key: str) -> str:
        node = self.nodes.get(key)
        return "" if node is None else self.url_in({key: node}, key, key)

    def url_in(self, parts: dict[str, Node], shown: str, name: str) -> str:
        node = parts.get(name)
        if node is None:
            return ""
        url = safe_url(node.text, self.base_url) if isinstance(node, Scalar) else ""
        if not url:
            self.warn(node.line, f"{shown}: {quoted(node)}: expected an http or https URL, or a path; it is left out")
        return url


def text_in(parts: dict[str, Node], name: str) -> str:
    node = parts.get(name)
    return one_line(node.text) if isinstance(node, Scalar) else ""


def quoted(node: Node) -> str:
    return repr(shorten(one_line(node.text), 60)) if isinstance(node, Scalar) else "a list"
