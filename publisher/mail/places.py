"""Where in an HTML document a personal value stands, which decides how it is escaped.

The HTML is our own serialisation: attributes are in double quotes and every ``<`` of a text is an entity, so a
small scanner is exact. Whatever it does not understand is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from publisher.errors import CompositionRefused

_TOKEN = re.compile(
    r"(?P<comment><!--.*?(?:-->|\Z))"
    r"|(?P<raw><(?P<element>style|script)\b.*?(?:</(?P=element)\s*>|\Z))"
    r"|(?P<tag><[a-zA-Z/!?](?:[^\"'>]|\"[^\"]*\"|'[^']*')*>)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"\s([a-zA-Z_:][-\w:.]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_URL_ATTRIBUTES = frozenset({"href", "src", "action", "background", "cite", "poster", "formaction", "longdesc"})


def split_at(content: str, sentinels: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """``content`` as ``(text, name of the field that follows)``; the last pair has no field."""
    if not sentinels:
        return [(content, None)]
    pieces = re.split("(" + "|".join(map(re.escape, sentinels)) + ")", content)
    texts, found = pieces[::2], pieces[1::2]
    return [*zip(texts, [sentinels[sentinel] for sentinel in found], strict=False), (texts[-1], None)]


def html_places(html: str, sentinels: Mapping[str, str], url_fields: frozenset[str]) -> list[str]:
    """The place of each sentinel in the order they stand: ``html``, ``href`` or ``url``.

    :raises CompositionRefused: a value stands in a style, script or comment, in a style or event attribute, or
        outside quotes.
    """
    if not sentinels:
        return []
    any_sentinel = re.compile("|".join(map(re.escape, sentinels)))
    places: list[str] = []
    position = 0
    for token in _TOKEN.finditer(html):
        places += ["html"] * len(any_sentinel.findall(html, position, token.start()))
        position = token.end()
        inside = list(any_sentinel.finditer(token.group()))
        if not inside:
            continue
        if token.lastgroup != "tag":
            raise _refused(sentinels[inside[0].group()], "inside a comment, style or script")
        places += _attribute_places(token.group(), any_sentinel, sentinels, url_fields)
    places += ["html"] * len(any_sentinel.findall(html, position))
    return places


def _attribute_places(
    tag: str, any_sentinel: re.Pattern[str], sentinels: Mapping[str, str], url_fields: frozenset[str]
) -> list[str]:
    places: list[str] = []
    for attribute in _ATTRIBUTE.finditer(tag):
        name = attribute.group(1).lower()
        value = attribute.group(2) if attribute.group(2) is not None else attribute.group(3)
        for found in any_sentinel.finditer(value):
            field = sentinels[found.group()]
            if name == "style" or name.startswith("on"):
                raise _refused(field, f'in the attribute "{name}"')
            if name not in _URL_ATTRIBUTES:
                places.append("html")
            elif found.start() > 0:
                places.append("url")
            elif field in url_fields:
                places.append("href")
            else:
                raise _refused(field, f'as the whole of the attribute "{name}"; it is no URL')
    if len(places) != len(any_sentinel.findall(tag)):
        raise _refused(sentinels[any_sentinel.search(tag).group()], "inside a tag, outside quotes")  # type: ignore[union-attr]
    return places


def _refused(field: str, where: str) -> CompositionRefused:
    return CompositionRefused(f"the template places subscriber.{field} {where}; move it into the text")
