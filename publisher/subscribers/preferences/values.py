"""One of a few values, a number in a range, yes or no."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from babel.dates import get_day_names

from publisher.subscribers.preferences.kind import (
    Choice,
    ChoiceGroup,
    Control,
    Json,
    Kind,
    Showing,
    Stored,
    T,
    Text,
    Unusable,
)


@dataclass(frozen=True, kw_only=True)
class OneOf(Text[T]):
    """One of a few values.

    :param values: each value and how a form calls it.
    """

    values: tuple[tuple[T, str], ...]

    def parse(self, text: str) -> T:
        for value, _ in self.values:
            if str(value) == text:
                return value
        raise Unusable("choice", "Choose one of: {choices}.", choices=", ".join(str(value) for value, _ in self.values))

    def choices(self, name: str, value: T, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        return tuple(
            Choice(str(one), showing.labels.get(f"choices.{name}.{one}", label), one == value)
            for one, label in self.values
        )


@dataclass(frozen=True, kw_only=True)
class Radios(OneOf[T]):
    control: ClassVar[Control] = "radios"


@dataclass(frozen=True, kw_only=True)
class Number(Kind[int]):
    """A whole number from ``lowest`` to ``highest``; ``shown`` is a format string for the labels of the choices."""

    lowest: int
    highest: int
    shown: str = "{}"

    def parse(self, text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) and self.lowest <= int(text) <= self.highest:
            return int(text)
        raise Unusable(
            "number", "A number from {lowest} to {highest} is expected.", lowest=self.lowest, highest=self.highest
        )

    def to_json(self, value: int) -> Json:
        return value

    def from_json(self, data: Json) -> int:
        return self.parse(str(data))

    def to_column(self, value: int, zone: str) -> Stored:
        return value

    def from_column(self, stored: Stored, zone: str, now: float) -> int:
        return int(stored)

    def called(self, number: int, showing: Showing) -> str:
        return self.shown.format(number)

    def choices(self, name: str, value: int, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        numbers = range(self.lowest, self.highest + 1)
        return tuple(Choice(str(number), self.called(number, showing), number == value) for number in numbers)


@dataclass(frozen=True, kw_only=True)
class Weekday(Number):
    """0 is Monday."""

    lowest: int = 0
    highest: int = 6

    def called(self, number: int, showing: Showing) -> str:
        return str(get_day_names("wide", locale=showing.locale)[number])


@dataclass(frozen=True, kw_only=True)
class Flag(Kind[bool]):
    """Yes or no; ``yes`` is what one agrees to by ticking the box."""

    yes: str = ""
    control: ClassVar[Control] = "checkbox"

    def read(self, given: Sequence[str] | None, held: bool, offered: Collection[str], today: date) -> bool:
        return False if given is None else super().read(given, held, offered, today)

    def parse(self, text: str) -> bool:
        word = text.strip().lower()
        if word in ("1", "true", "yes", "on"):
            return True
        if word in ("0", "false", "no", "off"):
            return False
        raise Unusable("flag", "true or false is expected.")

    def to_json(self, value: bool) -> Json:
        return value

    def from_json(self, data: Json) -> bool:
        return bool(data)

    def to_column(self, value: bool, zone: str) -> Stored:
        return value

    def from_column(self, stored: Stored, zone: str, now: float) -> bool:
        return bool(stored)

    def choices(self, name: str, value: bool, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        return (Choice("1", showing.labels.get(f"choices.{name}.1", self.yes), value),)
