"""What kinds of source share that make a body: its defaults, and the summary nobody wrote. Pure."""

from __future__ import annotations

import re

from publisher.lib.text import shorten, strip_tags
from publisher.model import Author
from publisher.settings.publication import SourceSettings

#: A sentence ends here, when white space (or, in Chinese and Japanese, anything) follows.
_END = re.compile(r"(?:[.!?…؟۔।]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|Nos?|Inc|Ltd|Co|approx|e\.g|i\.e|U\.S|U\.K|U\.N)\.$"
)
_PARAGRAPH = re.compile(r"<p[^>]*>(.*?)</p>", re.DOTALL)

MAX_SUMMARY = 220


def sentences(text: str) -> list[str]:
    """``text`` (one line) cut after each sentence. A full stop after an initial or a common abbreviation is none."""
    found: list[str] = []
    begin = 0
    for end in _END.finditer(text):
        piece = text[begin : end.end()]
        if piece.endswith(".") and _ABBREVIATION.search(piece[-12:]):
            continue
        following = text[end.end() :].lstrip()
        if following and following[0].islower():
            continue  # "…," she said; and "e.g. this"
        found.append(piece.strip())
        begin = end.end()
    if rest := text[begin:].strip():
        found.append(rest)
    return found


def summarise(html: str, limit: int = MAX_SUMMARY) -> str:
    """The first sentence or sentences of a sanitised body, whole where they fit in ``limit`` graphemes."""
    for paragraph in _PARAGRAPH.finditer(html):
        text = strip_tags(paragraph[1])
        if text:
            break
    else:
        text = strip_tags(html)
    text = text[: limit * 20]
    chosen = ""
    for sentence in sentences(text):
        longer = f"{chosen} {sentence}" if chosen else sentence
        if len(longer) > limit:
            break
        chosen = longer
    return chosen or shorten(text, limit)


def defaults(
    settings: SourceSettings, *, authors: tuple[Author, ...], section: str, tags: tuple[str, ...], language: str
) -> tuple[tuple[Author, ...], str, tuple[str, ...], str]:
    """What the source says of every article, where the article itself is silent."""
    if not authors and settings.author:
        authors = (Author(settings.author),)
    own = {tag.casefold() for tag in tags}
    more = tuple(tag for tag in dict.fromkeys(settings.tags) if tag.casefold() not in own)
    return authors, section or settings.section, tags + more, language or settings.language
