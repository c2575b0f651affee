"""What RSS and Atom share: namespaces, dates, links, media and podcast elements, the lock around feedgen.

feedgen formats dates under ``setlocale(LC_ALL)``, which changes the locale of every thread; whoever calls it
holds :data:`LOCK`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import format_datetime
from html import escape, unescape

from lxml import etree

from feeds.entries import Entry
from feeds.formats._base import Head, Pieces
from publisher.model import Enclosure

LOCK = threading.RLock()

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
FH = "http://purl.org/syndication/history/1.0"
ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST = "https://podcastindex.org/namespace/1.0"
XML = "http://www.w3.org/XML/1998/namespace"

NAMESPACES = {"atom": ATOM, "content": CONTENT, "dc": DC, "media": MEDIA, "fh": FH}
NAMESPACES_PODCAST = {**NAMESPACES, "itunes": ITUNES, "podcast": PODCAST}

#: What a feed reader that takes a plain title for HTML would swallow or change.
_LIKE_MARKUP = re.compile(r"<[A-Za-z/!?]|&(?:#\d|#[xX][0-9a-fA-F]|[A-Za-z][A-Za-z0-9]*;)")


def sub(parent: etree._Element, name: str, text: str | None = None, /, **attributes: str) -> etree._Element:
    """A child element with ``text``; the order of ``attributes`` is the order in the document."""
    child = etree.SubElement(parent, name)
    for key, value in attributes.items():
        child.set(key, value)
    child.text = text
    return child


def child(parent: etree._Element, name: str) -> etree._Element:
    """The first child of this name, where one is always written."""
    found = parent.find(name)
    assert found is not None, name
    return found


def rfc3339(moment: datetime) -> str:
    """``2025-07-16T08:00:00Z`` for an aware UTC moment (RFC 4287 §3.3)."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def rfc822(moment: datetime) -> str:
    """``Wed, 16 Jul 2025 08:00:00 +0000`` for an aware UTC moment (RFC 822 with four-digit years)."""
    return format_datetime(moment)


def html_of(text: str) -> str:
    """Plain text as HTML, for elements that are HTML by custom."""
    return escape(text, quote=False)


def unambiguous(title: str) -> str:
    """``title`` as it is where text and HTML read the same, else escaped once more.

    RSS never said which of the two a title is and most feed readers take it for HTML: there ``AT&T`` survives both
    readings, ``the <em> element`` only when it is escaped.
    """
    return html_of(title) if _LIKE_MARKUP.search(title) else title


def plain(title: str) -> str:
    """The inverse of :func:`unambiguous`."""
    return unescape(title) if _LIKE_MARKUP.search(title) else title


def parse(document: bytes) -> etree._Element:
    """The root of a document; no entity, no network, no limit on size (it is ours)."""
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


def links(head: Head, media_type: str) -> Iterator[tuple[str, str, str]]:
    """The ``(rel, href, type)`` rows of a document: self, hubs (WebSub §4), and the archive's (RFC 5005 §4)."""
    bare = media_type.partition(";")[0]
    yield "self", head.self_url, bare
    for hub in head.hubs:
        yield "hub", hub, ""
    if head.archive:
        yield "current", head.current_url, bare
    if head.prev_archive_url:
        yield "prev-archive", head.prev_archive_url, bare


def add_media(element: etree._Element, entry: Entry, *, enclosures: Iterable[Enclosure]) -> None:
    """Media RSS: the lead image with its alternative text, and the enclosures that have no place elsewhere."""
    if entry.image is not None:
        size = {}
        if entry.image.width and entry.image.height:
            size = {"width": str(entry.image.width), "height": str(entry.image.height)}
        content = sub(
            element, f"{{{MEDIA}}}content", url=entry.image.url, type=entry.image.media_type, medium="image", **size
        )
        if entry.image.alt:
            sub(content, f"{{{MEDIA}}}description", entry.image.alt, type="plain")
        sub(element, f"{{{MEDIA}}}thumbnail", url=entry.image.url, **size)
    for enclosure in enclosures:
        attributes = {"url": enclosure.url, "type": enclosure.media_type, "fileSize": str(enclosure.length)}
        if enclosure.duration:
            attributes["duration"] = str(enclosure.duration)
        content = sub(element, f"{{{MEDIA}}}content", **attributes)
        if enclosure.title:
            sub(content, f"{{{MEDIA}}}title", enclosure.title, type="plain")


def add_episode(element: etree._Element, entry: Entry) -> None:
    """The itunes elements of one episode."""
    duration = next((each.duration for each in entry.enclosures if each.duration), 0)
    if duration:
        sub(element, f"{{{ITUNES}}}duration", str(duration))
    if entry.image is not None:
        sub(element, f"{{{ITUNES}}}image", href=entry.image.url)
    if entry.authors:
        sub(element, f"{{{ITUNES}}}author", ", ".join(author.name for author in entry.authors))
    sub(element, f"{{{ITUNES}}}episodeType", "full")
    sub(element, f"{{{ITUNES}}}explicit", "true" if entry.explicit else "false")


def add_show(element: etree._Element, head: Head) -> None:
    """The itunes and podcast elements of a whole show (podcasters.apple.com, podcastindex.org/namespace/1.0)."""
    sub(element, f"{{{ITUNES}}}author", head.author or head.title)
    sub(element, f"{{{ITUNES}}}type", "episodic")
    sub(element, f"{{{ITUNES}}}explicit", "true" if head.explicit else "false")
    if head.category:
        main, _, inner = (part.strip() for part in head.category.partition(">"))
        category = sub(element, f"{{{ITUNES}}}category", text=main)
        if inner:
            sub(category, f"{{{ITUNES}}}category", text=inner)
    if head.logo_url:
        sub(element, f"{{{ITUNES}}}image", href=head.logo_url)
    sub(element, f"{{{PODCAST}}}guid", head.guid)
    sub(element, f"{{{PODCAST}}}medium", "podcast")


def lone(element: etree._Element, root: etree._Element) -> bytes:
    """The bytes of ``element`` as it stands inside ``root``: prefixes used, not declared; ends with LF."""
    root.append(element)
    etree.cleanup_namespaces(root, keep_ns_prefixes=[prefix for prefix in root.nsmap if prefix])
    text = etree.tostring(root, encoding="unicode")
    start = text.index(">") + 1
    return f"{text[start : text.rindex('</')]}\n".encode()


def split(document: bytes, name: bytes) -> Pieces:
    """Cut an XML document of ours at its entries; ``<`` is always escaped inside them, so this cannot misfire."""
    pattern = re.compile(rb"<" + name + rb"[ >].*?</" + name + rb">\n", re.DOTALL)
    spans = [match.span() for match in pattern.finditer(document)]
    if not spans:
        before, end, after = document.rpartition(b"</channel>" if name == b"item" else b"</feed>")
        return Pieces(before, [], end + after)
    return Pieces(document[: spans[0][0]], [document[start:stop] for start, stop in spans], document[spans[-1][1] :])
