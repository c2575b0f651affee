"""OPML 2.0 (opml.org/spec2.opml): every public feed of the publication in one file, to subscribe at a stroke."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from feeds.catalogues import FeedInfo
from feeds.formats import formats
from feeds.xml import rfc822, sub
from publisher.lib.text import one_line
from publisher.model import Publication

MEDIA_TYPE = "text/x-opml; charset=utf-8"


def opml_of(publication: Publication, feeds: Iterable[FeedInfo]) -> bytes:
    """The list as OPML; each feed stands once, in its first format that importers of OPML know."""
    feeds = list(feeds)
    root = etree.Element("opml", version="2.0")
    head = sub(root, "head")
    sub(head, "title", one_line(publication.title))
    updated = max((feed.updated for feed in feeds if feed.updated), default=None)
    if updated is not None:
        sub(head, "dateModified", rfc822(updated))
    body = sub(root, "body")
    for feed in feeds:
        # type is "rss" for every syndication format that a feed reader can pull (OPML 2.0, "Subscription lists").
        url = next((feed.urls[name] for name, form in formats().items() if form.in_opml and name in feed.urls), "")
        if url:
            sub(
                body,
                "outline",
                type="rss",
                text=feed.title,
                title=feed.title,
                xmlUrl=url,
                htmlUrl=feed.home_url,
                language=publication.language,
            )
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))
