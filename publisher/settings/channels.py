"""``[[channels]]``: places that articles are posted to.

What is posted when a channel is first seen is ``backfill``: a live channel posts nothing that is already there,
so that connecting one to an old publication is silent; a dry run records the post of every article, so that it
can be looked at. Everything that is published after that is posted, in the order of its date.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from publisher.lib.schedules import parse_rule
from publisher.settings.base import Name, Table

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?:(?P<first>mon|tue|wed|thu|fri|sat|sun)(?:-(?P<last>mon|tue|wed|thu|fri|sat|sun))?\s+)?"
    r"(?P<h1>[01]\d|2[0-3]):(?P<m1>[0-5]\d)-(?P<h2>[01]\d|2[0-4]):(?P<m2>[0-5]\d)"
)


def parse_window(value: str) -> tuple[frozenset[int], int, int]:
    """``"mon-fri 08:00-20:00"`` as weekdays (0 is Monday) and minutes of the day; the end is exclusive.

    :raises ValueError: it is no window.
    """
    match = _WINDOW.fullmatch(value.strip().casefold())
    if not match:
        raise ValueError('expected a window such as "08:00-20:00" or "mon-fri 08:00-20:00"')
    start = int(match["h1"]) * 60 + int(match["m1"])
    end = int(match["h2"]) * 60 + int(match["m2"])
    if not start < end <= 24 * 60:
        raise ValueError("expected a window that ends after it starts, on the same day")
    if match["first"] is None:
        return frozenset(range(7)), start, end
    first = _DAYS.index(match["first"])
    last = _DAYS.index(match["last"] or match["first"])
    return frozenset((first + i) % 7 for i in range((last - first) % 7 + 1)), start, end


def _window(value: str) -> str:
    parse_window(value)
    return value


def _schedule(value: str) -> str:
    parse_rule(value)
    return value


Window = Annotated[str, AfterValidator(_window)]
Schedule = Annotated[str, AfterValidator(_schedule)]


class ChannelSettings(Table):
    name: Name = Field(description="Names the channel in commands and overrides.")
    kind: Name = Field(description="A file name of publisher/channels.")
    dry_run: bool = Field(default=False, description="Record the post and send nothing.")
    backfill: Literal["none", "newest", "all"] | None = Field(
        default=None,
        description="Which articles that are already there a channel posts when it is first seen. "
        "Default: none; with dry_run: all.",
    )
    sections: tuple[str, ...] = Field(default=(), description="Only articles of one of these sections.")
    tags: tuple[str, ...] = Field(default=(), description="Only articles with one of these tags.")
    template: str = Field(
        default="",
        pattern=r"^[a-z0-9_-]*$",
        description="A file name of templates/post, without .txt. Default: the kind.",
    )
    hashtags: int | None = Field(
        default=None, ge=0, le=30, description="At most this many hashtags from an article's tags. Default: the kind's."
    )
    thread: int = Field(
        default=1, ge=1, le=25, description="A text that is too long becomes up to this many posts, where the kind can."
    )
    images: bool = Field(default=False, description="Attach the article's image with its alternative text.")
    utm: bool = Field(default=False, description="Add utm_source, utm_medium and utm_campaign to the link.")
    schedule: Schedule = Field(
        default="at-once",
        description='at-once; "when 3 articles are ready"; or a cron line in the publication\'s time zone.',
    )
    windows: tuple[Window, ...] = Field(
        default=(),
        description='When posts may leave, in the publication\'s zone, as "mon-fri 08:00-20:00". Empty: always.',
    )
    spacing_minutes: float = Field(default=0, ge=0, le=10080, description="Least time between two posts.")
    updates: bool = Field(default=True, description="Carry an article's later edits into its post, where the kind can.")
    options: dict[str, object] = Field(
        default_factory=dict, description="What this kind needs; see the file of the kind."
    )
