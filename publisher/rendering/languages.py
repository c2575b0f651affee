"""A language as the frame of digests, notices and pages speaks it: its words, dates, numbers and lists.

An article keeps the language it was written in; what stands around it speaks the subscriber's or the visitor's. A
language without a file of words falls back to the publication's and then to English. Dates, numbers and lists are
CLDR's (through Babel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale, localedata
from babel.dates import format_date
from babel.numbers import format_decimal

from publisher.lib.direction import direction
from publisher.lib.languages import looked_up, normalised, primary
from publisher.lib.text import isolated, listed
from publisher.rendering.words import ENGLISH, Words, known_tags, locale_of, words_of

Day = date | datetime


@dataclass(frozen=True, slots=True)
class Speech:
    """A BCP 47 tag, ``ltr`` or ``rtl``, and the words; ``words`` are those of a digest's frame, by name."""

    language: str
    direction: str
    words: dict[str, str]
    vocabulary: Words

    @property
    def locale(self) -> Locale:
        return _locale(self.language)

    def speaks(self, tag: str) -> bool:
        """Whether text in the language ``tag`` is of this page's language, whatever its region."""
        return primary(tag) == primary(self.language) and direction(tag) == self.direction

    def say(self, key: str, count: int | None = None, **values: str | int) -> str:
        """The phrase ``key`` as plain text, its places filled; ``{count}`` is written as the language writes it."""
        shown = {name: self.placed(value) for name, value in values.items()}
        if count is not None:
            shown["count"] = self.number(count)
        return self.vocabulary.phrase(key).filled(shown, count)

    def placed(self, value: str | int) -> str:
        """``value`` as it stands inside a sentence: a number written out, words kept from reordering it."""
        return self.number(value) if isinstance(value, int) else isolated(value, right_to_left=self.direction == "rtl")

    def date(self, day: Day) -> str:
        """A long date, such as *23 November 2026*."""
        return format_date(day, format="long", locale=self.locale)

    def short_date(self, day: Day) -> str:
        return format_date(day, format="medium", locale=self.locale)

    def number(self, value: int | float) -> str:
        """A number with the language's separators."""
        return format_decimal(value, locale=self.locale)

    def listed(self, names: Sequence[str]) -> str:
        """``a, b and c``, each name kept from reordering the sentence."""
        return listed([self.placed(name) for name in names], self.list_patterns)

    @property
    def list_patterns(self) -> tuple[str, str, str, str]:
        """CLDR's patterns for two items, and for the start, middle and end of more."""
        patterns = self.locale.list_patterns["standard"]
        return patterns["2"], patterns["start"], patterns["middle"], patterns["end"]


def speech_for(language: str, fallback: str = ENGLISH, site: Path | None = None) -> Speech:
    """The frame for a subscriber's or visitor's language.

    :param fallback: the publication's; its region also decides how an *en* without one writes dates.
    :param site: the site's directory, whose own words come before ours.
    :raises RenderError: a file of words cannot be used.
    """
    if fallback.lower().startswith(f"{language.lower()}-"):
        language = fallback
    known = known_tags(site)
    tag, name = next(
        (tag, name) for tag in (language, fallback, ENGLISH) if (name := looked_up(tag, known))
    )  # English is always there
    words = words_of(name, site)
    shown = _with_region(tag, name)
    return Speech(shown, direction(shown), words.table("digest"), words)


def _with_region(tag: str, name: str) -> str:
    # en-GB and en-US write dates differently; a region Babel does not know must not fail an edition.
    regional = normalised(tag)
    parts = regional.split("-")
    return regional if len(parts) == 2 and localedata.exists("_".join(parts)) else name


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    return locale_of(language)
