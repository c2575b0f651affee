"""Share links: URLs that open a composer with the article filled in; a person confirms.

No key, no script, no request of ours: each is one ``<a href>``.

::

    article, targets → text for the target, shortened where the composer has a limit
                     → every value percent-encoded (RFC 3986; a space is %20, never +) → ShareLink

The tables below are the whole knowledge: a new target is one function and one row. Sources: each platform's
own page on its share URL; for e-mail RFC 6068.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from publisher.errors import SettingsError
from publisher.lib.text import graphemes, shorten
from publisher.model import Article


@dataclass(frozen=True, slots=True)
class ShareLink:
    """``kind`` is a key of :data:`KINDS`, ``label`` what people see, ``url`` absolute and fully encoded."""

    kind: str
    label: str
    url: str


def links_for(article: Article, targets: Iterable[str]) -> tuple[ShareLink, ...]:
    """The article's own share targets where it names any, else ``targets``; each once, in the order given.

    A target we do not know is left out: an article comes from outside and may name anything. The
    publication's own list is checked by :func:`check_targets` instead.
    """
    names = article.share_targets or tuple(targets)
    known = dict.fromkeys(kind for kind in (name.strip().casefold() for name in names) if kind in KINDS)
    return tuple(ShareLink(kind, KINDS[kind], _BUILDERS[kind](article)) for kind in known)


def check_targets(targets: Iterable[str]) -> None:
    """Refuse a target that we have no link for.

    :raises SettingsError: names the target and those that exist.
    """
    for target in targets:
        if target not in KINDS:
            raise SettingsError(
                f"publication.share_targets: {target!r}: unknown share target; expected one of {', '.join(KINDS)}"
            )


def _link(base: str, **values: str) -> str:
    """``base`` with a query of the values that are not empty; nothing but RFC 3986's unreserved stays bare."""
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items() if value)
    return f"{base}?{pairs}" if pairs else base


def _composed(article: Article, limit: int) -> str:
    """Title, a space and the URL for composers with one text box of ``limit`` graphemes; the URL stays whole."""
    room = max(limit - len(graphemes(article.url)) - 1, 1)
    return f"{shorten(article.title, room)} {article.url}"


def _for_x(title: str) -> str:
    """At most 256 of X's 280 units, so that a space and the 23 units of any URL still fit.

    X weighs code points of U+1100 and above (and some punctuation) as two. Counting each of those alone is
    never less than X's own count, which joins emoji sequences; the exact count is the channel's business.
    """
    clusters = graphemes(title)
    weights = [sum(1 if ord(character) < 0x1100 else 2 for character in cluster) for cluster in clusters]
    if sum(weights) <= 256:
        return title
    kept, total = 0, 0
    while total + weights[kept] <= 254:  # an ellipsis weighs two
        total += weights[kept]
        kept += 1
    return shorten("".join(clusters), kept + 1)


def _email(article: Article) -> str:
    # RFC 6068 §5: a line break in a body is %0D%0A; a subject is one line by nature, but is kept as it is.
    body = "\r\n\r\n".join(part for part in (article.summary.replace("\n", "\r\n"), article.url) if part)
    return _link("mailto:", subject=article.title, body=body)


#: Every share target: its kind-name and what people call it.
KINDS: dict[str, str] = {
    "facebook": "Facebook",
    "x": "X",
    "reddit": "Reddit",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
    "linkedin": "LinkedIn",
    "threads": "Threads",
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "hackernews": "Hacker News",
    "pinterest": "Pinterest",
    "email": "E-mail",
}

_BUILDERS: dict[str, Callable[[Article], str]] = {
    # Facebook and LinkedIn take their text from the page's Open Graph tags and read nothing but the URL; the
    # title in `quote` and `title` is what they show where they still honour it.
    "facebook": lambda a: _link("https://www.facebook.com/sharer/sharer.php", u=a.url, quote=a.title),
    "x": lambda a: _link("https://x.com/intent/tweet", text=_for_x(a.title), url=a.url),
    "reddit": lambda a: _link("https://www.reddit.com/submit", url=a.url, title=shorten(a.title, 300)),
    # The official chooser: the person's own server is asked for on their machine, not on ours.
    "mastodon": lambda a: _link("https://share.joinmastodon.org/", text=_composed(a, 500)),
    "bluesky": lambda a: _link("https://bsky.app/intent/compose", text=_composed(a, 300)),
    "linkedin": lambda a: _link("https://www.linkedin.com/sharing/share-offsite/", url=a.url, title=a.title),
    "threads": lambda a: _link("https://www.threads.com/intent/post", text=shorten(a.title, 400), url=a.url),
    "telegram": lambda a: _link("https://t.me/share/url", url=a.url, text=a.title),
    "whatsapp": lambda a: _link("https://wa.me/", text=f"{a.title} {a.url}"),
    "hackernews": lambda a: _link("https://news.ycombinator.com/submitlink", u=a.url, t=shorten(a.title, 80)),
    "pinterest": lambda a: _link(
        "https://www.pinterest.com/pin/create/button/",
        url=a.url,
        media=a.image.url if a.image else "",
        description=shorten(a.title, 500),
    ),
    "email": _email,
}
