"""The public feeds over HTTP: files for readers, a page for people, private feeds, feeds that moved.

::

    GET /feed.rss     a reader     → the file (publisher.web.feeds.files)
                      a browser that navigates (Sec-Fetch-Dest: document) → a page: how to subscribe, what is in it
                      ?raw         → the file, whoever asks
    GET /feeds        every feed, for people
    GET /feeds.opml   the same, for readers
    GET /feeds/private/TOKEN.rss   one subscriber's topics

Browsers show RSS as raw text or not at all, so a person who follows a link to a feed gets a page. Only
``Sec-Fetch-Dest`` tells them apart: there are readers whose Accept header prefers ``text/html``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

import feeds
from feeds.formats import Format, formats
from feeds.opml import MEDIA_TYPE as OPML_TYPE
from publisher.errors import StoreError
from publisher.store import feed_readers
from publisher.web.feeds import files, private
from publisher.web.frame.frame import Site, root_of
from publisher.web.frame.limits import Downloads
from publisher.web.site.files import media_file

log = logging.getLogger(__name__)

LABELS = {"rss": "RSS", "atom": "Atom", "json": "JSON Feed"}
#: Seconds after which a reader may ask again for a feed that is not built yet.
NOT_BUILT_YET = 30
#: An aggregator's count is written at most this often (seconds), unless it changed.
NOTE_EVERY = 6 * 3600.0


def routes(site: Site) -> list[BaseRoute]:
    part = _Feeds(site)
    found: list[BaseRoute] = [
        Route(old, _moved(site, new)) for old, new in site.settings.feed.moved.items() if "{" not in old
    ]
    found += [Route(f"/feed.{name}", part.feed) for name in formats()]
    return [
        *found,
        *private.routes(site),
        Route("/feeds", part.listing),
        Route("/feeds.opml", part.opml),
        Route("/feeds/private/{token}.{name}", private.handler(site)),
        Route("/feeds/{path:path}", part.feed),
    ]


def _moved(site: Site, new: str) -> Any:
    """301 for good (RFC 9110 §15.4.2): readers note the new address, and the ids are the old ones."""

    def redirect(request: Request) -> Response:
        target = new if new.startswith("http") else site.absolute(new)
        return RedirectResponse(target, 301, {"cache-control": "public, max-age=86400"})

    return redirect


class _Feeds:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = site.settings.state / "feeds"
        self.history = site.settings.state / "feed-cache" / "states"
        self.hubs = feeds.hubs_of(site.settings)
        self.downloads = Downloads(site.settings.feed.downloads_per_minute)
        self.noted: dict[tuple[str, str], tuple[int, float]] = {}

    def feed(self, request: Request) -> Response:
        """A live feed or an archive page."""
        path = request.scope["path"].removeprefix(root_of(request)).lstrip("/")
        form = formats().get(path.rpartition(".")[2])
        file = self._file(path) if form is not None else None
        if form is None or file is None:
            raise HTTPException(404)
        if navigates(request):
            return self.preview(request, path, file, form)
        archive = path.startswith("feeds/archive/")
        self._note_reader(request, path)
        answer = files.answer(
            request,
            file,
            form.media_type,
            form=None if archive else form,
            history=self.history / f"{path}.json",
            archive=archive,
            headers={"link": self._links(path, archive=archive)},
        )
        if answer is None:
            raise HTTPException(404)
        return self._refused(request, path) if answer.status_code == 200 and self._too_often(request, path) else answer

    def opml(self, request: Request) -> Response:
        """Every feed, to import into a reader."""
        file = self._file("feeds.opml")
        answer = files.answer(request, file, OPML_TYPE) if file else None
        if answer is None:
            raise HTTPException(404)
        answer.headers["content-disposition"] = 'attachment; filename="feeds.opml"'
        return answer

    def listing(self, request: Request) -> Response:
        """Every feed, for people."""
        root = root_of(request)
        groups: dict[str, list[dict[str, Any]]] = {}
        for each in feeds.load_catalogue(self.site.settings.state):
            groups.setdefault(each.kind, []).append(
                {
                    "title": each.name if each.kind in ("section", "tag", "author") else each.title,
                    "articles": each.articles,
                    "updated": each.updated,
                    "links": [
                        {"label": LABELS.get(name, name), "href": f"{root}/{quote(each.path)}.{name}"}
                        for name in each.urls
                    ],
                }
            )
        values = {"title": "Feeds", "groups": groups, "opml": f"{root}/feeds.opml"}
        return self.site.page(request, "web/feeds.html", values)

    def preview(self, request: Request, path: str, file: Path, form: Format) -> Response:
        """What a person gets who navigates to a feed."""
        title, entries = form.glance(file.read_bytes())
        root = root_of(request)
        stem = path.rpartition(".")[0]
        here = self.site.absolute(f"/{quote(path)}")
        others = [name for name in formats() if (self.folder / f"{stem}.{name}").is_file()]
        encoded = quote(here, safe="")
        values = {
            "title": f"Feed: {title}",
            "heading": title,
            "format": LABELS.get(form.name, form.name),
            "archive": path.startswith("feeds/archive/"),
            "url": here,
            "raw": f"{root}/{quote(path)}?raw",
            "formats": [
                {"label": LABELS.get(name, name), "href": f"{root}/{quote(stem)}.{name}", "here": name == form.name}
                for name in others
            ],
            "readers": [
                {"label": "Feedly", "href": f"https://feedly.com/i/subscription/feed/{encoded}"},
                {"label": "Inoreader", "href": f"https://www.inoreader.com/?add_feed={encoded}"},
                {"label": "NewsBlur", "href": f"https://www.newsblur.com/?url={encoded}"},
                {"label": "A reader on this device", "href": f"feed:{here}"},
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
        return self.site.page(request, "web/feed.html", values, headers={"vary": files.VARY})

    def _file(self, path: str) -> Path | None:
        if not self.folder.is_dir():
            raise HTTPException(503, headers={"retry-after": str(NOT_BUILT_YET)})
        return media_file(self.folder, path)

    def _links(self, path: str, *, archive: bool) -> str:
        """WebSub §4: the topic names its hubs and itself, in headers too."""
        rows = [f'<{self.site.absolute(f"/{quote(path)}")}>; rel="self"']
        rows += [] if archive else [f'<{hub}>; rel="hub"' for hub in self.hubs]
        return ", ".join(rows)

    def _too_often(self, request: Request, path: str) -> bool:
        client = request.client.host if request.client else ""
        return not self.downloads.allows(path, client, request.headers.get("user-agent", ""), self.site.now())

    def _refused(self, request: Request, path: str) -> Response:
        seconds = self.downloads.seconds_left(self.site.now())
        text = f"This feed was downloaded too often. Wait {seconds} s, and send If-None-Match: it costs nothing.\n"
        headers = {"retry-after": str(seconds), "cache-control": "no-store"}
        return Response(text, 429, headers, media_type="text/plain; charset=utf-8")

    def _note_reader(self, request: Request, path: str) -> None:
        claim = feed_readers.claim_of(request.headers.get("user-agent", ""))
        if claim is None:
            return
        now = self.site.now().timestamp()
        before = self.noted.get((path, claim.reader))
        if before is not None and before[0] == claim.subscribers and now - before[1] < NOTE_EVERY:
            return
        if len(self.noted) > 10_000:
            self.noted.clear()
        self.noted[path, claim.reader] = (claim.subscribers, now)
        try:
            with self.site.store.begin() as tx:
                feed_readers.saw(tx, path, claim, now=now)
        except StoreError as error:  # a count is never worth a reader's feed
            log.warning("a feed's subscriber count was not noted: %s", error)


def navigates(request: Request) -> bool:
    """Whether a person opened this address in a browser, and did not ask for the feed itself."""
    return request.headers.get("sec-fetch-dest") == "document" and "raw" not in request.query_params
