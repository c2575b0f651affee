"""The application of one site: every part's routes, one look, one set of headers.

::

    BodyLimit, SecurityHeaders ─→ route ─→ who may use it ─→ handler
                                     └→ problems: 404, 405, 413, 500 as pages

A part is a module with a table ``ROUTES`` (:mod:`publisher.web.frame.routes`), named in :data:`PARTS`. A publication
whose ``base_url`` has a path is served under that path as well as at the top, so it works behind a proxy that
keeps the path and behind one that cuts it off.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

import feeds
from publisher.mail.feedback.fetching import Fetcher
from publisher.pipeline.site import Site
from publisher.settings import Settings
from publisher.store import topics
from publisher.web.desk import editions as desk_editions
from publisher.web.desk import home, metrics, outbox, posts
from publisher.web.feedback import webhooks
from publisher.web.feeds import pages as feed_pages
from publisher.web.feeds import private, public, websub
from publisher.web.frame import problems
from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import Frame, NavLink, remembered
from publisher.web.frame.paths import section_path
from publisher.web.frame.routes import Entry, Get, bind
from publisher.web.frame.security import BodyLimit, FormToken, SecurityHeaders
from publisher.web.site import editions, files, pages, robots
from publisher.web.subscribers import preferences, subscribe, tracking, unsubscribe

#: The parts whose routes make up the site, in the order they are tried.
PARTS = (
    private,
    feed_pages,
    public,
    websub,
    pages,
    editions,
    outbox,
    desk_editions,
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
MAX_SECTIONS = 8
#: After this time every page asks anew which sections there are; with 20,000 articles that takes a while.
SECTIONS_SECONDS = 2.0
#: The labels are keys of words.
FOOT = (
    NavLink("page.subscribe", "/subscribe"),
    NavLink("page.articles", "/articles"),
    NavLink("page.editions", "/editions"),
    NavLink("page.feeds", "/feeds"),
)


def create_app(site: Site, *, token: FormToken | None = None) -> Starlette:
    """The ASGI application of an open site; opens nothing and starts nothing by itself.

    :param token: the secret of forms that were handed out before.
    """
    settings = site.settings

    def sections() -> tuple[NavLink, ...]:
        with site.store.read() as tx:
            return tuple(NavLink(s.name, section_path(s.name)) for s in topics.listing(tx, "section")[:MAX_SECTIONS])

    whole, *selections = feeds.catalogue(settings.as_publication(), settings.feed, settings.feeds)
    announced = feeds.autodiscovery((whole, *selections))
    return application(
        Frame.of(
            site,
            sections=remembered(sections, SECTIONS_SECONDS),
            alternates=lambda: announced,
            foot=FOOT,
            fetch=Fetcher().get,
            token=token,
        )
    )


def table(settings: Settings) -> tuple[Entry, ...]:
    """Every route of a site, in the order they are tried."""
    moved = [
        Get(old, partial(public.moved, new), ANYBODY) for old, new in settings.feed.moved.items() if "{" not in old
    ]
    return (Get("/", front, ANYBODY), *moved, *(entry for part in PARTS for entry in part.ROUTES))


def front(frame: Frame, request: Request) -> Response:
    """The desk for the operator, who may look at the public page too; that page for everybody else."""
    if frame.is_desk(request) and request.query_params.get("as") != "visitor":
        return home.home(frame, request)
    return pages.home(frame, request)


def application(frame: Frame) -> Starlette:
    """The application of a :class:`Frame` that was put together by hand (tests do)."""
    bound = bind(frame, table(frame.site.settings))
    routes: list[BaseRoute] = list(bound)
    prefix = urlsplit(frame.publication.base_url).path.rstrip("/")
    if prefix:
        routes.insert(0, Mount(prefix, routes=list(bound)))
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(SecurityHeaders, policy=frame.policy, visitors=frame.visitors),
            Middleware(BodyLimit, prefix=prefix),
        ],
        exception_handlers=problems.handlers(frame),
    )
    # Starlette would redirect to an absolute address made of the Host header; problems.py has its own way.
    app.router.redirect_slashes = False
    return app
