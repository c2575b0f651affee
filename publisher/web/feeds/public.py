"""The public feeds over HTTP: files for feed readers, a page for people.

::

    GET /feed.rss     a feed reader → the file (publisher.web.feeds.files)
                      a browser that navigates (Sec-Fetch-Dest: document) → a page (publisher.web.feeds.pages)
                      ?raw          → the file, whoever asks
    GET /feeds.opml   every feed, for feed readers

Browsers show RSS as raw text or not at all, so a person who follows a link to a feed gets a page. Only
``Sec-Fetch-Dest`` tells them apart: there are feed readers whose Accept header prefers ``text/html``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import feeds
from feeds.formats import format_of
from feeds.opml import MEDIA_TYPE as OPML_TYPE
from publisher.errors import StoreError
from publisher.store import feed_readers
from publisher.web.feeds import files, pages
from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import Frame, root_of
from publisher.web.frame.routes import Get
from publisher.web.site.files import media_file

log = logging.getLogger(__name__)

#: After how many seconds a feed reader may ask again for a feed that is not built yet.
NOT_BUILT_YET_SECONDS = 30
#: An aggregator's count is written at most this often, unless it changed.
NOTE_EVERY_SECONDS = 6 * 3600.0


def feed(frame: Frame, request: Request) -> Response:
    """A live feed or an archive page."""
    path = request.scope["path"].removeprefix(root_of(request)).lstrip("/")
    form = format_of(path)
    file = _file(frame, path) if form is not None else None
    if form is None or file is None:
        raise HTTPException(404)
    if navigates(request):
        return pages.preview(frame, request, path, file, form)
    archive = path.startswith("feeds/archive/")
    _note_feed_reader(frame, request, path)
    response = files.response(
        request,
        file,
        form.media_type,
        form=None if archive else form,
        history=frame.site.settings.state / "feed-cache" / "states" / f"{path}.json",
        archive=archive,
        headers={"link": _links(frame, path, archive=archive)},
    )
    if response is None:
        raise HTTPException(404)
    return response if response.status_code != 200 or _allowed(frame, request, path) else _refused(frame)


def opml(frame: Frame, request: Request) -> Response:
    """Every feed, to import into a feed reader."""
    file = _file(frame, "feeds.opml")
    response = files.response(request, file, OPML_TYPE) if file else None
    if response is None:
        raise HTTPException(404)
    response.headers["content-disposition"] = 'attachment; filename="feeds.opml"'
    return response


def moved(new: str, frame: Frame, request: Request) -> Response:
    """301 for good (RFC 9110 §15.4.2): feed readers note the new address, and the ids are the old ones."""
    target = new if new.startswith("http") else frame.absolute(new)
    return RedirectResponse(target, 301, {"cache-control": "public, max-age=86400"})


def navigates(request: Request) -> bool:
    """Whether a person opened this address in a browser, and did not ask for the feed itself."""
    return request.headers.get("sec-fetch-dest") == "document" and "raw" not in request.query_params


def _file(frame: Frame, path: str) -> Path | None:
    folder = pages.folder_of(frame)
    if not folder.is_dir():
        raise HTTPException(503, headers={"retry-after": str(NOT_BUILT_YET_SECONDS)})
    return media_file(folder, path)


def _links(frame: Frame, path: str, *, archive: bool) -> str:
    """WebSub §4: the topic names its hubs and itself, in headers too."""
    rows = [f'<{frame.absolute(f"/{quote(path)}")}>; rel="self"']
    rows += [] if archive else [f'<{hub}>; rel="hub"' for hub in feeds.hubs_of(frame.site.settings)]
    return ", ".join(rows)


def _allowed(frame: Frame, request: Request, path: str) -> bool:
    agent = request.headers.get("user-agent", "")
    return frame.downloads.allows(path, frame.visitor(request), agent, frame.site.now())


def _refused(frame: Frame) -> Response:
    seconds = frame.downloads.seconds_left(frame.site.now())
    text = f"This feed was downloaded too often. Wait {seconds} s, and send If-None-Match: it costs nothing.\n"
    headers = {"retry-after": str(seconds), "cache-control": "no-store"}
    return Response(text, 429, headers, media_type="text/plain; charset=utf-8")


def _note_feed_reader(frame: Frame, request: Request, path: str) -> None:
    claim = feed_readers.claim_of(request.headers.get("user-agent", ""))
    now = frame.site.now()
    if claim is None or not frame.claims.is_due((path, claim.reader), claim.subscribers, now, NOTE_EVERY_SECONDS):
        return
    try:
        with frame.site.store.begin() as tx:
            feed_readers.saw(tx, path, claim, now=now)
    except StoreError as error:  # a count is never worth somebody's feed
        log.warning("a feed's subscriber count was not noted: %s", error)


ROUTES = (
    Get("/feed.{name}", feed, ANYBODY),
    Get("/feeds.opml", opml, ANYBODY),
    Get("/feeds/{path:path}", feed, ANYBODY),
)
