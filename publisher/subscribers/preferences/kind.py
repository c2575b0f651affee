"""What is common to all kinds of preference: what a value may be, and how a form shows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Generic, Literal, TypeVar

from babel import Locale

T = TypeVar("T")
Json = str | int | bool | list[str] | None
Stored = str | int | float | bool
Control = Literal["boxes", "radios", "select", "date", "checkbox"]
#: Which row keeps a preference: one value for each subscription, one for the subscriber, or the subscriptions' names.
Keeper = Literal["subscription", "subscriber", "digests"]


class Unusable(ValueError):
    """A value from outside that cannot be used; the text tells the person what is expected.

    :param key: of the text among the words of forms, ``form.problems.<key>``.
    :param text: the same in English, with places such as ``{lowest}`` for ``values``.
    """

    def __init__(self, key: str, text: str, **values: str | int) -> None:
        super().__init__(_filled(text, values))
        self.key = key
        self.values = values

    def said(self, labels: Mapping[str, str]) -> str:
        """The text in the words of a page; English where they lack it."""
        words = labels.get(f"problems.{self.key}")
        return str(self) if words is None else _filled(words, self.values)


def _filled(text: str, values: Mapping[str, str | int]) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: str(values.get(place[1], place[0])), text)


@dataclass(frozen=True, slots=True)
class Offered:
    """What a subscriber may choose from, by the preference's name; names as they are shown.

    :param language: a language's own name, by its tag.
    """

    digests: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    language: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ChoiceGroup:
    label: str
    options: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Showing:
    """How a form is shown.

    :param locale: of the page, for the names of days.
    :param titles: how a digest is called, by name.
    :param labels: words of the page by ``<preference>``, ``<preference>_hint`` and ``choices.<preference>.<value>``,
        in place of those of the declaration.
    """

    offered: Offered
    locale: Locale
    titles: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[T]):
    """What is common to all preferences.

    :param label: what a form calls it; the form does not show a preference without one.
    :param hint: one more sentence beside the field.
    :param group: the part of the form that it stands in (``templates/web/_wishes.html``).
    :param at_signup: whether the form for new subscribers shows it too.
    """

    label: str = ""
    hint: str = ""
    group: str = "more"
    at_signup: bool = True
    keeper: Keeper = "subscription"
    control: ClassVar[Control] = "select"

    def parse(self, text: str) -> T:
        """The value that one text from outside means.

        :raises Unusable: it means none.
        """
        raise NotImplementedError

    def read(self, given: Sequence[str] | None, held: T, offered: Collection[str], today: date) -> T:
        """The value that a form or JSON asks for.

        :param given: the texts of the field; ``None`` when its boxes were shown and none was ticked.
        :param held: the value until now.
        :param offered: what may be chosen from, for kinds whose choices are found in the articles.
        :raises Unusable: ``given`` cannot be used.
        """
        return self.parse(given[0]) if given else held

    def parse_cell(self, text: str) -> T:
        """The value of a CSV cell that is not empty.

        :raises Unusable: it means none.
        """
        return self.parse(text)

    def to_json(self, value: T) -> Json:
        raise NotImplementedError

    def from_json(self, data: Json) -> T:
        """The inverse of :meth:`to_json`."""
        raise NotImplementedError

    def to_column(self, value: T, zone: str) -> Stored:
        raise NotImplementedError

    def from_column(self, stored: Stored, zone: str, now: float) -> T:
        """The inverse of :meth:`to_column`.

        :param zone: the subscription's time zone.
        :param now: UTC epoch seconds.
        """
        raise NotImplementedError

    def choices(self, name: str, value: T, showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        """What a form offers, with the chosen ones marked; empty for fields without choices."""
        return ()

    def typed_in(self, value: T) -> str:
        """What stands in a field without choices."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Text(Kind[T]):
    """A kind whose values are texts everywhere but in Python."""

    def to_json(self, value: T) -> Json:
        return str(value)

    def from_json(self, data: Json) -> T:
        return self.parse(str(data))

    def to_column(self, value: T, zone: str) -> Stored:
        return str(value)

    def from_column(self, stored: Stored, zone: str, now: float) -> T:
        return self.parse(str(stored))
