"""How long a text is, in the unit of each platform. Pure; every platform counts differently.

- X: weighted units of its published configuration v3 (``counting-characters`` in X's documentation).
- Mastodon: graphemes, a link as a fixed number, a remote mention without its domain
  (``StatusLengthValidator`` of Mastodon and the API documentation's instance configuration).
- Threads: characters, an emoji as its number of UTF-8 bytes (Meta's Threads documentation).
- Telegram and LinkedIn: UTF-16 code units. Bluesky: graphemes and UTF-8 bytes (its lexicon).

X knows every top-level domain; we know the ones below and every plausible one after ``https://``. A bare
domain that we do not know is counted as the longer of its two possible lengths, so that a text we call
fitting is never refused.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex

from publisher.channels._spans import spans

X_URL_UNITS = 23
_MAX_URL = 4096

#: One emoji as people see it: a flag, a keycap, a sub-division flag, or pictographs joined by U+200D.
_EMOJI = regex.compile(
    r"[\U0001F1E6-\U0001F1FF]{2}"
    r"|[0-9#*]\uFE0F?\u20E3"
    r"|\U0001F3F4[\U000E0020-\U000E007E]+\U000E007F"
    r"|(?![©®]\uFE0F?|[0-9#*])\p{Extended_Pictographic}(?:\uFE0F|\p{EMod}|(?!\uFE0E))"
    r"(?:\u200D\p{Extended_Pictographic}(?:\uFE0F|\p{EMod})?){0,3}"
    r"|[©®]\uFE0F"
)

_LETTERS = r"\p{L}\p{M}\p{N}"
_COUNTRIES_WORDS = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc "
    "cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga "
    "gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo "
    "jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr "
    "ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re "
    "ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to "
    "tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_COUNTRIES = frozenset(_COUNTRIES_WORDS.split())
_GENERIC_WORDS = (
    "com org net info biz edu gov mil int name pro mobi travel jobs cat tel asia museum coop aero post xyz online "
    "site shop store app dev blog news media press today live world life tech cloud page link click website space "
    "club team group agency studio design art music film photography photos video games fun email social network "
    "digital academy school university education science health care law finance money bank london paris berlin "
    "tokyo nyc wiki"
)
_GENERIC = frozenset(_GENERIC_WORDS.split())
_SPECIAL_USE = frozenset(("localhost", "local", "internal", "invalid", "lan", "home", "corp", "onion", "arpa"))

_PATH_CHARACTER = r"a-z0-9!*';:=+,.$/%#\[\]\-–_~@|&\u00c0-\u024f\u0400-\u04ff\u1e00-\u1eff"
_PARENTHESES = rf"\((?:[{_PATH_CHARACTER}]|\([{_PATH_CHARACTER}]{{1,500}}\)){{1,500}}\)"
_PATH = (
    rf"(?:/(?:(?:[{_PATH_CHARACTER}]|{_PARENTHESES})*(?:[+\-a-z0-9=_#/\u00c0-\u024f\u0400-\u04ff]|{_PARENTHESES}))?)"
)
_QUERY = r"(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/])"
_X_URL = regex.compile(
    rf"(?<![A-Za-z0-9@＠$#＃])https?://"
    rf"(?P<domain>(?:[{_LETTERS}](?:[{_LETTERS}_-]{{0,61}}[{_LETTERS}])?\.)+"
    rf"(?P<tld>xn--[a-z0-9-]{{2,59}}|[a-z]{{2,63}}|\p{{L}}[\p{{L}}\p{{M}}]{{1,62}}))(?![a-z0-9@+-])"
    rf"(?::[0-9]+)?{_PATH}?{_QUERY}?"
    r"|(?<![A-Za-z0-9@＠$#＃_./-])"
    r"(?P<bare>(?:[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+(?P<bare_tld>[a-z]{2,63}))(?![a-z0-9@+-])"
    rf"(?::[0-9]+)?(?P<bare_path>{_PATH})?{_QUERY}?",
    regex.IGNORECASE,
)
_X_INVALID = regex.compile("[\ufffe\uffff\ufeff]")


def x_weight(text: str) -> int:
    """Length in X's units (of which a post may hold 280); :func:`x_valid` says what it refuses at any length."""
    text = unicodedata.normalize("NFC", text)
    total, position = 0, 0
    if "." in text:
        for match in _X_URL.finditer(text):
            units = _x_link_units(match)
            if units is not None:
                total += _x_characters(text[position : match.start()]) + units
                position = match.end()
    return total + _x_characters(text[position:])


def x_links(text: str) -> bool:
    """Whether X may see a link in ``text`` (a post with one costs more)."""
    return "." in text and any(_x_link_units(match) is not None for match in _X_URL.finditer(text))


def x_valid(text: str) -> bool:
    """Whether X takes every character."""
    return not _X_INVALID.search(text)


def _x_link_units(match: regex.Match[str]) -> int | None:
    """23 for what X certainly shortens, the longer length where we cannot know, ``None`` for plain text."""
    link = match.group()
    if match["domain"] is not None:
        too_long = len(link) + len(match["domain"]) > _MAX_URL
        return None if too_long or match["tld"].casefold() in _SPECIAL_USE else X_URL_UNITS
    tld, domain = match["bare_tld"].casefold(), match["bare"]
    if tld in _COUNTRIES and domain.count(".") == 1 and not match["bare_path"] and tld not in ("co", "tv"):
        return max(X_URL_UNITS, _x_characters(link))  # name.cc alone: X's own libraries disagree on it
    return X_URL_UNITS if tld in _GENERIC or tld in _COUNTRIES else max(X_URL_UNITS, _x_characters(link))


def _x_characters(text: str) -> int:
    if text.isascii():
        return len(text)
    rest, emoji = _EMOJI.subn("", text)
    return 2 * emoji + sum(1 if _light(ord(character)) else 2 for character in rest)


def _light(code: int) -> bool:
    return code <= 0x10FF or 0x2000 <= code <= 0x200D or 0x2010 <= code <= 0x201F or 0x2032 <= code <= 0x2037


def utf16_units(text: str) -> int:
    """UTF-16 code units."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def grapheme_count(text: str) -> int:
    """Extended grapheme clusters."""
    return len(text) if text.isascii() and "\r" not in text else len(regex.findall(r"\X", text))


def mastodon_length(text: str, url_units: int = 23) -> int:
    """Graphemes, each link that Mastodon would make as ``url_units``, ``@user@server`` as ``@user``."""
    parts, position = [], 0
    for span in spans(text):
        replacement = None
        if span.kind == "link" and _mastodon_links(span.value):
            replacement = "x" * url_units
        elif span.kind == "mention":
            replacement = "@" + span.value.partition("@")[0]
        if replacement is not None:
            parts += [text[position : span.start], replacement]
            position = span.end
    return grapheme_count("".join([*parts, text[position:]]))


@lru_cache(maxsize=256)
def _mastodon_links(link: str) -> bool:
    domain = link.split("://", 1)[1].split("/", 1)[0].split("?", 1)[0].rpartition("@")[2].partition(":")[0]
    labels = domain.split(".")
    if len(link) > _MAX_URL or len(labels) < 2 or labels[-1].casefold() in _SPECIAL_USE:
        return False
    try:
        return all(0 < len(label.encode("idna")) <= 63 for label in labels) and not labels[-1].isdigit()
    except UnicodeError:
        return False


def threads_length(text: str) -> int:
    """Code points, an emoji as its UTF-8 bytes."""
    if text.isascii():
        return len(text)
    rest = _EMOJI.sub("", text)
    return len(rest) + sum(len(match.group().encode()) for match in _EMOJI.finditer(text))
