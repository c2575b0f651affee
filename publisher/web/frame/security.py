"""What every response says to browsers, what every request may bring, and who is the operator.

::

    request ─→ BodyLimit (413) ─→ route ─→ response ─→ SecurityHeaders (adds what the route did not set)

The policy: no script at all, nothing from a third party, no framing by others, forms only
to ourselves. HSTS is said over https only. The desk is shown where ``base_url`` is loopback
(:mod:`publisher.settings.reach`) and to requests of this very machine: loopback peer, loopback name in ``Host`` (so a
rebound DNS name does not get in) and no sign of a proxy; anything else gets 404, as if it were not there.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.lib.networks import is_loopback_host
from publisher.web.frame.visitors import Visitors

#: Largest request body in bytes, by path prefix; the first that fits counts.
BODY_LIMITS: tuple[tuple[str, int], ...] = (("/webhooks/", 1_048_576), ("", 65_536))


def content_security_policy(image_hosts: Iterable[str] = (), *, frames: bool = False) -> str:
    """The policy of our own pages.

    :param image_hosts: other hosts that pictures may come from.
    :param frames: whether the page shows documents of ours in frames (the desk does).
    """
    hosts = "".join(f" https://{host}" for host in image_hosts)
    parts = [
        "default-src 'none'",
        "style-src 'self'",
        f"img-src 'self'{hosts}",
        f"media-src 'self'{hosts}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if frames:
        parts.append("frame-src 'self'")
    return "; ".join(parts)


#: A mail shown in a browser: its inlined styles and pictures, nothing that runs, in an origin of its own. Links
#: open outside. ``frame-ancestors 'self'`` lets the desk frame it.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src 'self' data:{hosts}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
#: A file that was put into media/: shown or downloaded, never run.
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'"


def mail_policy(image_hosts: Iterable[str] = ()) -> str:
    """The policy of a mail that is shown in a browser."""
    return MAIL_POLICY.format(hosts="".join(f" https://{host}" for host in image_hosts))


def security_headers(scope: Scope, policy: str, visitors: Visitors) -> dict[str, str]:
    """The headers that a response to ``scope`` carries unless its route set them."""
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        # Not no-referrer: browsers would then post forms with "Origin: null".
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    if visitors.is_https(scope):
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


class SecurityHeaders:
    """Middleware: adds :func:`security_headers` to every response."""

    def __init__(self, app: ASGIApp, policy: str, visitors: Visitors) -> None:
        self.app = app
        self.policy = policy
        self.visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security_headers(scope, self.policy, self.visitors).items():
                    headers.setdefault(name, value)
                # Older browsers do not know frame-ancestors.
                framing = "SAMEORIGIN" if "frame-ancestors 'self'" in headers["content-security-policy"] else "DENY"
                headers.setdefault("x-frame-options", framing)
            await send(message)

        await self.app(scope, receive, guarded)


class BodyLimit:
    """Middleware: a body over its limit is refused with 413 as soon as that is known.

    :param prefix: the path of ``base_url``; the limits hold with and without it, as the routes do.
    """

    def __init__(self, app: ASGIApp, limits: tuple[tuple[str, int], ...] = BODY_LIMITS, prefix: str = "") -> None:
        self.app = app
        self.limits = limits
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(self.prefix)
        limit = next(bytes_ for prefix, bytes_ in self.limits if path.startswith(prefix))
        declared = Headers(scope=scope).get("content-length", "0")
        too_large = not declared.isascii() or not declared.isdigit() or len(declared) > 12 or int(declared) > limit
        received = 0

        async def counted() -> Message:
            nonlocal received
            # Raised inside the route's read, so that the response is our page and not a broken connection.
            if too_large:
                raise HTTPException(413, detail=f"at most {limit} bytes")
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise HTTPException(413, detail=f"at most {limit} bytes")
            return message

        await self.app(scope, counted, send)


def is_local(scope: Scope, visitors: Visitors) -> bool:
    """Whether a request seems to be made by a program on this very machine, to this machine's own name."""
    hosts = Headers(scope=scope).getlist("host")
    return visitors.of(scope).here and len(hosts) == 1 and is_loopback_host(hosts[0])


def same_origin(request: Request) -> bool:
    """Whether a browser says that a form post came from a page of the origin it is posted to.

    ``Sec-Fetch-Site`` decides where it is sent; else ``Origin`` must be there and name the host asked for.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin", "")
    try:
        return bool(origin) and urlsplit(origin).netloc == request.headers.get("host", "")
    except ValueError:
        return False


class FormToken:
    """A secret that a form of the desk carries back: made at start, so forms from before a restart are refused."""

    def __init__(self) -> None:
        self._value = secrets.token_urlsafe(32)

    @property
    def value(self) -> str:
        return self._value

    def matches(self, form: Mapping[str, object]) -> bool:
        given = form.get("token")
        return isinstance(given, str) and hmac.compare_digest(given.encode(), self._value.encode())
