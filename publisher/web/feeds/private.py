"""A private feed: what one subscriber follows, at an address that only they know and that can be taken back.

It is made on request from entries that are kept already; nothing of it stands in a file or in a list. Its
responses are for no cache but the feed reader's own, and say so. A wrong token and a revoked one are the same 404.
A subscriber opens and closes private feeds behind their preferences link.
"""

from __future__ import annotations

import hashlib
import json

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from feeds.building import Builder
from feeds.cache import FileEntryCache
from feeds.catalogues import FeedInfo
from feeds.entries import EPOCH
from feeds.formats import format_of, formats
from feeds.known import newest_first
from publisher.digests.planning import follows
from publisher.lib.tokens import Purpose
from publisher.model import Subscription
from publisher.rendering.languages import Speech
from publisher.store import Tx, articles, private_feeds, subscribers
from publisher.subscribers import personal_links, standing
from publisher.web.feeds.files import http_date
from publisher.web.frame.access import Access, by_token
from publisher.web.frame.conditions import known_tag
from publisher.web.frame.frame import Frame
from publisher.web.frame.problems import void_link
from publisher.web.frame.routes import Get, PostForm
from publisher.web.subscribers.questions import say

#: Articles looked through for one private feed, newest first.
MAX_ARTICLES = 500
#: Characters of a token that is looked up.
MAX_TOKEN = 200
HEADERS = {
    "cache-control": "private, max-age=300",
    "vary": "Accept-Encoding",
    "x-robots-tag": "noindex, nofollow",
    "referrer-policy": "no-referrer",
}


def feeds_page(frame: Frame, request: Request) -> Response:
    owner = _owner(frame, request)
    if owner is None:
        return void_link(frame, request)
    with frame.site.store.read() as tx:
        feeds = [each for each in private_feeds.listing(tx, owner) if each.revoked is None]
    speech = _speech_of(frame, request, owner)
    lines = [speech.say("private_feed.lead")]
    buttons: list[dict[str, object]] = [{"value": "issue", "label": speech.say("private_feed.make")}]
    if feeds:
        lines.append(speech.say("private_feed.open", len(feeds)))
        buttons.append({"value": "revoke", "label": speech.say("private_feed.close", len(feeds)), "danger": True})
    return _say(frame, request, speech, "title", lines, buttons)


def decide(frame: Frame, request: Request, form: FormData) -> Response:
    owner = _owner(frame, request)
    if owner is None:
        return void_link(frame, request)
    now, speech = frame.site.now(), _speech_of(frame, request, owner)
    if form.get("choice") == "issue":
        with frame.site.store.begin() as tx:
            token = private_feeds.issue(tx, owner, now=now)
        urls = [frame.absolute(f"/feeds/private/{token}.{form.extension}") for form in formats().values()]
        return _say(frame, request, speech, "opened", [speech.say("private_feed.opened_more"), *urls], [])
    if form.get("choice") == "revoke":
        with frame.site.store.begin() as tx:
            private_feeds.revoke(tx, owner, now=now)
        return _say(frame, request, speech, "closed", [speech.say("private_feed.closed_more")], [])
    return feeds_page(frame, request)


def _say(
    frame: Frame, request: Request, speech: Speech, heading: str, lines: list[str], buttons: list[dict[str, object]]
) -> Response:
    token = request.path_params["token"]
    back = {"href": f"/preferences/{token}", "label": speech.say("preferences.back")}
    action = f"/preferences/{token}/feed" if buttons else ""
    title = speech.say(f"private_feed.{heading}")
    return say(frame, request, speech, title, lines, action=action, buttons=buttons, link=back)


def _speech_of(frame: Frame, request: Request, owner: int) -> Speech:
    found = standing.find(frame.site.store, owner, now=frame.site.now())
    return frame.speech(request, found.wishes.language if found else "")


def _owner(frame: Frame, request: Request) -> int | None:
    return personal_links.subscriber_behind(frame.site.store, Purpose.PREFERENCES, request.path_params["token"])


def private_feed(frame: Frame, request: Request) -> Response:
    """The articles that the owner of this address follows."""
    token, form = request.path_params["token"], format_of(f"feed.{request.path_params['name']}")
    owner = _owner_of_feed(frame, token)
    if form is None or owner is None:
        raise HTTPException(404)
    with frame.site.store.read() as tx:
        followed = _followed(tx, owner)
        found = [one for one in articles.newest(tx, MAX_ARTICLES) if any(follows(one, each) for each in followed)]
    path = f"feeds/private/{token}"
    feed = FeedInfo(
        kind="private",
        name=hashlib.sha256(token.encode()).hexdigest(),  # the feed's id tells nobody the token
        title=f"{frame.publication.title}: private feed",
        path=path,
        home_url=frame.absolute("/"),
        urls={form.name: frame.absolute(f"/{path}.{form.extension}")},
        size=frame.site.settings.feed.size,
        full=frame.site.settings.feed.content == "full",
    )
    cache = FileEntryCache(frame.site.settings.state / "feed-cache" / "entries.db")
    builder = Builder(frame.publication, (), feed=frame.site.settings.feed, cache=cache)
    newest = newest_first(found)[: feed.size]
    [(document, body)] = builder.render(builder.feed_documents(feed, newest))
    updated = int(max(document.updated, EPOCH).timestamp())
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag, "last-modified": http_date(updated)}
    if known_tag(request.headers, [tag], updated):
        return Response(status_code=304, headers=headers)
    return Response(body, headers={**headers, "content-type": form.media_type})


def _followed(tx: Tx, subscriber_id: int) -> list[Subscription]:
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


def _owner_of_feed(frame: Frame, token: str) -> int | None:
    if not token.isascii() or len(token) > MAX_TOKEN:
        return None
    with frame.site.store.read() as tx:
        return private_feeds.subscriber_of(tx, token)


def _not_open(frame: Frame, request: Request, form: FormData | None) -> Response | None:
    if _owner_of_feed(frame, request.path_params["token"]) is None:
        raise HTTPException(404)
    return None


HOLDER = by_token(Purpose.PREFERENCES, 1)
ROUTES = (
    Get("/preferences/{token}/feed", feeds_page, HOLDER),
    PostForm("/preferences/{token}/feed", decide, HOLDER),
    Get("/feeds/private/{token}.{name}", private_feed, Access("token", _not_open)),
)
