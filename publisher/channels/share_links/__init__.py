"""Share links: URLs that open a composer with the article filled in; a person confirms.

No key, no script, no request of ours: each is one ``<a href>``.

::

    article, targets → text for the target, shortened where the composer has a limit
                     → every value percent-encoded (RFC 3986; a space is %20, never +) → ShareLink

What each composer takes stands in :mod:`publisher.channels.share_links.targets`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from publisher.channels.share_links.targets import TARGETS
from publisher.errors import SettingsError
from publisher.model import Article


@dataclass(frozen=True, slots=True)
class ShareLink:
    """``kind`` is a key of ``TARGETS``, ``label`` what people see, ``url`` absolute and fully encoded."""

    kind: str
    label: str
    url: str


def links_for(article: Article, targets: Iterable[str]) -> tuple[ShareLink, ...]:
    """The article's own share targets where it names any, else ``targets``; each once, in the order given.

    A target we do not know is left out: an article comes from outside and may name anything. The
    publication's own list is checked by :func:`check_targets` instead.
    """
    names = article.share_targets or tuple(targets)
    known = dict.fromkeys(kind for kind in (name.strip().casefold() for name in names) if kind in TARGETS)
    return tuple(ShareLink(kind, TARGETS[kind].label, TARGETS[kind].url_of(article)) for kind in known)


def check_targets(targets: Iterable[str]) -> None:
    """Refuse a target that we have no link for.

    :raises SettingsError: names the target and those that exist.
    """
    for target in targets:
        if target not in TARGETS:
            raise SettingsError(
                f"publication.share_targets: {target!r}: unknown share target; expected one of {', '.join(TARGETS)}"
            )
