"""Languages that we speak to a subscriber in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from publisher.lib.languages import is_language_tag
from publisher.subscribers.preferences.kind import Choice, ChoiceGroup, Json, Keeper, Showing, Stored, Text, Unusable


@dataclass(frozen=True, kw_only=True)
class Language(Text[str]):
    """A language that notices and digests speak; an imported file may name another. Empty: the publication's."""

    keeper: Keeper = "subscriber"

    def read(self, given: Sequence[str] | None, held: str, offered: Collection[str], today: date) -> str:
        text = given[0] if given else held
        if text in offered or text in ("", held):
            return text
        raise Unusable("language", "Choose a language from the list.")

    def parse(self, text: str) -> str:
        return text if is_language_tag(text) else ""

    def from_json(self, data: Json) -> str:
        return str(data)

    def from_column(self, stored: Stored, zone: str, now: float) -> str:
        return str(stored)

    def choices(self, name: str, value: str, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        return tuple(Choice(tag, called, tag == value) for tag, called in showing.offered.language.items())
