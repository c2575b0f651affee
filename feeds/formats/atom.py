"""Atom 1.0 (RFC 4287) with media and fh (RFC 5005) and, for podcasts, itunes and podcast.

feedgen writes Atom without namespaces under a root whose ``xmlns`` is a plain attribute, and entry links that
hold nothing but ``href``; our extension therefore uses bare names and writes every link itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from html import unescape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from feeds import xml
from feeds.entries import EPOCH, Entry
from feeds.formats._base import BaseFormat, Glance, Head, Pieces
from feeds.xml import ATOM, FH, XML, sub

_NAMESPACES = {prefix: uri for prefix, uri in xml.NAMESPACES.items() if prefix not in ("atom", "content", "dc")}
_NAMESPACES_PODCAST = {
    prefix: uri for prefix, uri in xml.NAMESPACES_PODCAST.items() if prefix not in ("atom", "content", "dc")
}


class EntryCompletion:
    """Mends what feedgen writes of an Atom entry; feedgen makes it, we give it the entry."""

    entry: Entry

    def extend_ns(self) -> dict[str, str]:
        return _NAMESPACES

    def extend_atom(self, element: etree._Element) -> None:
        entry = self.entry
        if entry.language:
            element.set(f"{{{XML}}}lang", entry.language)
        _typed_title(element)
        xml.child(element, "updated").text = xml.rfc3339(entry.updated)
        sub(element, "published", xml.rfc3339(entry.published))
        for link in element.findall("link"):
            element.remove(link)
        sub(element, "link", rel="alternate", type="text/html", href=entry.url)
        for enclosure in entry.enclosures:
            attributes = {"rel": "enclosure", "type": enclosure.media_type}
            if enclosure.length:
                attributes["length"] = str(enclosure.length)
            if enclosure.title:
                attributes["title"] = enclosure.title
            sub(element, "link", **attributes, href=enclosure.url)
        sub(element, "summary", entry.summary, type="text")
        xml.add_media(element, entry, enclosures=())
        if entry.podcast:
            xml.add_episode(element, entry)


class HeadCompletion:
    """Mends what feedgen writes of an Atom head."""

    head: Head

    def extend_ns(self) -> dict[str, str]:
        return _NAMESPACES_PODCAST if self.head.podcast else _NAMESPACES

    def extend_atom(self, feed: etree._Element) -> None:
        head = self.head
        _typed_title(feed)
        xml.child(feed, "updated").text = xml.rfc3339(head.updated)
        for rel, href, media_type in (("alternate", head.home_url, "text/html"), *xml.links(head, Format.media_type)):
            attributes = {"rel": rel, "href": href} | ({"type": media_type} if media_type else {})
            sub(feed, "link", **attributes)
        if head.archive:
            sub(feed, f"{{{FH}}}archive")
        if head.podcast:
            xml.add_show(feed, head)


def _typed_title(element: etree._Element) -> None:
    """Plain text where it cannot be mistaken for markup; escaped HTML, and said so, where it could."""
    title = xml.child(element, "title")
    escaped = xml.unambiguous(title.text or "")
    title.set("type", "text" if escaped == title.text else "html")
    title.text = escaped


def _dated(moment: datetime) -> bytes:
    return f"<updated>{xml.rfc3339(moment)}</updated>".encode()


_UNDATED = _dated(EPOCH)


@lru_cache(maxsize=512)
def _empty(head: Head) -> tuple[bytes, bytes]:
    """A document without entries, cut where they go; kept, as only its date changes from day to day."""
    with xml.LOCK:
        generator = FeedGenerator()
        generator.register_extension("masthead", HeadCompletion, EntryCompletion, atom=True, rss=False)
        generator.masthead.head = head
        generator.id(head.id)
        generator.title(head.title)
        generator.updated(head.updated)
        generator.generator("Masthead")
        if head.language:
            generator.language(head.language)
        if head.description:
            generator.subtitle(head.description)
        # RFC 4287 §4.1.1: an author is owed by the feed where an entry has none.
        generator.author(name=head.author or head.title)
        if head.copyright:
            generator.rights(head.copyright)
        if head.logo_url:
            generator.logo(head.logo_url)
        empty: bytes = generator.atom_str()
    before, end, after = empty.rpartition(b"</feed>")
    return before + b"\n", end + after + b"\n"


class Format(BaseFormat):
    label = "Atom"
    version = "1.0"
    extension = "atom"
    media_type = "application/atom+xml; charset=utf-8"
    order = 1
    in_opml = True

    def entry(self, entry: Entry) -> bytes:
        with xml.LOCK:
            generator = FeedEntry()
            generator.register_extension("masthead", EntryCompletion, atom=True, rss=False)
            generator.masthead.entry = entry
            generator.id(entry.id)
            generator.title(entry.title)
            generator.updated(entry.updated)
            generator.link(href=entry.url, rel="alternate")
            for author in entry.authors:
                generator.author(name=author.name, uri=author.url or None, email=author.email or None)
            for tag in entry.tags:
                generator.category(term=tag, label=tag)
            if entry.body:
                generator.content(entry.body, type="html")
            element = generator.atom_entry()
        namespaces = _NAMESPACES_PODCAST if entry.podcast else _NAMESPACES
        return xml.lone(element, etree.Element("feed", nsmap=namespaces))

    def document(self, head: Head, entries: Sequence[bytes]) -> bytes:
        before, after = _empty(replace(head, updated=EPOCH))
        return b"".join([before.replace(_UNDATED, _dated(head.updated), 1), *entries, after])

    def split(self, document: bytes) -> Pieces:
        return xml.split(document, b"entry")

    def join(self, pieces: Pieces) -> bytes:
        return b"".join([pieces.before, *pieces.entries, pieces.after])

    def glance(self, document: bytes) -> tuple[str, list[Glance]]:
        feed = xml.parse(document)
        return _read_title(feed), [
            Glance(
                title=_read_title(entry),
                url=next(
                    (e.get("href", "") for e in entry.findall(f"{{{ATOM}}}link") if e.get("rel") == "alternate"), ""
                ),
                published=datetime.fromisoformat(entry.findtext(f"{{{ATOM}}}published", "")),
                summary=entry.findtext(f"{{{ATOM}}}summary", ""),
                authors=tuple(each.text or "" for each in entry.findall(f"{{{ATOM}}}author/{{{ATOM}}}name")),
            )
            for entry in feed.findall(f"{{{ATOM}}}entry")
        ]


def _read_title(element: etree._Element) -> str:
    title = xml.child(element, f"{{{ATOM}}}title")
    text = title.text or ""
    return unescape(text) if title.get("type") == "html" else text
