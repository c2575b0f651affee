"""What each share target is called, and the URL that opens its composer with an article filled in.

A new target is one row, and a function where its text follows a rule of its own. Sources: each platform's own page
on its share URL; for e-mail RFC 6068.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from publisher.lib.text import graphemes, shorten
from publisher.model import Article


class Target(NamedTuple):
    """``label`` is what people call it, ``url_of`` makes the link for an article."""

    label: str
    url_of: Callable[[Article], str]


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


#: Every share target by its name, in the order in which messages list them.
TARGETS: dict[str, Target] = {
    # Facebook and LinkedIn take their text from the page's Open Graph tags and read nothing but the URL; the
    # title in `quote` and `title` is what they show where they still honour it.
    "facebook": Target(
        "Facebook", lambda a: _link("https://www.facebook.com/sharer/sharer.php", u=a.url, quote=a.title)
    ),
    "x": Target("X", lambda a: _link("https://x.com/intent/tweet", text=_for_x(a.title), url=a.url)),
    "reddit": Target(
        "Reddit", lambda a: _link("https://www.reddit.com/submit", url=a.url, title=shorten(a.title, 300))
    ),
    # The official chooser: the person's own server is asked for on their machine, not on ours.
    "mastodon": Target("Mastodon", lambda a: _link("https://share.joinmastodon.org/", text=_composed(a, 500))),
    "bluesky": Target("Bluesky", lambda a: _link("https://bsky.app/intent/compose", text=_composed(a, 300))),
    "linkedin": Target(
        "LinkedIn", lambda a: _link("https://www.linkedin.com/sharing/share-offsite/", url=a.url, title=a.title)
    ),
    "threads": Target(
        "Threads", lambda a: _link("https://www.threads.com/intent/post", text=shorten(a.title, 400), url=a.url)
    ),
    "telegram": Target("Telegram", lambda a: _link("https://t.me/share/url", url=a.url, text=a.title)),
    "whatsapp": Target("WhatsApp", lambda a: _link("https://wa.me/", text=f"{a.title} {a.url}")),
    "hackernews": Target(
        "Hacker News", lambda a: _link("https://news.ycombinator.com/submitlink", u=a.url, t=shorten(a.title, 80))
    ),
    "pinterest": Target(
        "Pinterest",
        lambda a: _link(
            "https://www.pinterest.com/pin/create/button/",
            url=a.url,
            media=a.image.url if a.image else "",
            description=shorten(a.title, 500),
        ),
    ),
    "email": Target("E-mail", _email),
}
