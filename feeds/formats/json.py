"""JSON Feed 1.1 (jsonfeed.org/version/1.1), written with the standard library.

Each item is one line, so a document can be cut again at its lines.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from feeds.entries import Entry
from feeds.formats._base import BaseFormat, Glance, Head, Pieces
from feeds.xml import rfc3339
from publisher.model import Author, Enclosure

_OPEN = b'"items":[\n'
_CLOSE = b"]}\n"


class Format(BaseFormat):
    label = "JSON Feed"
    version = "1.1"
    extension = "json"
    media_type = "application/feed+json; charset=utf-8"
    order = 2
    in_opml = True

    def entry(self, entry: Entry) -> bytes:
        item: dict[str, object] = {
            "id": entry.id,
            "url": entry.url,
            "title": entry.title,
            "summary": entry.summary,
            "date_published": rfc3339(entry.published),
            "date_modified": rfc3339(entry.updated),
        }
        # One of the two is required; a feed of summaries has no body to give.
        item |= {"content_html": entry.body} if entry.body else {"content_text": entry.summary}
        if entry.image is not None:
            item["image"] = entry.image.url
        if entry.authors:
            item["authors"] = [_author(author) for author in entry.authors]
        if entry.tags:
            item["tags"] = list(entry.tags)
        if entry.language:
            item["language"] = entry.language
        if entry.enclosures:
            item["attachments"] = [_attachment(enclosure) for enclosure in entry.enclosures]
        return _dump(item) + b"\n"

    def document(self, head: Head, entries: Sequence[bytes]) -> bytes:
        top: dict[str, object] = {
            "version": "https://jsonfeed.org/version/1.1",
            "title": head.title,
            "home_page_url": head.home_url,
            "feed_url": head.self_url,
        }
        if head.description:
            top["description"] = head.description
        if head.logo_url:
            top["icon"] = head.logo_url
        if head.language:
            top["language"] = head.language
        top["authors"] = [{"name": head.author or head.title}]
        if head.hubs:
            top["hubs"] = [{"type": "WebSub", "url": hub} for hub in head.hubs]
        if head.prev_archive_url:
            # JSON Feed pages towards older items, which is what prev-archive means (RFC 5005 §4).
            top["next_url"] = head.prev_archive_url
        ours: dict[str, object] = {"id": head.id, "updated": rfc3339(head.updated), "archive": head.archive}
        top["_masthead"] = ours
        if head.archive:
            ours["current_url"] = head.current_url
        if head.copyright:
            ours["rights"] = head.copyright
        if head.podcast:
            ours["podcast_guid"] = head.guid
        start = _dump(top)[:-1] + b"," + _OPEN
        return self.join(Pieces(start, list(entries), _CLOSE))

    def split(self, document: bytes) -> Pieces:
        before, _, rest = document.partition(_OPEN)
        lines = rest.removesuffix(_CLOSE).splitlines(keepends=True)
        return Pieces(before + _OPEN, [line.removesuffix(b",\n").removesuffix(b"\n") + b"\n" for line in lines], _CLOSE)

    def join(self, pieces: Pieces) -> bytes:
        items = b",\n".join(entry.removesuffix(b"\n") for entry in pieces.entries)
        return pieces.before + items + (b"\n" if items else b"") + pieces.after

    def glance(self, document: bytes) -> tuple[str, list[Glance]]:
        top = json.loads(document)
        return top["title"], [
            Glance(
                title=item["title"],
                url=item["url"],
                published=datetime.fromisoformat(item["date_published"]),
                summary=item["summary"],
                authors=tuple(author["name"] for author in item.get("authors", ())),
            )
            for item in top["items"]
        ]


def _author(author: Author) -> dict[str, str]:
    return {"name": author.name} | ({"url": author.url} if author.url else {})


def _attachment(enclosure: Enclosure) -> dict[str, object]:
    values: dict[str, object] = {"url": enclosure.url, "mime_type": enclosure.media_type}
    if enclosure.title:
        values["title"] = enclosure.title
    # Unknown is left out: a 0 would say that the file is empty.
    if enclosure.length:
        values["size_in_bytes"] = enclosure.length
    if enclosure.duration:
        values["duration_in_seconds"] = enclosure.duration
    return values


def _dump(value: dict[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
