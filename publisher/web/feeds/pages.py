"""Feeds for people: the list of them, and the page behind a link to one of them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

import feeds
from feeds.formats import BaseFormat, formats
from publisher.web.feeds.files import VARY
from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import Frame, root_of
from publisher.web.frame.routes import Get


def folder_of(frame: Frame) -> Path:
    """Where the feeds are written."""
    return frame.site.settings.state / "feeds"


def listing(frame: Frame, request: Request) -> Response:
    """Every feed, for people."""
    root = root_of(request)
    groups: dict[str, list[dict[str, object]]] = {}
    for each in feeds.load_catalogue(frame.site.settings.state):
        links = [
            {"label": form.label, "href": f"{root}/{quote(each.path)}.{form.extension}"}
            for form, _ in feeds.in_formats(each)
        ]
        title = each.name if each.kind in ("section", "tag", "author") else each.title
        view = {"title": title, "articles": each.articles, "updated": each.updated, "links": links}
        groups.setdefault(each.kind, []).append(view)
    speech = frame.speech(request)
    values = {"title": speech.say("feeds.title"), "groups": groups, "opml": f"{root}/feeds.opml"}
    return frame.page(request, "web/feeds.html", values, speech=speech)


def preview(frame: Frame, request: Request, path: str, file: Path, form: BaseFormat) -> Response:
    """What a person gets who navigates to a feed: how to subscribe, and what is in it."""
    title, entries = form.glance(file.read_bytes())
    root, folder = root_of(request), folder_of(frame)
    stem = path.rpartition(".")[0]
    here = frame.absolute(f"/{quote(path)}")
    encoded = quote(here, safe="")
    speech = frame.speech(request)
    values = {
        "title": speech.say("feed.title", title=title),
        "heading": title,
        "format": form.label,
        "archive": path.startswith("feeds/archive/"),
        "url": here,
        "raw": f"{root}/{quote(path)}?raw",
        "formats": [
            {"label": each.label, "href": f"{root}/{quote(stem)}.{each.extension}", "here": each is form}
            for each in formats().values()
            if (folder / f"{stem}.{each.extension}").is_file()
        ],
        "feed_readers": [
            {"label": "Feedly", "href": f"https://feedly.com/i/subscription/feed/{encoded}"},
            {"label": "Inoreader", "href": f"https://www.inoreader.com/?add_feed={encoded}"},
            {"label": "NewsBlur", "href": f"https://www.newsblur.com/?url={encoded}"},
            {"label": speech.say("feed.this_device"), "href": f"feed:{here}"},
        ],
        "all_feeds": f"{root}/feeds",
        "entries": [
            {
                "title": entry.title,
                "href": entry.url,
                "published": entry.published,
                "summary": entry.summary,
                "authors": ", ".join(entry.authors),
            }
            for entry in entries
        ],
        "robots": "noindex",
    }
    return frame.page(request, "web/feed.html", values, headers={"vary": VARY}, speech=speech)


ROUTES = (Get("/feeds", listing, ANYBODY),)
