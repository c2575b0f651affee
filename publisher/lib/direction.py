"""Which way a language is written, from CLDR's data (through Babel)."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from babel import Locale, localedata
from babel.core import get_global

from publisher.lib.languages import normalised

Direction = Literal["ltr", "rtl"]

#: Scripts from right to left (Unicode, bidirectional classes R and AL) of which CLDR has no language to ask.
_OTHERS = frozenset(
    {
        "Armi", "Avst", "Chrs", "Cprt", "Elym", "Gara", "Hatr", "Hung", "Khar", "Lydi", "Mand", "Mani", "Mend", "Merc",
        "Mero", "Narb", "Nbat", "Nkoo", "Orkh", "Palm", "Phli", "Phlp", "Phnx", "Prti", "Samr", "Sarb", "Sogd", "Sogo",
        "Yezi",
    }
)  # fmt: skip


@lru_cache(maxsize=512)
def direction(tag: str) -> Direction:
    """``rtl`` or ``ltr`` of a BCP 47 tag; ``ltr`` for what is no tag.

    The script decides: the one that the tag names (``az-Arab``), else the one that the language is mostly written
    in, there (``pa-PK``) or anywhere (``ks``).
    """
    language, _, rest = normalised(tag).partition("-")
    script = next((part for part in rest.split("-") if len(part) == 4 and part.isalpha()), "")
    region = next((part for part in rest.split("-") if len(part) in (2, 3) and not part.islower()), "")
    if not script:
        likely = get_global("likely_subtags")
        full = likely.get(f"{language}_{region}") or likely.get(language) or ""
        script = next((part for part in full.split("_")[1:] if len(part) == 4), "")
    return _of_script(language, script)


def _of_script(language: str, script: str) -> Direction:
    name = f"{language}_{script}"
    if not localedata.exists(name):  # then any language that is mostly written in this script
        typical, _, rest = str(get_global("likely_subtags").get(f"und_{script}", "")).partition("_")
        name = next((each for each in (f"{typical}_{rest[:4]}", typical) if each and localedata.exists(each)), "")
    if not name:
        return "rtl" if script in _OTHERS else "ltr"
    return "rtl" if Locale.parse(name).character_order == "right-to-left" else "ltr"
