"""What a subscriber asks for. Each preference is declared here, once; the rest follows from its kind.

::

    form | JSON ─→ read_wishes(raw, offered) ─→ Wishes ─→ columns | JSON | CSV | fields of a form
                                             └→ problems, a line for each field that cannot be used

A new preference is one line of :class:`Wishes`, its column in :mod:`publisher.store.tables` and a migration. The
column is there because planning selects by preferences in SQL and an import copies a million of them at once.
Unknown topics are dropped when a form is read. A field that is missing keeps its value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, get_type_hints

from publisher.digests.planning import next_slot
from publisher.lib.spreadsheets import unguarded
from publisher.model import Cadence, Subscription
from publisher.subscribers.preferences.kind import Json, Keeper, Kind, Offered, Stored, Unusable
from publisher.subscribers.preferences.languages import Language
from publisher.subscribers.preferences.pauses import PauseEnd
from publisher.subscribers.preferences.topics import Digests, Topics
from publisher.subscribers.preferences.values import Flag, Number, OneOf, Radios, Weekday
from publisher.subscribers.preferences.zones import Zone

CADENCES = (
    (Cadence.EACH, "As soon as it is published"),
    (Cadence.DAILY, "Once a day"),
    (Cadence.WEEKDAYS, "Monday to Friday"),
    (Cadence.WEEKLY, "Once a week"),
    (Cadence.MONTHLY, "Once a month"),
)
FORMATS = (("html", "Designed, with pictures"), ("text", "Plain text"))
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wishes:
    """All preferences of one subscriber; ``paused_until`` is a local date in ``timezone``, ``None`` for not paused."""

    digests: Annotated[Names, Digests(label="What", group="digests")] = ()
    sections: Annotated[Names, Topics(label="Sections", group="topics")] = ()
    tags: Annotated[Names, Topics(label="Tags", group="more_topics")] = ()
    authors: Annotated[Names, Topics(label="Authors", group="more_topics")] = ()
    cadence: Annotated[Cadence, Radios(values=CADENCES, label="How often", group="rhythm")] = Cadence.EACH
    weekday: Annotated[int, Weekday(label="Day of the week", group="rhythm")] = 0
    monthday: Annotated[
        int,
        Number(
            lowest=1,
            highest=31,
            label="Day of the month",
            hint="A shorter month uses its last day.",
            group="rhythm",
        ),
    ] = 1
    hour: Annotated[int, Number(lowest=0, highest=23, shown="{:02}:00", label="Hour", group="rhythm")] = 8
    minute: Annotated[int, Number(lowest=0, highest=59)] = 0
    timezone: Annotated[
        str, Zone(label="Time zone", hint="Your local time, in summer and in winter.", group="rhythm")
    ] = "UTC"
    language: Annotated[
        str, Language(label="Language of the frame", hint="Articles keep their own language.", group="looks")
    ] = ""
    format: Annotated[str, OneOf(values=FORMATS, label="Format", group="looks")] = "html"
    paused_until: Annotated[
        date | None,
        PauseEnd(
            label="Pause until",
            hint="Empty: no pause. What is published meanwhile is not sent later; you find it on the site.",
            at_signup=False,
        ),
    ] = None
    tracking: Annotated[
        bool,
        Flag(
            label="Privacy",
            yes="My opens and clicks may be counted, without my name.",
            group="privacy",
            keeper="subscriber",
            at_signup=False,
        ),
    ] = True

    def subscription(self, subscriber_id: int, digest: str) -> Subscription:
        own = [one.name for one in fields(Subscription) if one.name not in ("subscriber_id", "digest")]
        return Subscription(subscriber_id, digest, **{name: getattr(self, name) for name in own})

    def kept(self, keeper: Keeper) -> dict[str, Stored]:
        """The columns of one table."""
        return {
            one.name: one.kind.to_column(getattr(self, one.name), self.timezone)
            for one in preferences()
            if one.kind.keeper == keeper
        }

    def columns(self, now: float) -> dict[str, Stored | None]:
        """Columns of ``subscription``; ``next_due`` is the first slot after ``now`` (UTC epoch seconds)."""
        kept = self.kept("subscription")
        after = max(now, float(kept["paused_until"]) - 1)
        return {**kept, "next_due": next_slot(self.subscription(0, ""), after)}

    def chosen(self, keeper: Keeper) -> dict[str, Stored]:
        """As :meth:`kept`, without what is left at its default."""
        kept = self.kept(keeper)
        return {
            one.name: kept[one.name]
            for one in preferences()
            if one.name in kept and getattr(self, one.name) != one.default
        }

    def topics(self) -> Names:
        """Every section, tag and author that is followed."""
        return tuple(name for kind in topic_names() for name in getattr(self, kind))

    def as_json(self) -> dict[str, Json]:
        """Plain values; :func:`wishes_from_json` is the way back."""
        return {one.name: one.kind.to_json(getattr(self, one.name)) for one in preferences()}


class Preference(NamedTuple):
    """One preference as :class:`Wishes` declares it."""

    name: str
    kind: Kind[Any]
    default: Any


@lru_cache(maxsize=1)
def preferences() -> tuple[Preference, ...]:
    """Every preference, in the order of the declaration."""
    hints = get_type_hints(Wishes, include_extras=True)
    return tuple(Preference(one.name, hints[one.name].__metadata__[0], one.default) for one in fields(Wishes))


def topic_names() -> Names:
    """The preferences that are topics to follow."""
    return tuple(name for name, kind, _ in preferences() if isinstance(kind, Topics) and kind.keeper != "digests")


def wishes_from_json(data: Mapping[str, Any]) -> Wishes:
    """What :meth:`Wishes.as_json` wrote; a preference that was declared later has its default."""
    return Wishes(**{one.name: one.kind.from_json(data[one.name]) for one in preferences() if one.name in data})


def wishes_from_columns(row: Mapping[str, Any], digests: Names, *, now: float) -> Wishes:
    """The preferences in columns of ``subscriber`` and of one of its subscriptions; without one, the defaults."""
    values = {
        one.name: one.kind.from_column(row[one.name], row.get("timezone", "UTC"), now)
        for one in preferences()
        if one.name in row
    }
    return Wishes(digests=digests, **values)


def wishes_from_cells(row: Mapping[str, str]) -> Wishes | None:
    """The preferences in a row of our CSV; ``None`` when it holds none. An empty cell means the default.

    :raises ValueError: a cell cannot be used; the message names it.
    """
    values: dict[str, Any] = {}
    for name, kind, _ in preferences():
        text = row.get(name, "")
        if text and kind.keeper != "digests" and (text := unguarded(text.strip())):
            try:
                values[name] = _from_cell(kind, text)
            except Unusable as error:
                raise ValueError(f"{name} = {text[:40]!r}: {error}") from None
    return Wishes(**values) if values else None


@lru_cache(maxsize=16384)
def _from_cell(kind: Kind[Any], text: str) -> Any:
    return kind.parse_cell(text)


def read_wishes(
    raw: Mapping[str, Sequence[str]], offered: Offered, start: Wishes, *, today: date | None = None
) -> tuple[Wishes, dict[str, Unusable]]:
    """``start`` with what ``raw`` asks for; and a problem by field name for what cannot be used.

    :param raw: field name to its values, all text, from outside. A field of boxes counts as given when its marker
        ``<name>_shown`` is given too: an HTML form says nothing of boxes that are not ticked.
    """
    problems: dict[str, Unusable] = {}
    values: dict[str, Any] = {}
    for name, kind, _ in preferences():
        held = getattr(start, name)
        values[name] = held
        if name in raw or (kind.control in ("boxes", "checkbox") and f"{name}_shown" in raw):
            try:
                day = today or datetime.now(UTC).date()
                values[name] = kind.read(raw.get(name), held, getattr(offered, name, ()), day)
            except Unusable as error:
                problems[name] = error
    return Wishes(**values), problems
