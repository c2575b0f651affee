"""HTML from outside made harmless where it comes in; what follows may rely on the result.

::

    text ─ scrub ─ caps (size, depth) ─ nh3, our tags and attributes, URLs made absolute ─┐
                                    ┌── nh3 again, relative URLs denied ── scrub ─────────┘
                                    └── until nothing changes any more: so sanitising twice is sanitising once

The policy is that of the threat model: explicit tags and attributes, ``https``, ``http`` and ``mailto``
only, no ``style``, ``id``, ``class`` or ``name``. The caps stand before the parser because its time grows
with the square of the depth: 100,000 nested elements keep it busy for a minute.
"""

from __future__ import annotations

import html as _html
import re
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import idna
import nh3

from publisher.errors import HostileContent
from publisher.lib.languages import is_language_tag
from publisher.lib.nesting import measure, starts
from publisher.lib.text import one_line, scrub

MAX_BYTES = 512 * 1024
MAX_OPEN = 200
#: Formatting elements a parser may copy because they were left open; 81 KB of input can become 27 MB of output.
MAX_COPIES = 300_000
#: How often the result is sanitised again before it is called unstable.
MAX_ROUNDS = 8

TAGS = frozenset(
    {
        "a", "abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del",
        "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
        "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small", "strong", "sub",
        "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "u", "ul", "var", "wbr",
    }
)  # fmt: skip
#: These go with everything in them; of every other unknown element the words stay.
DROPPED_WITH_CONTENT = frozenset(
    {
        "applet", "audio", "button", "canvas", "embed", "frame", "frameset", "iframe", "input", "math", "noembed",
        "noframes", "noscript", "object", "option", "param", "script", "select", "source", "style", "svg", "template",
        "textarea", "title", "track", "video", "xmp",
    }
)  # fmt: skip
ATTRIBUTES = {
    "*": {"lang", "dir"},
    "a": {"href", "title", "hreflang"},
    "abbr": {"title"},
    "blockquote": {"cite"},
    "q": {"cite"},
    "del": {"cite", "datetime"},
    "ins": {"cite", "datetime"},
    "img": {"src", "alt", "width", "height", "title"},
    "ol": {"start", "reversed"},
    "time": {"datetime"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_ALIGNMENT = {"align": {"left", "right", "center"}}
_SCHEMES = frozenset({"http", "https", "mailto"})
_REL = "noopener noreferrer"

_NUMBERS = {"width": 10_000, "height": 10_000, "colspan": 100, "rowspan": 1_000, "start": 1_000_000}
_LANGUAGES = frozenset({"lang", "hreflang"})
_PATTERNS = {
    "dir": re.compile(r"ltr|rtl|auto"),
    "datetime": re.compile(r"[0-9PTWDHMSZ:.+ -]{1,40}", re.IGNORECASE),
    "scope": re.compile(r"row|col|rowgroup|colgroup"),
    "reversed": re.compile(r"|reversed"),
}
_BARE_AMPERSAND = re.compile(r"&(?!#|[a-zA-Z][a-zA-Z0-9]*;)")
_TAG = re.compile(r'<([a-z][a-z0-9]*)((?: [a-z]+="[^"]*")*)>')
_VALUE = re.compile(r'"[^"]*"')
_ALT = re.compile(r' alt="([^"]*)"')
#: NFC turns ">" and this mark into "≯", which would eat the end of a tag.
_OVERLAY = re.compile("(?<=[<>])\u0338+")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_MAILTO = re.compile(r"mailto:[^\s<>\"'\\:/@]+@[A-Za-z0-9.-]+(\?[^\s<>\"'\\]*)?", re.IGNORECASE)
_KEPT_IN_PATH = "!$&'()*+,;=:@/%-._~"


def sanitise_html(html: str, *, base_url: str, path: str = "", line: int | None = None) -> str:
    """Make ``html`` harmless: well-formed, inert, every URL absolute. Deterministic and idempotent.

    :param base_url: what relative URLs are relative to (absolute http or https).
    :param path: and ``line``: named in the error.
    :raises HostileContent: too large, too deep, or without a stable form. No parser has seen it then.
    """
    _refuse_large(html, path, line)
    html = scrub(_OVERLAY.sub("", html))
    _refuse_deep(html, path, line)
    previous = html
    for _ in range(MAX_ROUNDS):
        cleaned = _clean(previous, base_url)
        _refuse_large(cleaned, path, line)  # "&" grows to "&amp;": what comes out must pass the door again
        if cleaned == previous:
            _refuse_deep(cleaned, path, line)
            return cleaned
        previous = cleaned
    raise HostileContent("its HTML has no stable form; mend its nesting (tables, unclosed tags)", path=path, line=line)


def safe_url(url: str, base: str = "") -> str:
    """``url`` as an absolute http or https URI in ASCII, or ``""`` when it is dangerous or nonsense.

    Relative references are resolved against ``base`` (RFC 3986 §5); ``//host`` becomes ``https://host``. Other
    schemes, user names and passwords, backslashes and bare fragments are refused.
    """
    text = re.sub(r"[\t\n\r]", "", url).strip(" \x0c")
    text = scrub(text).strip()
    if not text or text.startswith("#") or "\\" in text or len(text) > 4096:
        return ""
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return ""
    if scheme and not re.match(r"https?://[^/]", text, re.IGNORECASE):
        return ""
    try:
        if text.startswith("//"):
            text = "https:" + text
        elif not scheme:
            text = urljoin(base if base.endswith("/") else base + "/", text) if base else ""
        parts = urlsplit(text)
        host = parts.hostname or ""
        if (
            parts.scheme not in ("http", "https")
            or not host
            or parts.username is not None
            or parts.password is not None
        ):
            return ""
        netloc = _host(host) + (f":{parts.port}" if parts.port is not None else "")
    except ValueError:
        return ""
    return urlunsplit(
        (
            parts.scheme,
            netloc,
            _encode(parts.path, _KEPT_IN_PATH),
            _encode(parts.query, _KEPT_IN_PATH + "?"),
            _encode(parts.fragment, _KEPT_IN_PATH + "?"),
        )
    )


def _encode(text: str, safe: str) -> str:
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text), safe=safe)


def _host(host: str) -> str:
    """As an A-label, or an IPv6 literal in brackets; ValueError when it is neither."""
    if ":" in host:
        return f"[{host}]"
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")  # IDNAError is a ValueError
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?", host):
        raise ValueError(host)
    return host.lower()


def _refuse_large(html: str, path: str, line: int | None) -> None:
    # A bare "&" comes out as "&amp;", and a parser is slow over many.
    size = len(html.encode("utf-8", "surrogatepass")) + 4 * sum(1 for _ in _BARE_AMPERSAND.finditer(html))
    if size > MAX_BYTES:
        raise HostileContent(
            f"the text is {size // 1024} KB of HTML, at most {MAX_BYTES // 1024} KB are read; "
            "split it or take out embedded data",
            path=path,
            line=line,
        )


def _refuse_deep(html: str, path: str, line: int | None) -> None:
    if starts(html) <= MAX_OPEN:
        return
    nesting = measure(html, stop_at=MAX_OPEN)
    if nesting.depth > MAX_OPEN:
        raise HostileContent(
            f"more than {MAX_OPEN} HTML elements are open at once; close them or make it flatter", path=path, line=line
        )
    if nesting.copies > MAX_COPIES:
        raise HostileContent("formatting tags such as <b> or <em> are never closed; close them", path=path, line=line)


def _clean(html: str, base_url: str) -> str:
    def keep(tag: str, attribute: str, value: str) -> str | None:
        return _attribute(tag, attribute, value, base_url)

    for relative in ("pass_through", "deny"):
        html = nh3.clean(
            html,
            tags=set(TAGS),
            clean_content_tags=set(DROPPED_WITH_CONTENT),
            attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
            tag_attribute_values={"td": _ALIGNMENT, "th": _ALIGNMENT},
            attribute_filter=keep if relative == "pass_through" else None,
            strip_comments=True,
            link_rel=_REL,
            url_schemes=set(_SCHEMES),
            url_relative=relative,
        )
    html = _TAG.sub(_tag, html)
    return scrub(_OVERLAY.sub("", html))


def _tag(found: re.Match[str]) -> str:
    name, attributes = found.groups()
    if name == "img" and ' src="' not in attributes:
        alt = _ALT.search(attributes)  # a picture that may not be shown leaves its description
        return _html.escape(_html.unescape(alt[1]), quote=False) if alt else ""
    if "<" in attributes or ">" in attributes:
        # A ">" inside an attribute is legal, and a trap for every pattern that looks for the end of a tag.
        attributes = _VALUE.sub(lambda value: value[0].replace("<", "&lt;").replace(">", "&gt;"), attributes)
    return f"<{name}{attributes}>"


def _attribute(tag: str, attribute: str, value: str, base_url: str) -> str | None:
    if attribute in ("href", "src", "cite"):
        if attribute == "href" and value.strip()[:7].lower() == "mailto:":
            address = value.strip().replace(" ", "%20")
            return address if _MAILTO.fullmatch(address) else None
        return safe_url(value, base_url) or None
    if attribute in _NUMBERS:
        digits = value.strip().removesuffix("px")
        return digits if re.fullmatch(r"[0-9]{1,7}", digits) and int(digits) <= _NUMBERS[attribute] else None
    if attribute in _LANGUAGES:
        return value.strip() if is_language_tag(value.strip()) else None
    if attribute in _PATTERNS:
        return value.strip() if _PATTERNS[attribute].fullmatch(value.strip()) else None
    return one_line(value)
