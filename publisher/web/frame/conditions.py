"""Conditional requests (RFC 9110 §13): whether the visitor has a response already. Pure.

``If-None-Match`` is compared weakly, its tags may hold commas, and ``*`` stands alone. A proxy that compresses
rewrites a tag (``"…-gzip"``, ``"…;gzip"``); that is undone, since it still means the content we named. A member of
the list that is no entity tag is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

ANY = "*"
#: One member of the list, from its comma to the next: W/ is case-sensitive, a tag holds no space and no quote.
_MEMBER = re.compile(r'(?:^|,)[ \t]*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)')
_REWRITTEN = re.compile(r"(-gzip|-br|;gzip|--gzip)(?=\"$)")


def named_tags(header: str) -> frozenset[str]:
    """The opaque tags that an If-None-Match names, in quotes and without ``W/``; :data:`ANY` alone for ``*``."""
    if header.strip(" \t") == ANY:
        return frozenset({ANY})
    return frozenset(_REWRITTEN.sub("", tag) for tag in _MEMBER.findall(header))


def known_tag(headers: Mapping[str, str], tags: Sequence[str], modified: int | None = None) -> str | None:
    """The one of ``tags`` that the visitor has already, so that 304 is due; ``None`` when the content is due.

    :param tags: strong ETags of the content there is, that of the very response first.
    :param modified: UTC epoch seconds; ``If-Modified-Since`` counts only where there is no ``If-None-Match`` (§13.1.3).
    """
    asked = headers.get("if-none-match")
    if asked is not None:
        named = named_tags(asked)
        return tags[0] if ANY in named else next((tag for tag in tags if tag in named), None)
    if modified is not None and _not_modified_since(headers.get("if-modified-since", ""), modified):
        return tags[0]
    return None


def _not_modified_since(header: str, modified: int) -> bool:
    if not header:
        return False
    try:
        moment = parsedate_to_datetime(header)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() >= modified
    except (ValueError, TypeError, OverflowError):
        return False
