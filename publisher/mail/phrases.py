"""The few phrases that need a subscriber's own words, carried inside the compiled edition.

They are decided when the edition is composed (in the variant's language), so sending needs no locale data and a
restart says the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from publisher.lib.text import isolated, listed

#: More followed topics than this are not listed one by one.
MAX_TOPICS = 8


@dataclass(frozen=True, slots=True)
class Phrases:
    """``greeting_named`` holds ``{name}``, ``because_topics`` ``{topics}``; ``list_patterns`` are CLDR's."""

    greeting_named: str
    greeting_plain: str
    because_all: str
    because_topics: str
    list_patterns: tuple[str, str, str, str]
    right_to_left: bool = False

    def greeting(self, name: str) -> str:
        return (
            self.greeting_named.replace("{name}", isolated(name, right_to_left=self.right_to_left))
            if name
            else self.greeting_plain
        )

    def reason(self, topics: tuple[str, ...]) -> str:
        """Why this subscriber receives it: "because you follow …"."""
        if not topics:
            return self.because_all
        shown = (*topics[:MAX_TOPICS], "…") if len(topics) > MAX_TOPICS else topics
        words = [isolated(topic, right_to_left=self.right_to_left) for topic in shown]
        return self.because_topics.replace("{topics}", listed(words, self.list_patterns))

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Phrases:
        return Phrases(**{**data, "list_patterns": tuple(data["list_patterns"])})
