"""Language tags as BCP 47 writes them (RFC 5646 for their form, RFC 4647 for looking one up)."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Longer text is refused before it is looked at; RFC 5646 §4.4.1 asks for at least 35.
MAX_TAG = 80
#: Bounds of an Accept-Language header that is read at all.
MAX_HEADER, MAX_RANGES = 500, 20
_LANGTAG = re.compile(
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*)"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?",
    re.IGNORECASE,
)
_PRIVATE = re.compile(r"x(?:-[a-z0-9]{1,8})+", re.IGNORECASE)
#: RFC 5646 §2.1, "irregular": registered before the syntax there is now.
_IRREGULAR = frozenset(
    {
        "en-gb-oed", "i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux", "i-mingo",
        "i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de",
    }
)  # fmt: skip


def is_language_tag(text: str) -> bool:
    """Whether ``text`` is a well-formed language tag (RFC 5646 §2.2.9): ``en``, ``pt-BR``, ``zh-Hant-TW``."""
    if len(text) > MAX_TAG:
        return False
    found = _LANGTAG.fullmatch(text)
    if found is None:
        return text.lower() in _IRREGULAR or bool(_PRIVATE.fullmatch(text))
    variants = found["variants"].lower().split("-")[1:]
    singletons = re.findall(r"-([a-z0-9])(?=-)", found["extensions"].lower())
    return len({*variants}) == len(variants) and len({*singletons}) == len(singletons)


def normalised(text: str) -> str:
    """The tag in the case that RFC 5646 §2.1.1 recommends, ``_`` read as ``-``, a deprecated language as its
    successor (``iw`` is ``he``); ``""`` for what is no tag."""
    tag = text.strip().replace("_", "-")
    found = _LANGTAG.fullmatch(tag) if is_language_tag(tag) else None
    if found is None:
        return ""
    from babel.core import get_global  # 80 ms to import, which checking a setting need not cost

    language = found["language"].lower()
    parts = [str(get_global("language_aliases").get(language, language)).replace("_", "-")]
    parts += [found["script"].title()] if found["script"] else []
    parts += [found["region"].upper()] if found["region"] else []
    rest = tag[found.start("variants") :].strip("-").lower()
    return "-".join([*parts, rest] if rest else parts)


def primary(tag: str) -> str:
    """The language alone, lower case: ``pt`` of ``pt-BR``, ``he`` of ``iw``; ``""`` for what is no tag."""
    return normalised(tag).partition("-")[0]


def looked_up(tag: str, known: Iterable[str]) -> str:
    """The member of ``known`` nearest to ``tag``: the tag itself, else cut from its end (RFC 4647 §3.4); ``""``."""
    by_tag = {normalised(each): each for each in known}
    parts = normalised(tag).split("-")
    for length in range(len(parts), 0, -1):
        if len(parts[length - 1]) > 1 and (found := by_tag.get("-".join(parts[:length]))):
            return found
    return ""


def accepted(header: str) -> list[str]:
    """The language ranges of an Accept-Language header (RFC 9110 §12.5.4), the most wanted first."""
    found: list[tuple[float, str]] = []
    for part in header[:MAX_HEADER].split(",")[:MAX_RANGES]:
        language, _, parameter = part.partition(";")
        weight = re.fullmatch(r"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", parameter, re.IGNORECASE)
        quality = float(weight[1]) if weight else 0.0 if parameter.strip() else 1.0
        if quality > 0 and is_language_tag(language.strip()):
            found.append((quality, language.strip()))
    return [language for _, language in sorted(found, key=lambda one: -one[0])]


def negotiated(header: str, known: Iterable[str], default: str) -> str:
    """The first language that a browser accepts and that is ``known``; else ``default``."""
    names = tuple(known)
    return next((found for tag in accepted(header) if (found := looked_up(tag, names))), default)
