"""Links, tags and mentions inside a text, and cutting that never goes through one.

::

    text ── too long? ──→ words after the canonical URL shrink first, then the words before it,
                          then tags go one by one; the URL itself stays byte for byte

A cut ends at a grapheme (UAX #29), at a word where one ends near, and shows an ellipsis unless it fell on
the end of a paragraph. What fits is the caller's measure; each channel has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import regex

_LINK = regex.compile(r"https?://[^\s<>\"\u3000]+", regex.IGNORECASE)
_TAG = regex.compile(r"(?<![\w&/#＃])[#＃](?=[\w\p{M}]*[\p{L}\p{M}])[\w\p{M}]+")
_MENTION = regex.compile(r"(?<![\w/@])@[A-Za-z0-9_](?:[\w.-]*\w)?(?:@[A-Za-z0-9](?:[\w.-]*\w)?)?")
_TRAILING = ".,;:!?'\"…»”’"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_TAGS_AT_END = regex.compile(r"(?:\s*(?<![\w&/])[#＃][\w\p{M}]+)+\s*\Z")

ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]`` (code points) is a link, a tag or a mention."""

    start: int
    end: int
    kind: Literal["link", "tag", "mention"]
    value: str


def spans(text: str, url: str = "") -> list[Span]:
    """All links, tags and mentions, in order, none overlapping. ``url`` is known to be a link as a whole."""
    found: list[Span] = []
    if url:
        start = text.find(url)
        while start >= 0:
            found.append(Span(start, start + len(url), "link", url))
            start = text.find(url, start + len(url))
    for match in _LINK.finditer(text):
        end = _link_end(match.group()) + match.start()
        found.append(Span(match.start(), end, "link", text[match.start() : end]))
    if "#" in text or "＃" in text:
        found += [Span(*match.span(), "tag", match.group()[1:]) for match in _TAG.finditer(text)]
    if "@" in text:
        found += [Span(*match.span(), "mention", match.group()[1:]) for match in _MENTION.finditer(text)]
    kept: list[Span] = []
    taken: list[tuple[int, int]] = []
    for span in found:  # links come first and own what is inside them
        if all(span.end <= start or span.start >= end for start, end in taken):
            kept.append(span)
            taken.append((span.start, span.end))
    return sorted(kept, key=lambda span: span.start)


def _link_end(link: str) -> int:
    """Where a link ends: a closing mark belongs to the sentence unless the link opened it."""
    end = len(link)
    while end:
        last = link[end - 1]
        if last in _TRAILING or (last in _PAIRS and link[:end].count(last) > link[:end].count(_PAIRS[last])):
            end -= 1
        else:
            break
    return end


def cut(text: str, fits: Callable[[str], bool], url: str = "") -> str:
    """The longest form of ``text`` that ``fits``; ``url`` (by default the last link) is kept whole.

    When not even the URL alone fits, the URL alone is returned: it is never changed, and the caller's
    own ``fits`` still says no.
    """
    if fits(text):
        return text
    url = url if url and url in text else next((s.value for s in reversed(spans(text)) if s.kind == "link"), "")
    if not url:
        return _longest(text, fits)
    start = text.rindex(url)
    before, after = text[:start], text[start + len(url) :]
    at_end = _TAGS_AT_END.search(after)
    words, tags = (after[: at_end.start()], after[at_end.start() :]) if at_end else (after, "")
    if words.strip():
        words = _longest(words, lambda kept: fits(f"{before}{url}{kept}{tags}"))
        if fits(f"{before}{url}{words}{tags}"):
            return f"{before}{url}{words}{tags}"
        words = ""
    gap = before[len(before.rstrip()) :]
    head = _longest(before.rstrip(), lambda kept: fits(f"{kept}{gap}{url}{tags}"))
    if head:
        return f"{head}{gap}{url}{tags}"
    while tags.strip() and not fits(f"{url}{tags}"):
        tags = tags.rstrip()
        tags = tags[: max(tags.rfind("#"), tags.rfind("＃"))]
    return f"{url}{tags}".rstrip()


def split(text: str, fits: Callable[[str], bool], url: str = "", most: int = 1) -> list[str]:
    """A long text as at most ``most`` texts that each fit, for a thread of posts; the last is cut if it must be.

    Breaks at the end of a paragraph, else of a sentence, else of a word. The URL and the tags that follow it
    stay together in the first post, so that every platform builds its card there.
    """
    if fits(text) or most <= 1:
        return [cut(text, fits, url)]
    start = text.rfind(url) if url else -1
    tail = text[start:].strip() if start >= 0 else ""
    body = text[:start].rstrip() if start >= 0 else text
    parts: list[str] = []
    while body and len(parts) < most:
        ending = f"\n\n{tail}" if tail and not parts else ""
        if fits(body + ending):
            parts.append(body + ending)
            break
        if len(parts) == most - 1:
            parts.append(cut(body + ending, fits, url))
            break
        # A break mark of one unit stands where the ellipsis of a cut would.
        piece = _break(body, lambda kept, ending=ending: fits(f"{kept}{ending}"))  # type: ignore[misc]
        if not piece:
            parts.append(cut(body + ending, fits, url))
            break
        parts.append(piece + ending)
        body = body[len(piece) :].lstrip()
    return parts or [cut(text, fits, url)]


def _boundaries(text: str) -> list[int]:
    """Ends of graphemes that lie in no link, tag or mention; ascending, without 0."""
    inside = [(span.start, span.end) for span in spans(text)]
    ends: list[int] = []
    position, index = 0, 0
    for cluster in regex.findall(r"\X", text):
        position += len(cluster)
        while index < len(inside) and inside[index][1] <= position:
            index += 1
        if index == len(inside) or not inside[index][0] < position:
            ends.append(position)
    return ends


def _best(ends: list[int], ok: Callable[[int], bool]) -> int:
    """The greatest index whose end is ``ok``, -1 if none; sums of weights grow, so halving finds it."""
    low, high = -1, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if ok(ends[middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _shown(text: str, end: int) -> str:
    kept = text[:end].rstrip()
    if not kept:
        return ""
    if text[end:].lstrip(" ").startswith("\n") or text[len(kept) : end].find("\n") >= 0:
        return kept  # a whole paragraph ends here: nothing of it is missing
    stripped = kept.rstrip(" ,;:–—-")
    return f"{stripped}{ELLIPSIS}" if stripped else ""


def _longest(text: str, fits: Callable[[str], bool]) -> str:
    if fits(text):
        return text
    ends = _boundaries(text)
    best = _best(ends, lambda end: fits(_shown(text, end)))
    while best >= 0:
        chosen = best
        for index in range(best, max(best * 2 // 3, best - 60), -1):
            if text[ends[index] : ends[index] + 1].isspace():
                chosen = index
                break
        for index in (chosen, best):
            shown = _shown(text, ends[index])
            if fits(shown):  # normalisation may weigh a cut text a little more than its prefix
                return shown
        best -= 1
    return ""


def _break(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits and ends with a paragraph, a sentence or a word."""
    ends = _boundaries(text)
    best = _best(ends, lambda end: fits(text[:end].rstrip()))
    if best < 0:
        return ""
    room = text[: ends[best]]
    allowed = set(ends)
    for pattern in (r"\n\n", r"(?<=[.!?。！？…][\"'”’»)]?)\s", r"\s"):
        for match in regex.finditer(pattern, room, flags=regex.REVERSE):
            if match.start() in allowed and match.start() > len(room) // 3:
                return room[: match.start()].rstrip()
    return room.rstrip()
