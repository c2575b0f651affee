"""A private feed: what one subscriber follows, at an address that only they know and that can be taken back.

It is made on request from entries that are kept already; nothing of it stands in a file or in a list. Its
answers are for nobody's cache but the reader's own, and say so. A wrong token and a revoked one are the same 404.
A subscriber opens and closes private feeds behind their preferences link.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from feeds.building import Builder
from feeds.cache import FileEntryCache
from feeds.catalogues import FeedInfo
from feeds.entries import EPOCH
from feeds.formats import formats
from feeds.known import newest_first
from publisher.digests.planning import follows
from publisher.lib.tokens import Purpose
from publisher.model import Subscription
from publisher.store import articles, private_feeds, subscribers
from publisher.subscribers import personal_links
from publisher.web.feeds.files import http_date, named_etags, not_modified_since
from publisher.web.frame.forms import form_route
from publisher.web.frame.frame import Site
from publisher.web.subscribers.answers import say, void_link

#: Articles looked through for one private feed, newest first.
MOST_ARTICLES = 500
HEADERS = {
    "cache-control": "private, max-age=300",
    "vary": "Accept-Encoding",
    "x-robots-tag": "noindex, nofollow",
    "referrer-policy": "no-referrer",
}


def routes(site: Site) -> list[BaseRoute]:
    """``/preferences/{token}/feed``: where a subscriber opens and closes private feeds."""
    return [
        Route("/preferences/{token}/feed", partial(_page, site), methods=["GET", "HEAD"]),
        form_route("/preferences/{token}/feed", partial(_decide, site)),
    ]


def _page(site: Site, request: Request) -> Response:
    owner = _owner(site, request)
    if owner is None:
        return void_link(site, request)
    with site.store.read() as tx:
        feeds = [each for each in private_feeds.listing(tx, owner) if each.revoked is None]
    lines = [
        "A private feed brings to your feed reader what you follow here. Its address is a secret between you and "
        "your reader: whoever knows it can read along, so do not pass it on.",
    ]
    buttons: list[dict[str, object]] = [{"value": "issue", "label": "Make a private feed"}]
    if feeds:
        count = "One is open." if len(feeds) == 1 else f"{len(feeds)} are open."
        lines.append(f"{count} Closing ends it at once; its address will never work again.")
        buttons.append({"value": "revoke", "label": "Close them all" if len(feeds) > 1 else "Close it", "danger": True})
    return _say(site, request, "Your private feed", lines, buttons)


def _decide(site: Site, request: Request, form: FormData) -> Response:
    owner = _owner(site, request)
    if owner is None:
        return void_link(site, request)
    now = site.now().timestamp()
    if form.get("choice") == "issue":
        with site.store.begin() as tx:
            token = private_feeds.issue(tx, owner, now=now)
        urls = [site.absolute(f"/feeds/private/{token}.{form.extension}") for form in formats().values()]
        lines = ["Give one of these to your feed reader now: they are shown only once.", *urls]
        return _say(site, request, "Your private feed is open", lines, [])
    if form.get("choice") == "revoke":
        with site.store.begin() as tx:
            private_feeds.revoke(tx, owner, now=now)
        return _say(site, request, "Your private feeds are closed", ["Their addresses do not work any more."], [])
    return _page(site, request)


def _say(site: Site, request: Request, heading: str, lines: list[str], buttons: list[dict[str, object]]) -> Response:
    token = request.path_params["token"]
    back = {"href": f"/preferences/{token}", "label": "Back to what you receive"}
    action = f"/preferences/{token}/feed" if buttons else ""
    return say(site, request, heading, lines, action=action, buttons=buttons, link=back)


def _owner(site: Site, request: Request) -> int | None:
    return personal_links.subscriber_behind(site.store, Purpose.PREFERENCES, request.path_params["token"])


def handler(site: Site) -> Callable[[Request], Response]:
    """Answers ``/feeds/private/{token}.{name}``."""
    return partial(_answer, site)


def _answer(site: Site, request: Request) -> Response:
    token, form = request.path_params["token"], formats().get(request.path_params["name"])
    if form is None or not token.isascii() or len(token) > 200:
        raise HTTPException(404)
    with site.store.read() as tx:
        owner = private_feeds.subscriber_of(tx, token)
        if owner is None:
            raise HTTPException(404)
        followed = _followed(tx, owner)
        found = [one for one in articles.newest(tx, MOST_ARTICLES) if any(follows(one, each) for each in followed)]
    path = f"feeds/private/{token}"
    feed = FeedInfo(
        kind="private",
        name=hashlib.sha256(token.encode()).hexdigest(),  # the feed's id tells nobody the token
        title=f"{site.publication.title}: private feed",
        path=path,
        home_url=site.absolute("/"),
        urls={form.name: site.absolute(f"/{path}.{form.extension}")},
        size=site.settings.feed.size,
        full=site.settings.feed.content == "full",
    )
    cache = FileEntryCache(site.settings.state / "feed-cache" / "entries.db")
    builder = Builder(site.publication, (), feed=site.settings.feed, cache=cache)
    newest = newest_first(found)[: feed.size]
    [(document, body)] = builder.render(builder.feed_documents(feed, newest))
    updated = int(max(document.updated, EPOCH).timestamp())
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag, "last-modified": http_date(updated)}
    known = named_etags(request.headers.get("if-none-match", ""))
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    if "if-none-match" not in request.headers and not_modified_since(
        request.headers.get("if-modified-since", ""), updated
    ):
        return Response(status_code=304, headers=headers)
    return Response(body, headers={**headers, "content-type": form.media_type})


def _followed(tx: Connection, subscriber_id: int) -> list[Subscription]:
    """The topics of each active subscription; in a private feed, when to be mailed does not matter."""
    return [
        Subscription(
            subscriber_id=subscriber_id,
            digest=row.digest,
            sections=tuple(json.loads(row.sections)),
            tags=tuple(json.loads(row.tags)),
            authors=tuple(json.loads(row.authors)),
        )
        for row in subscribers.subscriptions(tx, subscriber_id)
        if row.active
    ]
