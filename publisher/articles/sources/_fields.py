"""Front matter → the fields of a document. Pure.

::

    Mapping (texts with lines) ─ known key? right form? ─→ values, warnings
                                                        └→ SourceError where guessing would do harm

A wrong date, id or draft flag sets the article aside: a piece that goes out early, or twice, cannot be
taken back. Everything else that is wrong is left out with a warning, and the article goes on.
"""

from __future__ import annotations

import re

from publisher.articles.sources._keys import KIND, MAX_ITEMS, Keys, quoted, text_in
from publisher.articles.sources._media import guess_media_type, size_on_disk
from publisher.articles.sources._yaml import Mapping, Node, Scalar, Sequence
from publisher.lib.text import one_line, scrub, shorten
from publisher.model import Author, Enclosure, Image

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_PERSON = re.compile(r"(?P<name>[^<>]+?)\s*<(?P<email>[^<>@\s]+@[^<>@\s]+)>")


class Fields(Keys):
    """The front matter of one file: to :class:`Keys` it adds the values that have parts."""

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
                url = self.url_in(parts, "authors.url", "url")
                author = Author(shorten(text_in(parts, "name"), 200), url, text_in(parts, "email"))
            if author.name:
                authors.append(author)
            else:
                self.warn(item.line, "authors: an author without a name is left out; expected name, url, email")
        return tuple(dict.fromkeys(authors))

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
        url = self.url_in(parts, "image.url", "url")
        if not url:
            if "url" not in parts:
                self.warn(node.line, "image has no url; it is left out")
            return None
        alt = shorten(text_in(parts, "alt"), 1_000) or alt
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
            url = self.url_in(parts, "enclosures.url", "url")
            length = self._number(parts, "enclosures", "length", 2**53)
            if not length and (size := size_on_disk(url, self.base_url, self.site)):
                length = self.files[text_in(parts, "url")] = size
            media_type = self._media_type(parts, url, "enclosures")
            if not url or not media_type:
                if "url" not in parts:
                    self.warn(item.line, "enclosures: one has no url; it is left out")
                elif url:
                    self.warn(item.line, "enclosures: the type of this file is not known; add type, such as audio/mpeg")
                continue
            title = shorten(text_in(parts, "title"), 300)
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
            if not KIND.fullmatch(channel) or not isinstance(value, Scalar) or not value.text.strip():
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

    def _number(self, parts: dict[str, Node], key: str, name: str, most: int) -> int:
        node = parts.get(name)
        if node is None:
            return 0
        digits = node.text.strip().replace("_", "") if isinstance(node, Scalar) else ""
        if re.fullmatch(r"[0-9]{1,16}", digits) and int(digits) <= most:
            return int(digits)
        self.warn(node.line, f"{key}.{name}: {quoted(node)}: expected a whole number up to {most}; it is left out")
        return 0

    def _duration(self, parts: dict[str, Node]) -> int:
        """Seconds, from ``1830``, ``30:30`` or ``1:02:03``."""
        node = parts.get("duration")
        if node is None:
            return 0
        found = re.fullmatch(r"(?:(?:([0-9]{1,3}):)?([0-9]{1,3}):)?([0-9]{1,6})", text_in(parts, "duration"))
        if found is None:
            self.warn(node.line, f"enclosures.duration: {quoted(node)}: expected seconds or h:mm:ss; it is left out")
            return 0
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds

    def _media_type(self, parts: dict[str, Node], url: str, key: str) -> str:
        written = text_in(parts, "type").lower()
        if _MEDIA_TYPE.fullmatch(written):
            return written
        if written:
            self.warn(
                parts["type"].line, f"{key}.type: {quoted(parts['type'])}: expected a media type such as image/png"
            )
        return guess_media_type(url)
