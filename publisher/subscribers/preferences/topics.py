"""Names chosen among those that are offered: sections, tags, authors, digests."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from publisher.lib.text import one_line
from publisher.subscribers.preferences.kind import (
    Choice,
    ChoiceGroup,
    Control,
    Json,
    Keeper,
    Kind,
    Showing,
    Stored,
    Unusable,
)

MAX_TOPICS = 100
MAX_TOPIC = 200


@dataclass(frozen=True, kw_only=True)
class Topics(Kind[tuple[str, ...]]):
    """Any of the offered names; none means all. What was offered once and chosen may be kept."""

    control: ClassVar[Control] = "boxes"

    def read(
        self, given: Sequence[str] | None, held: tuple[str, ...], offered: Collection[str], today: date
    ) -> tuple[str, ...]:
        known: dict[str, str] = {}
        for name in (*offered, *held):
            known.setdefault(name.casefold(), name)
        chosen = (known.get(text.strip().casefold()) for text in (given or ())[: MAX_TOPICS * 2])
        return tuple(dict.fromkeys(name for name in chosen if name is not None))[:MAX_TOPICS]

    def parse(self, text: str) -> tuple[str, ...]:
        return tuple(name for part in text.split(";") if (name := one_line(part)[:MAX_TOPIC]))

    def to_json(self, value: tuple[str, ...]) -> Json:
        return list(value)

    def from_json(self, data: Json) -> tuple[str, ...]:
        return tuple(data) if isinstance(data, list) else ()

    def to_column(self, value: tuple[str, ...], zone: str) -> Stored:
        return json.dumps(value, ensure_ascii=False)

    def from_column(self, stored: Stored, zone: str, now: float) -> tuple[str, ...]:
        return tuple(json.loads(str(stored)))

    def choices(self, name: str, value: tuple[str, ...], showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        shown = {one.casefold(): one for one in (*value, *getattr(showing.offered, name, ()))}
        mine = {one.casefold() for one in value}
        return tuple(Choice(one, one, folded in mine) for folded, one in sorted(shown.items()))


@dataclass(frozen=True, kw_only=True)
class Digests(Topics):
    """The digests that are subscribed to: the subscriptions themselves, no column of one."""

    keeper: Keeper = "digests"

    def read(
        self, given: Sequence[str] | None, held: tuple[str, ...], offered: Collection[str], today: date
    ) -> tuple[str, ...]:
        chosen = super().read(given, held, offered, today)
        if given is not None and not chosen and offered:
            raise Unusable("digests", "Choose at least one.")
        return chosen

    def choices(self, name: str, value: tuple[str, ...], showing: Showing) -> tuple[Choice | ChoiceGroup, ...]:
        offered = showing.offered.digests
        if len(offered) < 2:
            return ()
        return tuple(Choice(one, showing.titles.get(one, one), one in value) for one in offered)
