"""What programs ask a site for: ``robots.txt``, ``sitemap.xml`` (sitemaps.org 0.9) and ``/healthz``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from publisher.store import topics
from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import NEVER_KEPT, Frame, conditional
from publisher.web.frame.paths import keyed_path
from publisher.web.frame.routes import Get

#: sitemaps.org: at most this many addresses in one file.
MAX_ADDRESSES = 50_000


def sitemap(addresses: Iterable[tuple[str, datetime | None]]) -> str:
    """A sitemap of ``(absolute address, last change)``."""
    rows = []
    for address, changed in addresses:
        when = f"<lastmod>{changed.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}</lastmod>" if changed else ""
        rows.append(f"<url><loc>{escape(address)}</loc>{when}</url>\n")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "".join(rows[:MAX_ADDRESSES])
        + "</urlset>\n"
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def robots(frame: Frame, request: Request) -> Response:
    if frame.site.settings.web.indexed:
        # Personal pages are no secret to a crawler that has no link to them, but it has no business there.
        kept_out = "Disallow: /preferences\nDisallow: /unsubscribe\n"
        rules = f"User-agent: *\n{kept_out}\nSitemap: {frame.absolute('/sitemap.xml')}\n"
    else:
        rules = "User-agent: *\nDisallow: /\n"
    return conditional(request, PlainTextResponse(rules, headers={"cache-control": "public, max-age=3600"}))


def addresses(frame: Frame, request: Request) -> Response:
    with frame.site.store.read() as tx:
        found = topics.addresses(tx, MAX_ADDRESSES - 1)
    newest = max((row[4] for row in found), default=None)
    rows = [(frame.absolute("/"), _instant(newest))]
    # An article whose canonical address is elsewhere belongs into that site's map.
    rows += [
        (url, _instant(updated))
        for key, slug, title, url, updated in found
        if url == frame.absolute(keyed_path(key, slug, title))
    ]
    response = Response(sitemap(rows), media_type="application/xml")
    response.headers["cache-control"] = "public, max-age=600"
    return conditional(request, response)


def health(frame: Frame, request: Request) -> Response:
    """200 when the database can be read, 503 when not; says nothing else."""
    if not frame.site.store.reachable():
        return PlainTextResponse("database unreachable\n", 503, {"cache-control": NEVER_KEPT})
    return PlainTextResponse("ok\n", headers={"cache-control": NEVER_KEPT})


ROUTES = (
    Get("/robots.txt", robots, ANYBODY),
    Get("/sitemap.xml", addresses, ANYBODY),
    Get("/healthz", health, ANYBODY),
)
