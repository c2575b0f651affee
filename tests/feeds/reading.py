"""What a feed says of each article, read back with nothing of ours: lxml and json."""

from __future__ import annotations

import html
import json
from typing import Any

from lxml import etree

NS = {
    "a": "http://www.w3.org/2005/Atom",
    "c": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "m": "http://search.yahoo.com/mrss/",
    "fh": "http://purl.org/syndication/history/1.0",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


def xml(data: bytes) -> Any:
    return etree.fromstring(data, _PARSER)


def read(name: str, data: bytes) -> list[dict[str, Any]]:
    return {"rss": read_rss, "atom": read_atom, "json": read_json}[name](data)


def read_rss(data: bytes) -> list[dict[str, Any]]:
    return [
        {
            "id": item.findtext("guid"),
            "title": _title(item.findtext("title")),
            "url": item.findtext("link"),
            "published": _rfc822(item.findtext("pubDate")),
            "updated": item.findtext("a:updated", namespaces=NS),
            "summary": html.unescape(item.findtext("description")),
            "body": item.findtext("c:encoded", default="", namespaces=NS),
            "authors": [creator.text for creator in item.findall("dc:creator", NS)],
            "tags": [category.text for category in item.findall("category")],
            "enclosures": [
                (each.get("url"), each.get("type"), int(each.get("length"))) for each in item.findall("enclosure")
            ]
            + [
                (each.get("url"), each.get("type"), int(each.get("fileSize")))
                for each in item.findall("m:content", NS)
                if each.get("medium") != "image"
            ],
            "image": next((each.get("url") for each in item.findall("m:thumbnail", NS)), None),
        }
        for item in xml(data).iter("item")
    ]


def read_atom(data: bytes) -> list[dict[str, Any]]:
    return [
        {
            "id": entry.findtext("a:id", namespaces=NS),
            "title": html.unescape(entry.findtext("a:title", namespaces=NS))
            if entry.find("a:title", NS).get("type") == "html"
            else entry.findtext("a:title", namespaces=NS),
            "url": next(link.get("href") for link in entry.findall("a:link", NS) if link.get("rel") == "alternate"),
            "published": entry.findtext("a:published", namespaces=NS),
            "updated": entry.findtext("a:updated", namespaces=NS),
            "summary": entry.findtext("a:summary", namespaces=NS),
            "body": entry.findtext("a:content", default="", namespaces=NS),
            "authors": [name.text for name in entry.findall("a:author/a:name", NS)],
            "tags": [category.get("term") for category in entry.findall("a:category", NS)],
            "enclosures": [
                (link.get("href"), link.get("type"), int(link.get("length", "0")))
                for link in entry.findall("a:link", NS)
                if link.get("rel") == "enclosure"
            ],
            "image": next((each.get("url") for each in entry.findall("m:thumbnail", NS)), None),
        }
        for entry in xml(data).iter(f"{{{NS['a']}}}entry")
    ]


def read_json(data: bytes) -> list[dict[str, Any]]:
    return [
        {
            "id": item["id"],
            "title": item["title"],
            "url": item["url"],
            "published": item["date_published"],
            "updated": item["date_modified"],
            "summary": item["summary"],
            "body": item.get("content_html", ""),
            "authors": [author["name"] for author in item.get("authors", [])],
            "tags": item.get("tags", []),
            "enclosures": [
                (each["url"], each["mime_type"], each.get("size_in_bytes", 0)) for each in item.get("attachments", [])
            ],
            "image": item.get("image"),
        }
        for item in json.loads(data)["items"]
    ]


def _rfc822(text: str) -> str:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text).replace(tzinfo=None).isoformat() + "Z"


def _title(text: str) -> str:
    """RSS titles are escaped twice where a feed reader could take them for markup."""
    import re

    return html.unescape(text) if re.search(r"&(?:#\d|#x|\w+;)", text) else text
