"""RSS 2.0 (rssboard.org/rss-specification) with content, dc, atom, media, fh and, for podcasts, itunes and podcast.

An entry is rendered by feedgen, then completed by our extension, inside a root that declares every prefix;
so its bytes carry no declaration of their own and can stand in any document of this format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import unescape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from feeds import xml
from feeds.entries import EPOCH, Entry
from feeds.formats._base import BaseFormat, Glance, Head, Pieces
from feeds.xml import ATOM, CONTENT, DC, FH, sub


class EntryCompletion:
    """What feedgen leaves out of an RSS item; feedgen makes it, we give it the entry."""

    entry: Entry

    def extend_ns(self) -> dict[str, str]:
        return xml.NAMESPACES

    def extend_rss(self, item: etree._Element) -> None:
        entry = self.entry
        title = xml.child(item, "title")
        title.text = xml.unambiguous(entry.title)
        description = xml.child(item, "description")
        description.text = xml.html_of(entry.summary)
        if entry.body:
            sub(item, f"{{{CONTENT}}}encoded", entry.body)
        for author in entry.authors:
            sub(item, f"{{{DC}}}creator", author.name)
        # Written here and not by feedgen, which flips the locale of the whole process for every date.
        sub(item, "pubDate", xml.rfc822(entry.published))
        sub(item, f"{{{ATOM}}}updated", xml.rfc3339(entry.updated))
        if entry.language:
            sub(item, f"{{{DC}}}language", entry.language)
        xml.add_media(item, entry, enclosures=entry.enclosures[1:])
        if entry.podcast:
            xml.add_episode(item, entry)


class HeadCompletion:
    """What feedgen leaves out of an RSS channel."""

    head: Head

    def extend_ns(self) -> dict[str, str]:
        return xml.NAMESPACES_PODCAST if self.head.podcast else xml.NAMESPACES

    def extend_rss(self, root: etree._Element) -> None:
        head = self.head
        channel = root[0]
        for rel, href, media_type in xml.links(head, Format.media_type):
            attributes = {"rel": rel, "href": href} | ({"type": media_type} if media_type else {})
            sub(channel, f"{{{ATOM}}}link", **attributes)
        if head.archive:
            sub(channel, f"{{{FH}}}archive")
        if head.podcast:
            xml.add_show(channel, head)


def _dated(moment: datetime) -> bytes:
    return f"<lastBuildDate>{xml.rfc822(moment)}</lastBuildDate>".encode()


_UNDATED = _dated(EPOCH)


@lru_cache(maxsize=512)
def _empty(head: Head) -> tuple[bytes, bytes]:
    """A document without entries, cut where they go; kept, as only its date changes from day to day."""
    with xml.LOCK:
        generator = FeedGenerator()
        generator.register_extension("masthead", HeadCompletion, EntryCompletion, atom=False, rss=True)
        generator.masthead.head = head
        generator.title(xml.unambiguous(head.title))
        generator.link(href=head.home_url, rel="alternate")
        generator.description(xml.html_of(head.description or head.title))
        generator.lastBuildDate(head.updated)
        generator.generator("Masthead")
        generator.ttl(head.ttl)
        if head.language:
            generator.language(head.language)
        if head.copyright:
            generator.copyright(head.copyright)
        if head.logo_url:
            generator.image(url=head.logo_url, title=xml.unambiguous(head.title), link=head.home_url)
        empty: bytes = generator.rss_str()
    before, end, after = empty.rpartition(b"</channel>")
    return before + b"\n", end + after + b"\n"


class Format(BaseFormat):
    label = "RSS"
    version = "2.0"
    extension = "rss"
    media_type = "application/rss+xml; charset=utf-8"
    order = 0
    in_opml = True

    def entry(self, entry: Entry) -> bytes:
        with xml.LOCK:
            generator = FeedEntry()
            generator.register_extension("masthead", EntryCompletion, atom=False, rss=True)
            generator.masthead.entry = entry
            generator.title(entry.title)
            generator.link(href=entry.url)
            generator.guid(entry.id, permalink=False)
            generator.description(entry.summary)
            for tag in entry.tags:
                generator.category(term=tag)
            for enclosure in entry.enclosures[:1]:
                generator.enclosure(enclosure.url, str(enclosure.length), enclosure.media_type)
            item = generator.rss_entry()
        namespaces = xml.NAMESPACES_PODCAST if entry.podcast else xml.NAMESPACES
        return xml.lone(item, etree.Element("rss", nsmap=namespaces))

    def document(self, head: Head, entries: Sequence[bytes]) -> bytes:
        before, after = _empty(replace(head, updated=EPOCH))
        return b"".join([before.replace(_UNDATED, _dated(head.updated), 1), *entries, after])

    def split(self, document: bytes) -> Pieces:
        return xml.split(document, b"item")

    def join(self, pieces: Pieces) -> bytes:
        return b"".join([pieces.before, *pieces.entries, pieces.after])

    def glance(self, document: bytes) -> tuple[str, list[Glance]]:
        channel = xml.parse(document)[0]
        return xml.plain(channel.findtext("title", "")), [
            Glance(
                title=xml.plain(item.findtext("title", "")),
                url=item.findtext("link", ""),
                published=parsedate_to_datetime(item.findtext("pubDate", "")),
                summary=unescape(item.findtext("description", "")),
                authors=tuple(each.text or "" for each in item.findall(f"{{{DC}}}creator")),
            )
            for item in channel.findall("item")
        ]
