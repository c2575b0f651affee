"""The public pages of articles: home, one article, and lists by section, tag and author.

::

    /                          newest first, the newest as the lead
    /articles                  all of them, page by page
    /articles/{key}/{slug}     one; found by key, a wrong or missing slug leads to the right one (301)
    /sections|tags|authors/{slug}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import feeds
from publisher.lib.text import slugify
from publisher.model import Article
from publisher.rendering.languages import Speech
from publisher.store import articles as shelf
from publisher.store import topics
from publisher.store.topics import Kind, Topic
from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import Frame, root_of
from publisher.web.frame.paths import article_path, author_path, section_path, tag_path
from publisher.web.frame.routes import Get
from publisher.web.site.views import Place, article_view, card, social

#: Articles on the home page: a lead and full rows of two, three or four.
ON_HOME = 13
#: Articles offered under one.
BESIDE = 3
#: Newest articles that those are chosen from.
MAX_CANDIDATES = 60


def place_of(frame: Frame, request: Request, speech: Speech) -> Place:
    """Where the page of this request is being shown, and in which language."""
    return Place(root_of(request), frame.origins(request), frame.publication, speech)


def page_number(request: Request) -> int:
    """``?page=``, 1 when absent.

    :raises HTTPException: 404 for anything that is not a page's number.
    """
    given = request.query_params.get("page", "1")
    if not given.isascii() or not given.isdigit() or len(given) > 6 or int(given) < 1:
        raise HTTPException(404)
    return int(given)


def pager(path: str, number: int, count: int) -> dict[str, object]:
    """Links of a list that has ``count`` pages; page 1 is the path itself."""

    def href(page: int) -> str | None:
        if not 1 <= page <= count:
            return None
        return path if page == 1 else f"{path}?page={page}"

    return {"number": number, "count": count, "newer": href(number - 1), "older": href(number + 1)}


def related(article: Article, candidates: Sequence[Article], limit: int = BESIDE) -> list[Article]:
    """The articles nearest to ``article``: shared tags weigh most, then section and authors, then the newest."""
    tags, authors = set(article.tags), {author.name for author in article.authors}

    def nearness(other: Article) -> int:
        return (
            3 * len(tags & set(other.tags))
            + 2 * bool(article.section and other.section == article.section)
            + len(authors & {author.name for author in other.authors})
        )

    others = [other for other in candidates if other.id != article.id]
    others.sort(key=lambda other: (nearness(other), other.published), reverse=True)
    return others[:limit]


def website(frame: Frame, title: str, path: str) -> dict[str, object]:
    """The social preview of a page that is no article."""
    publication = frame.publication
    return {
        "type": "website",
        "title": title,
        "description": publication.description,
        "url": frame.absolute(path),
        "image": publication.logo_url,
        "image_alt": "",
        "image_width": 0,
        "image_height": 0,
        "large": False,
        "data": None,
    }


def home(frame: Frame, request: Request) -> Response:
    """The front page as everybody sees it."""
    with frame.site.store.read() as tx:
        newest = shelf.newest(tx, ON_HOME)
        total = topics.total(tx)
    speech = frame.speech(request)
    place = place_of(frame, request, speech)
    cards = [card(article, place) for article in newest]
    values = {
        "lead": cards[0] if cards else None,
        "cards": cards[1:],
        "total": total,
        "all_href": root_of(request) + "/articles" if total > len(cards) else None,
        "canonical": frame.absolute("/"),
        "social": website(frame, frame.publication.title, "/"),
    }
    return frame.page(request, "web/home.html", values, speech=speech)


def feeds_of(frame: Frame, topic: Topic) -> tuple[feeds.AlternateLink, ...]:
    """The feeds of one section, tag or author, in every format that is built."""
    return feeds.autodiscovery(
        feed
        for feed in feeds.load_catalogue(frame.site.settings.state)
        if feed.kind == topic.kind and slugify(feed.name) == topic.slug
    )


def article(frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        found = shelf.by_key(tx, request.path_params["key"])
        near = shelf.newest(tx, MAX_CANDIDATES) if found else []
    if found is None:
        raise HTTPException(404)
    path = article_path(found)
    if request.scope["path"].removeprefix(root_of(request)) != unquote(path):
        return RedirectResponse(root_of(request) + path, 301)
    targets = frame.site.settings.publication.share_targets
    speech = frame.speech(request)
    view = article_view(found, place_of(frame, request, speech), targets=targets, more=related(found, near))
    values = {
        "title": found.title,
        "description": found.summary,
        "canonical": found.url,
        "social": social(found, frame.publication),
        "article": view,
    }
    return frame.page(request, "web/article.html", values, speech=speech)


def _listing(frame: Frame, request: Request, topic: Topic | None, path: str) -> Response:
    size, number = frame.site.settings.web.page_size, page_number(request)
    with frame.site.store.read() as tx:
        total = topic.articles if topic else topics.total(tx)
        found = topics.articles(tx, topic, limit=size, offset=(number - 1) * size)
    pages = max(1, math.ceil(total / size))
    if number > pages:
        raise HTTPException(404)
    speech = frame.speech(request)
    place = place_of(frame, request, speech)
    heading = topic.name if topic else speech.say("list.all")
    values = {
        "title": heading if number == 1 else speech.say("page.titled_page", title=heading, page=number),
        "heading": heading,
        "named": topic is not None,
        "kind": speech.say(f"list.{topic.kind}") if topic else "",
        "total": total,
        "cards": [card(article, place) for article in found],
        "pager": pager(place.root + path, number, pages),
        "canonical": frame.absolute(path) + (f"?page={number}" if number > 1 else ""),
        "social": website(frame, f"{heading} · {frame.publication.title}", path),
    }
    found_feeds = feeds_of(frame, topic) if topic else ()
    return frame.page(request, "web/list.html", values, alternates=found_feeds, speech=speech)


def articles(frame: Frame, request: Request) -> Response:
    return _listing(frame, request, None, "/articles")


def _by(kind: Kind, path_of: Callable[[str], str], frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        topic = topics.find(tx, kind, request.path_params["slug"])
    if topic is None:
        raise HTTPException(404)
    return _listing(frame, request, topic, path_of(topic.name))


ROUTES = (
    Get("/articles", articles, ANYBODY),
    Get("/articles/{key}", article, ANYBODY),
    Get("/articles/{key}/{slug}", article, ANYBODY),
    Get("/sections/{slug}", partial(_by, "section", section_path), ANYBODY),
    Get("/tags/{slug}", partial(_by, "tag", tag_path), ANYBODY),
    Get("/authors/{slug}", partial(_by, "author", author_path), ANYBODY),
)
