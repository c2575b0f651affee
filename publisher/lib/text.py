"""Plain text made safe and made to fit; pure functions that every room shares.

Text from outside may hold characters that XML 1.0 cannot carry, that reverse what people see, or
that Python cannot encode. :func:`scrub` takes them out once, at the door.
"""

from __future__ import annotations

import hashlib
import html as _html
import re
import unicodedata
from collections.abc import Sequence

import regex

#: Not allowed in XML 1.0 (§2.2), or never meant to be seen: C0 and C1 controls but tab, LF and CR; lone
#: surrogates; the non-characters of every plane.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)
#: Marks that change the direction of what follows (Trojan Source, CVE-2021-42574), and the BOM.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SPACES = re.compile(r"[\s\u2028\u2029\u0085]+")
_TAG = re.compile(r"<[^>]*>")
_BLOCK_END = re.compile(r"</(?:p|h[1-6]|li|blockquote|div|pre|figcaption|tr)\s*>|<br\s*/?>|<hr\s*/?>", re.IGNORECASE)


def scrub(text: str) -> str:
    """Remove control characters, lone surrogates, non-characters and bidi marks; NFC; newlines as LF."""
    if text.isascii() and text.isprintable():
        return text  # nearly all names and addresses; one is scrubbed for every message that leaves
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    text = _BIDI.sub("", _FORBIDDEN.sub("", text))
    return unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Scrubbed, every run of white space (line and paragraph separators too) as one space, ends trimmed."""
    if "  " not in text and text.isascii() and text.isprintable():
        return text.strip()
    return _SPACES.sub(" ", scrub(text)).strip()


def graphemes(text: str) -> list[str]:
    """Split into extended grapheme clusters (UAX #29): what people call one character."""
    return regex.findall(r"\X", text)


def shorten(text: str, limit: int, *, ellipsis: str = "…") -> str:
    """At most ``limit`` graphemes, cut at a word where one ends in the last third, with an ellipsis."""
    clusters = graphemes(text)
    if len(clusters) <= limit:
        return text
    room = max(limit - len(graphemes(ellipsis)), 0)
    kept = clusters[:room]
    for index in range(len(kept) - 1, len(kept) * 2 // 3, -1):
        if kept[index].isspace():
            kept = kept[:index]
            break
    return "".join(kept).rstrip(" ,;:–—-") + ellipsis


def strip_tags(html: str) -> str:
    """The words of a sanitised HTML fragment as one line; block ends become spaces."""
    return one_line(_html.unescape(_TAG.sub("", _BLOCK_END.sub(" ", html))))


def slugify(text: str, *, limit: int = 80) -> str:
    """A lower-case URL path segment of letters and digits of any script; ``"article"`` when none is left."""
    joined = re.sub(r"(?<=\w)['’](?=\w)", "", unicodedata.normalize("NFKC", text).casefold())  # the lamplighters round
    words = re.findall(r"[^\W_]+", joined)
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > limit:
            break
        slug = longer
    return slug or (words[0][:limit] if words else "article")


def reading_minutes(html: str, *, words_per_minute: int = 230) -> int:
    """Whole minutes to read a body at an adult's usual rate; at least 1."""
    return max(1, round(len(strip_tags(html).split()) / words_per_minute))


def listed(words: Sequence[str], patterns: tuple[str, str, str, str]) -> str:
    """``a``, ``a and b``, ``a, b and c``.

    :param patterns: CLDR's list patterns (UTS #35) for two items, and for the start, middle and end of more.
    """
    if len(words) < 2:
        return "".join(words)
    two, start, middle, end = patterns
    if len(words) == 2:
        return _fill(two, *words)
    text = _fill(end, words[-2], words[-1])
    for word in reversed(words[1:-2]):
        text = _fill(middle, word, text)
    return _fill(start, words[0], text)


def _fill(pattern: str, first: str, second: str) -> str:
    # Not str.format: the words come from outside and may hold braces.
    before, _, rest = pattern.partition("{0}")
    between, _, after = rest.partition("{1}")
    return f"{before}{first}{between}{second}{after}"


def isolated(words: str, *, right_to_left: bool) -> str:
    """``words`` inside a sentence of the given direction, kept from reordering it (UAX #9, isolates)."""
    if words.isascii() and not right_to_left:
        return words
    other = ("L",) if right_to_left else ("R", "AL")
    foreign = any(unicodedata.bidirectional(character) in other for character in words)
    return f"\u2068{words}\u2069" if foreign else words


def body_hash(html: str) -> str:
    """SHA-256 (hex) of an article's body: what the store keeps and identity compares."""
    return hashlib.sha256(html.encode("utf-8", "surrogatepass")).hexdigest()
