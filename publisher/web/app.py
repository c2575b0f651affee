"""The web room's front door: every part's routes, one look, one set of headers.

::

    BodyLimit, SecurityHeaders ─→ parts: home | pages | editions | desk | files | robots | feeds | subscribe …
                                     └→ problems: 404, 405, 413, 500 as pages

A part is a module with ``routes(site) -> list[BaseRoute]``, named in :data:`PARTS`. A publication whose
``base_url`` has a path is served under that path as well as at the top, so it works behind a proxy that
keeps the path and behind one that cuts it off.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

import feeds
from publisher.settings import Settings
from publisher.store import Store, topics
from publisher.web.desk import home, metrics, outbox, posts, sending
from publisher.web.feedback import webhooks
from publisher.web.feeds import public as feed_pages
from publisher.web.feeds import websub
from publisher.web.frame import problems
from publisher.web.frame.frame import NavLink, Site, remembered
from publisher.web.frame.paths import section_path
from publisher.web.frame.security import BodyLimit, SecurityHeaders
from publisher.web.site import editions, files, pages, robots
from publisher.web.subscribers import preferences, subscribe, tracking, unsubscribe

#: The parts whose routes make up the site, in the order they are tried.
PARTS = (
    feed_pages,
    websub,
    pages,
    editions,
    outbox,
    sending,
    posts,
    metrics,
    files,
    robots,
    subscribe,
    preferences,
    unsubscribe,
    webhooks,
    tracking,
)
#: Sections in the head of a page, the largest first.
MOST_SECTIONS = 8
#: Seconds after which every page asks anew which sections there are; with 20,000 articles that takes a while.
SECTIONS_KEPT = 2.0


def create_app(settings: Settings, store: Store) -> Starlette:
    """The ASGI application of one site; opens nothing and starts nothing by itself."""

    def sections() -> tuple[NavLink, ...]:
        with store.read() as tx:
            return tuple(NavLink(s.name, section_path(s.name)) for s in topics.listing(tx, "section")[:MOST_SECTIONS])

    whole, *selections = feeds.catalogue(settings.as_publication(), settings.feed, settings.feeds)
    announced = feeds.autodiscovery((whole, *selections))
    foot = (
        NavLink("Subscribe", "/subscribe"),
        NavLink("Articles", "/articles"),
        NavLink("Editions", "/editions"),
        NavLink("Feeds", "/feeds"),
    )
    return application(
        Site.of(settings, store, sections=remembered(sections, SECTIONS_KEPT), alternates=lambda: announced, foot=foot)
    )


def application(site: Site) -> Starlette:
    """The application of a :class:`Site` that was put together by hand (tests do)."""

    def front(request: Request) -> Response:
        # The operator may look at the readers' page too.
        if site.is_desk(request) and request.query_params.get("as") != "reader":
            return home.home(site, request)
        return pages.home(site, request)

    routes: list[BaseRoute] = [Route("/", front)]
    for part in PARTS:
        routes += part.routes(site)
    prefix = urlsplit(site.publication.base_url).path.rstrip("/")
    if prefix:
        routes.insert(0, Mount(prefix, routes=list(routes)))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(SecurityHeaders, policy=site.policy), Middleware(BodyLimit)],
        exception_handlers=problems.handlers(site),
    )
    # Starlette would redirect to an absolute address made of the Host header; problems.py has its own way.
    app.router.redirect_slashes = False
    return app
