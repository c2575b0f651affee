"""Counting opens and clicks, for operators who turn it on and subscribers who did not decline.

::

    composed html ─→ rewrite: links through us, a picture ─→ compiled; each link ends in the subscriber's mark
    GET /c/<link>/<mark> ─→ human or scanner? count ─→ 302 to the stored address
    GET /o/<edition>/<mark> ─→ the same ─→ one transparent pixel

A link holds ids and a MAC, never an address: it leads only to what stood in the edition, so it is no open
redirect. The mark is ``-`` for a subscriber who declined (nothing is counted), ``a`` where only numbers are
wanted, or a token of its own where the operator asked who. A request is judged by what it says of itself,
counted as human or scanner, and then forgotten: no IP address, no User-Agent is kept.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Callable, Mapping
from typing import Literal

from publisher.lib.tokens import Keyring, Purpose, issue, read
from publisher.settings import Settings
from publisher.store import Store
from publisher.store import tracking as rows

DECLINED = "-"
ANYONE = "a"
Kind = Literal["open", "click"]

#: Our own serialisation: attributes in double quotes.
_HREF = re.compile(r'(<a\b[^>]*?\shref=")(https?://[^"]+)(")', re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
#: What programs call themselves that open mail and follow links on behalf of nobody.
_SCANNERS = re.compile(
    r"bot\b|crawl|spider|scan|preview|monitor|proofpoint|mimecast|barracuda|safelinks|symantec|messagelabs|cisco|trend"
    r"|sophos|fortinet|checkpoint|forcepoint|zscaler|virus|urlcheck|linkcheck|curl|wget|python|java/|libwww|go-http"
    r"|okhttp|httpclient|headless|phantom|slack|teams|whatsapp|telegram|facebookexternal|discord",
    re.IGNORECASE,
)
#: Proxies that fetch pictures when a person opens the mail: as human as an open can be.
_PICTURE_PROXIES = re.compile(r"googleimageproxy|yahoomailproxy|ggpht", re.IGNORECASE)


def is_human(headers: Mapping[str, str], method: str = "GET") -> bool:
    """Whether a request looks like a person's, by its method and headers (names in lower case); pure."""
    agent = headers.get("user-agent", "")
    if method != "GET" or not agent:
        return False
    if "prefetch" in (headers.get("sec-purpose", "") + headers.get("purpose", "") + headers.get("x-moz", "")).lower():
        return False
    return bool(_PICTURE_PROXIES.search(agent)) or not _SCANNERS.search(agent)


def links_in(html: str, keep: str) -> list[str]:
    """The addresses that would lead through us, in order: http(s) links without a personal value (``keep``)."""
    found = (_html.unescape(match[2]) for match in _HREF.finditer(html))
    return list(dict.fromkeys(url for url in found if keep not in url))


def rewriter(
    store: Store, settings: Settings, keyring: Keyring, edition_id: int
) -> Callable[[str, str, str], str] | None:
    """What :func:`publisher.digests.composing.compose` is given as ``rewrite``; ``None`` when nothing is counted.

    Called with the HTML, the prefix of all sentinels, and the sentinel of the subscriber's mark.
    """
    wanted = settings.tracking
    if not wanted.on:
        return None

    def rewrite(html: str, prefix: str, mark: str) -> str:
        base = settings.publication.base_url
        if wanted.clicks != "off":
            urls = links_in(html, prefix)
            with store.begin() as tx:
                numbers = rows.number_links(tx, edition_id, urls)
            paths = {url: f"{base}/c/{issue(keyring, Purpose.CLICK, edition_id, numbers[url])}/{mark}" for url in urls}

            def through_us(match: re.Match[str]) -> str:
                return match[1] + paths.get(_html.unescape(match[2]), match[2]) + match[3]

            html = _HREF.sub(through_us, html)
        if wanted.opens != "off":
            picture = f"{base}/o/{issue(keyring, Purpose.OPEN, edition_id)}/{mark}"
            pixel = f'<img src="{picture}" width="1" height="1" alt="" style="display:block">'
            html = _BODY_END.sub(lambda end: pixel + end[0], html, count=1)
        return html

    return rewrite


def subscriber_mark(
    settings: Settings, keyring: Keyring, subscriber_id: int, edition_id: int, *, declined: bool
) -> str:
    """What the links of one subscriber's message end in."""
    if declined or not settings.tracking.on:
        return DECLINED
    if "individual" in (settings.tracking.opens, settings.tracking.clicks):
        return issue(keyring, Purpose.SUBSCRIBER, subscriber_id, edition_id)
    return ANYONE


def follow(
    store: Store, settings: Settings, keyring: Keyring, token: str, mark: str, *, human: bool, now: float
) -> str | None:
    """A link was followed: count it; returns where it leads, ``None`` when it is not one of ours."""
    numbers = read(keyring, Purpose.CLICK, token, 2)
    if numbers is None:
        return None
    edition_id, link = numbers
    with store.read() as tx:
        url = rows.url_of(tx, edition_id, link)
    if url is not None and settings.tracking.clicks != "off":
        individual = settings.tracking.clicks == "individual"
        _count(store, keyring, "click", edition_id, link, mark, individual=individual, human=human, now=now)
    return url


def opened(
    store: Store, settings: Settings, keyring: Keyring, token: str, mark: str, *, human: bool, now: float
) -> bool:
    """The picture was loaded: count it; ``False`` when it is not one of ours."""
    numbers = read(keyring, Purpose.OPEN, token, 1)
    if numbers is None:
        return False
    if settings.tracking.opens != "off":
        individual = settings.tracking.opens == "individual"
        _count(store, keyring, "open", numbers[0], 0, mark, individual=individual, human=human, now=now)
    return True


def _count(
    store: Store,
    keyring: Keyring,
    kind: Kind,
    edition_id: int,
    link: int,
    mark: str,
    *,
    individual: bool,
    human: bool,
    now: float,
) -> None:
    subscriber = read(keyring, Purpose.SUBSCRIBER, mark, 2)
    if mark != ANYONE and subscriber is None:
        return  # declined, or made up
    if subscriber is not None and subscriber[1] != edition_id:
        return
    with store.begin() as tx:
        if subscriber is not None and not rows.may_track(tx, subscriber[0]):
            return  # declined, or erased, since the message was sent
        rows.count(tx, edition_id, kind, link=link, human=human)
        if individual and human and subscriber is not None:
            rows.count_subscriber(tx, subscriber[0], edition_id, kind, link=link, now=now)
