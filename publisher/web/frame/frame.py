"""What every part of the web room is given: the open site, and one way to make a page.

::

    ROUTES ─→ handler(frame, request) ─→ frame.page(request, "web/article.html", view) ─→ HTML + ETag, or 304

A handler is a plain function (Starlette runs it on a thread), reads in one short transaction, decides what to
show as plain values (:mod:`publisher.web.site.views`) and hands them to a template. Links inside pages are paths
under the ASGI ``root_path``; addresses that leave the page (canonical, feeds, share links) are made from the
publication's ``base_url``, never from the request's ``Host``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from feeds import AlternateLink
from publisher.errors import SettingsError
from publisher.lib.direction import direction
from publisher.lib.languages import negotiated
from publisher.model import Publication
from publisher.pipeline.site import Site
from publisher.rendering.languages import Speech, speech_for
from publisher.rendering.pages import Pages
from publisher.rendering.words import ENGLISH, known_tags
from publisher.settings import Settings
from publisher.settings.reach import serves_desk
from publisher.web.frame.assets import Assets
from publisher.web.frame.body import Origins
from publisher.web.frame.conditions import known_tag
from publisher.web.frame.limits import Downloads, Lately
from publisher.web.frame.security import FormToken, content_security_policy, is_local
from publisher.web.frame.visitors import Visitor, Visitors

T = TypeVar("T")

#: A page may be kept but is asked for again each time; with its ETag that costs a 304.
REVALIDATE = "no-cache"
#: A page for one person or one moment.
NEVER_KEPT = "no-store"
#: Files whose name holds their hash.
FOR_EVER = "public, max-age=31536000, immutable"
#: Characters of the token that opens /metrics, at least.
MIN_TOKEN = 16


@dataclass(frozen=True, slots=True)
class NavLink:
    """A link of the page frame; ``href`` is a path under our root."""

    label: str
    href: str


def _no_network(url: str) -> bytes:
    raise OSError(f"{url} was not fetched: this frame was given no network")


@dataclass(frozen=True, slots=True)
class Frame:
    """What every handler is given: the open site, and what all pages have in common.

    ``sections`` and ``alternates`` are asked for at each page (see :func:`publisher.web.app.create_app`).
    """

    site: Site
    publication: Publication
    pages: Pages
    assets: Assets
    downloads: Downloads
    #: Subscriber counts of aggregators that were written lately, by feed and aggregator.
    claims: Lately[tuple[str, str], int] = field(default_factory=Lately)
    token: FormToken = field(default_factory=FormToken)
    visitors: Visitors = field(default_factory=Visitors)
    #: Opens /metrics from anywhere; empty: nothing does.
    metrics_token: str = field(default="", repr=False)
    sections: Callable[[], tuple[NavLink, ...]] = lambda: ()
    alternates: Callable[[], tuple[AlternateLink, ...]] = lambda: ()
    #: Links at the foot of every page: subscribe, feeds, editions. Their labels are keys of words.
    foot: tuple[NavLink, ...] = ()
    #: Fetches what a mail provider signs with.
    fetch: Callable[[str], bytes] = _no_network

    @classmethod
    def of(
        cls,
        site: Site,
        *,
        sections: Callable[[], tuple[NavLink, ...]] = lambda: (),
        alternates: Callable[[], tuple[AlternateLink, ...]] = lambda: (),
        foot: tuple[NavLink, ...] = (),
        fetch: Callable[[str], bytes] = _no_network,
        token: FormToken | None = None,
    ) -> Frame:
        """The frame of ``site``; templates and style are read once.

        :param token: the secret of forms that were handed out before; by default a new one.
        :raises SettingsError: the token of ``/metrics`` cannot be read, or is short enough to be guessed.
        """
        settings, publication = site.settings, site.settings.as_publication()
        return cls(
            site=site,
            publication=publication,
            pages=Pages(publication, settings.directory),
            assets=Assets.build(settings.directory, publication.title, settings.design),
            downloads=Downloads(settings.feed.downloads_per_minute),
            visitors=Visitors(settings.web.trusted_proxies),
            metrics_token=_metrics_token(settings),
            sections=sections,
            alternates=alternates,
            foot=foot,
            fetch=fetch,
            token=token or FormToken(),
        )

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of an ordinary page."""
        return content_security_policy(self.site.settings.web.image_hosts)

    def absolute(self, path: str) -> str:
        """The public address of a path of ours."""
        return self.publication.base_url + path

    def is_desk(self, request: Request) -> bool:
        """Whether the request may see the operator's desk; see :mod:`publisher.settings.reach`."""
        return serves_desk(self.site.settings) and is_local(request.scope, self.visitors)

    def visitor(self, request: Request) -> Visitor:
        """Who sent the request."""
        return self.visitors.of(request.scope)

    def origins(self, request: Request) -> Origins:
        """Which pictures a page may load; for :func:`publisher.web.frame.body.page_body`."""
        return Origins(self.publication.base_url, root_of(request), self.site.settings.web.image_hosts)

    def speech(self, request: Request, language: str = "") -> Speech:
        """The words of a page.

        :param language: the subscriber's, where one is known; else what the browser asks for decides, among the
            languages there are, and then the publication's.
        """
        directory = self.site.settings.directory
        wanted = language or negotiated(request.headers.get("accept-language", ""), known_tags(directory), "")
        return speech_for(wanted, self.publication.language, directory)

    def english(self) -> Speech:
        """The words of the desk."""
        return speech_for(ENGLISH, self.publication.language, self.site.settings.directory)

    def frame(self, request: Request, speech: Speech) -> dict[str, object]:
        """What ``_base.html`` needs on every page, as ``frame``."""
        publication, root = self.publication, root_of(request)
        foreign = not speech.speaks(publication.language)
        return {
            "title": publication.title,
            "description": publication.description,
            "foreign": {"language": publication.language, "direction": direction(publication.language)}
            if foreign
            else None,
            "rights": publication.copyright,
            "logo": Origins(publication.base_url, root, self.site.settings.web.image_hosts).local(publication.logo_url)
            if publication.logo_url
            else None,
            "root": root,
            "style": root + self.assets.style.path,
            "icon": root + self.assets.icon.path,
            "sections": [{"label": link.label, "href": root + link.href} for link in self.sections()],
            "foot": [{"label": speech.say(link.label), "href": root + link.href} for link in self.foot],
            "indexed": self.site.settings.web.indexed,
            "path": request.scope["path"].removeprefix(root),
        }

    def page(
        self,
        request: Request,
        template: str,
        values: Mapping[str, object] | None = None,
        *,
        status: int = 200,
        cache: str = REVALIDATE,
        headers: Mapping[str, str] | None = None,
        alternates: Iterable[AlternateLink] = (),
        frames: bool = False,
        speech: Speech | None = None,
    ) -> Response:
        """Return ``templates/<template>``, which extends ``web/_base.html``.

        Values that the frame knows: ``title`` (of the page; empty on the home page), ``description``,
        ``canonical`` (absolute), ``social`` (see ``_base.html``), ``robots``.

        :param alternates: feeds of this very page, announced before the publication's.
        :param frames: the page shows documents of ours in frames.
        :param speech: as :meth:`speech` gives it, for a subscriber or because ``values`` depend on it. Left out, the
            desk speaks English and a public page what the browser asks for. Caches are told that it depends on that.
        :raises RenderError: the template failed.
        """
        spoken = speech or (self.english() if template.startswith("desk/") else self.speech(request))
        frame = self.frame(request, spoken) | {
            "alternates": [
                {"title": a.title, "type": a.media_type, "href": a.href} for a in (*alternates, *self.alternates())
            ]
        }
        html = self.pages.render(template, {"frame": frame, **(values or {})}, spoken)
        response = Response(html, status, dict(headers or {}), media_type="text/html; charset=utf-8")
        response.headers.setdefault("cache-control", cache)
        if cache != NEVER_KEPT:
            response.headers.add_vary_header("Accept-Language")
        if frames:
            policy = content_security_policy(self.site.settings.web.image_hosts, frames=True)
            response.headers["content-security-policy"] = policy
        return conditional(request, response) if status == 200 and cache != NEVER_KEPT else response


def _metrics_token(settings: Settings) -> str:
    if settings.web.metrics_token is None:
        return ""
    token = settings.web.metrics_token.reveal(settings.directory)
    if len(token) < MIN_TOKEN:
        raise SettingsError(f"web.metrics_token: expected at least {MIN_TOKEN} characters")
    return token


def remembered(ask: Callable[[], T], seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], T]:
    """``ask``, called again only when its result is older than ``seconds``: for what every page shows."""
    kept: list[tuple[float, T]] = []

    def recent() -> T:
        now = clock()
        if not kept or now - kept[-1][0] > seconds:
            kept[:] = [(now, ask())]  # two threads may both ask; either result is good
        return kept[-1][1]

    return recent


def root_of(request: Request) -> str:
    """The path prefix that the site is served under; empty at the top of a host."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def conditional(request: Request, response: Response) -> Response:
    """Give a complete response its strong ETag, or make it a 304 where the visitor has it already (RFC 9110 §13)."""
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    response.headers["etag"] = tag
    if request.method in ("GET", "HEAD") and known_tag(request.headers, [tag]):
        # The policy too: a 304's headers replace those of the copy that the browser keeps.
        kept = {k: v for k, v in response.headers.items() if k not in ("content-length", "content-type")}
        return Response(status_code=304, headers=kept)
    return response
