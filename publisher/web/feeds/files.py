"""Hands out the files under ``state/feeds/``, with the very responses that nginx gives for them.

::

    file ─→ encoding (br, gzip, plain) ─→ ETag and Last-Modified of that file ─→ 304 | 226 delta | 200

nginx makes an ETag of a file's time and size; so do we, and :mod:`feeds.files` sees to it that the pair never
stands for two contents. A request may name the ETag of another encoding than the one it would get, or one that
a proxy rewrote (``W/"…"``, ``"…-gzip"``): both still mean the content that is there, and give 304.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from feeds.deltas import delta
from feeds.files import ENCODINGS, etag
from feeds.formats import BaseFormat
from publisher.web.frame.conditions import known_tag, named_tags

#: What a response depends on besides its address.
VARY = "Accept-Encoding, Sec-Fetch-Dest, A-IM"
#: A live feed may be kept for five minutes, a page of its archive for a day.
LIVE = "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400"
ARCHIVED = "public, max-age=86400, stale-if-error=604800"

#: Programs that send ``A-IM: feed`` because their library does, and then take 226 for an error: rss2email 3.13
#: (``feed.py``: 200, 302, 304 and 307 only). It bears the name of the library, feedparser, and sends both validators.
_CHOKES_ON_226 = re.compile(r"rss2email", re.IGNORECASE)
_LIBRARY = re.compile(r"(universal)?feedparser/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Version:
    """The bytes of a file and what names them."""

    body: bytes
    etag: str
    modified: int


def response(
    request: Request,
    file: Path,
    media_type: str,
    *,
    form: BaseFormat | None = None,
    history: Path | None = None,
    archive: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response | None:
    """The response to GET or HEAD of ``file``; None when it is not there.

    :param form: and ``history``: of a live feed, which can be asked for as a delta.
    """
    encoding = accepted_encoding(request.headers.get("accept-encoding", ""))
    version = _read(file, ENCODINGS.get(encoding, ""))
    if version is None and encoding:
        encoding, version = "", _read(file, "")
    if version is None:
        return None
    common = {
        **(headers or {}),
        "etag": version.etag,
        "last-modified": http_date(version.modified),
        "cache-control": ARCHIVED if archive else LIVE,
        "vary": VARY,
        "access-control-allow-origin": "*",  # feeds are public, and feed readers run in browsers too
    }
    known = known_tag(request.headers, [version.etag, *_all_etags(file)], version.modified)
    if known:
        return Response(status_code=304, headers={**common, "etag": known})
    asked = named_tags(request.headers.get("if-none-match", ""))
    if form is not None and history is not None and asked and wants_delta(request):
        plain = _read(file, "")
        cut = delta(history, asked, plain.body, form) if plain else None
        if plain is not None and cut is not None:
            # RFC 3229 §10.5.2: IM says what was done, the ETag is the whole instance's; no cache may keep a part.
            special = {"etag": plain.etag, "im": "feed", "cache-control": "no-store, im"}
            special["vary"] = f"{VARY}, If-None-Match"
            return Response(cut, 226, {**common, **special, "content-type": media_type})
    if encoding:
        common["content-encoding"] = encoding
    return Response(version.body, 200, {**common, "content-type": media_type})


def accepted_encoding(header: str) -> str:
    """``br``, ``gzip`` or ``""`` by RFC 9110 §12.5.3; of those that are accepted, the smallest."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameters = part.strip().partition(";")
        match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters)
        weights[name.strip()] = float(match[1]) if match else 1.0 if not parameters.strip() else 0.0
    return next((name for name in ENCODINGS if weights.get(name, weights.get("*", 0.0)) > 0), "")


def wants_delta(request: Request) -> bool:
    """Whether the feed reader takes ``feed`` deltas (RFC 3229 §10.5.3) and is known not to choke on them."""
    manipulations = [part.strip().lower() for part in request.headers.get("a-im", "").split(",")]
    wanted = any(re.fullmatch(r"feed\s*(;\s*q\s*=\s*(?!0(\.0*)?$)[01](\.\d*)?)?", each) for each in manipulations)
    agent = request.headers.get("user-agent", "")
    nameless = _LIBRARY.match(agent) and "if-modified-since" in request.headers
    return wanted and not nameless and not _CHOKES_ON_226.search(agent)


def http_date(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def _read(file: Path, suffix: str) -> Version | None:
    """One open file gives bytes, time and size together, whatever is renamed over it meanwhile."""
    try:
        with file.with_name(file.name + suffix).open("rb") as handle:
            status = os.fstat(handle.fileno())
            return Version(handle.read(), etag(status), int(status.st_mtime))
    except OSError:
        return None


def _all_etags(file: Path) -> list[str]:
    found = []
    for suffix in ("", *ENCODINGS.values()):
        try:
            found.append(etag(file.with_name(file.name + suffix).stat()))
        except OSError:
            continue
    return found
