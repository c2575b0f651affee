"""Languages that we speak to a subscriber in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from publisher.lib.languages import is_language_tag
from publisher.subscribers.preferences.kind import Choice, ChoiceGroup, Keeper, Showing, Text, Unusable

#: Languages that the frame of a digest and our notices speak.
LANGUAGES = {
    "en": "English",
    "it": "Italiano",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ar": "العربية",
}


@dataclass(frozen=True, kw_only=True)
class Language(Text[str]):
    """A language that notices and digests speak; an imported file may name another. Empty: the publication's."""

    keeper: Keeper = "subscriber"

    def parse(self, text: str) -> str:
        if text in LANGUAGES or text == "":
            return text
        raise Unusable("Choose a language from the list.")

    def parse_cell(self, text: str) -> str:
        return text if is_language_tag(text) else ""

    def from_json(self, data: Any) -> str:
        return str(data)

    def from_column(self, stored: Any, zone: str, now: float) -> str:
        return str(stored)

    def choices(self, name: str, value: str, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        return tuple(Choice(tag, called, tag == value) for tag, called in LANGUAGES.items())
