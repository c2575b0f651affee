"""The last look at an article's HTML before it leaves in a feed.

::

    html ─ is_plainly_clean? ─ yes ─→ as it is
                 └ no ─→ sanitise_html ─ refused? ─ no ─→ what it gives
                                             └ yes ─→ the words alone

The sources sanitise too; this is the second check, by the same rules (:mod:`publisher.lib.sanitise`). Nearly every body
comes clean, and looking at its tags costs a fifth to an eighth of sanitising it again (bodies of 1 to 35 kB). What is
refused there, too large or too deep to be cleaned in bounded time, leaves as its words: the article still appears.
"""

from __future__ import annotations

import re
from html import escape

from publisher.errors import HostileContent
from publisher.lib.sanitise import sanitise_html
from publisher.lib.text import scrub, strip_tags

#: Characters that are looked at, and that leave, where only the words of a body can be given.
MAX_READ, MAX_KEPT = 512 * 1024, 64 * 1024

_VOID = frozenset(("br", "hr", "img", "wbr"))
_PHRASING = frozenset("a abbr b br cite code em i img kbd q s samp small strong sub sup u var wbr".split())  # noqa: SIM905
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
#: Elements that hold phrasing only; in the others of _FLOW anything of these lists may stand.
_LINES = _PHRASING | _HEADINGS | {"p"}
_FLOW = frozenset(("blockquote", "div", "figure", "figcaption", "hr", "li", "ol", "ul")) | _LINES
_LISTS = frozenset(("ol", "ul"))
_MAX_DEPTH = 40

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z]+="[^"<>]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"<>]*)"')
_URL = re.compile(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?:/[A-Za-z0-9._~/-]*)?(?:#[A-Za-z0-9._~-]+)?")
_PLAIN_VALUE = re.compile(r"[^&\"<>\xa0]*")
_REL = "noopener noreferrer"
#: What a serialiser of HTML never leaves in a text, or in an attribute.
_BARE_AMPERSAND = re.compile("&(?!amp;|lt;|gt;|nbsp;)")
_UNUSUAL = "\xa0\u0338\r"


def safe_body(html: str, base_url: str) -> str:
    """``html`` fit for any feed reader, its URLs absolute against ``base_url`` (an absolute URL)."""
    if not html:
        return ""
    if is_plainly_clean(html):
        return html.strip()
    try:
        return sanitise_html(html, base_url=base_url).strip()
    except HostileContent:
        words = strip_tags(html[:MAX_READ])[:MAX_KEPT]
        return f"<p>{escape(words, quote=False)}</p>" if words else ""


def is_plainly_clean(html: str) -> bool:
    """Whether :func:`sanitise_html` would surely give ``html`` back unchanged; False when in doubt.

    Only what a look at the tags can prove: plain elements, well nested, with links and pictures whose URLs are
    absolute and made of harmless characters.
    """
    if len(html) > 100_000 or any(each in html for each in _UNUSUAL) or _BARE_AMPERSAND.search(html):
        return False
    tags = _TAG.findall(html)
    if html.count("<") != len(tags) or html.count(">") != len(tags):
        return False
    stack: list[str] = []
    for end, name, attributes in tags:
        if end:
            if attributes or not stack or stack.pop() != name:
                return False
            continue
        parent = stack[-1] if stack else "div"
        if name not in _FLOW or (parent in _LINES and name not in _PHRASING) or parent == "hr":
            return False
        if (parent in _LISTS) != (name == "li") or (name == "a" and "a" in stack):
            return False
        if not _harmless(name, attributes):
            return False
        if name not in _VOID:
            stack.append(name)
            if len(stack) > _MAX_DEPTH:
                return False
    return not stack and scrub(html) == html


def _harmless(name: str, attributes: str) -> bool:
    """Whether a tag has just the attributes that the sanitiser leaves it, in values that it would not touch."""
    if name == "a":
        values = _ATTRIBUTE.findall(attributes)
        return (
            [key for key, _ in values] == ["href", "rel"]
            and _URL.fullmatch(values[0][1]) is not None
            and values[1][1] == _REL
        )
    if name == "img":
        values = _ATTRIBUTE.findall(attributes)
        return (
            [key for key, _ in values] == ["src", "alt"]
            and _URL.fullmatch(values[0][1]) is not None
            and _PLAIN_VALUE.fullmatch(values[1][1]) is not None
            and " ".join(values[1][1].split()) == values[1][1]
        )
    return not attributes
