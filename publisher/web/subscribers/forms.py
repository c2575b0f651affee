"""What the pages for subscribers show, as plain values: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from publisher.rendering.languages import Speech
from publisher.rendering.words import ENGLISH, Words, locale_of
from publisher.subscribers.personal_data import PersonalData
from publisher.subscribers.preferences.kind import Choice, ChoiceGroup, Control, Json, Offered, Showing, Unusable
from publisher.subscribers.standing import Standing
from publisher.subscribers.wishes import Wishes, preferences

#: Reasons of a suppression that have words of their own, ``preferences.<reason>``; for others ``suppressed`` speaks.
SAID_REASONS = frozenset({"complained", "bounced"})
#: What is held about a person, in the order it is shown.
ABOUT = ("address", "name", "status", "origin", "since", "confirmed", "suppressed")

#: The parts of the form in order, each with its heading; a part that nobody knows comes last.
GROUPS = ("digests", "topics", "more_topics", "rhythm", "looks", "more", "privacy")


@dataclass(frozen=True, slots=True)
class Field:
    """One preference as the form asks for it; ``value`` is what stands in a field without choices."""

    name: str
    control: Control
    label: str
    hint: str
    choices: tuple[Choice | ChoiceGroup, ...]
    value: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    fields: tuple[Field, ...]


def form_words(words: Words) -> dict[str, str]:
    """The words of the form, by what comes after ``form.`` in the files of words."""
    return {key.removeprefix("form."): one.form() for key, one in words.phrases.items() if key.startswith("form.")}


def wishes_form(
    wishes: Wishes,
    offered: Offered,
    *,
    titles: Mapping[str, str],
    language: str,
    signup: bool = False,
    labels: Mapping[str, str] | None = None,
    leave_out: Collection[str] = (),
) -> tuple[Group, ...]:
    """The preferences as ``_wishes.html`` shows them, group by group; a field that offers nothing is left out.

    :param titles: how a digest is called, by name.
    :param language: of the page, for the names of days.
    :param signup: whether the form is the one for new subscribers.
    :param labels: words in place of the declaration's; see :class:`publisher.subscribers.preferences.kind.Showing`.
    :param leave_out: preferences that mean nothing on this site.
    """
    words = labels or {}
    showing = Showing(offered, locale_of(language), titles, words)
    groups: dict[str, list[Field]] = {name: [] for name in GROUPS}
    for name, kind, default in preferences():
        if not kind.label or name in leave_out or (signup and not kind.at_signup):
            continue
        value = getattr(wishes, name)
        choices = kind.choices(name, value, showing)
        if not choices and kind.control != "date":
            continue
        label, hint = words.get(name, kind.label), words.get(f"{name}_hint", kind.hint)
        field = Field(name, kind.control, label, hint, choices, kind.typed_in(value), value != default)
        groups.setdefault(kind.group, []).append(field)
    return tuple(Group(name, tuple(fields)) for name, fields in groups.items() if fields)


def spoken(problems: Mapping[str, Unusable] | None, speech: Speech) -> dict[str, str]:
    """Each problem in the words of the page; why an address is none is said in English alone."""
    words, english = form_words(speech.vocabulary), speech.vocabulary.language == ENGLISH
    return {
        name: str(one) if english and "why" in one.values else one.said(words) for name, one in (problems or {}).items()
    }


def suppressed_line(reason: str, speech: Speech) -> str:
    """Why nothing is sent to an address; empty where it is not suppressed."""
    return speech.say(f"preferences.{reason if reason in SAID_REASONS else 'suppressed'}") if reason else ""


def next_line(found: Standing, next_due: float | None, speech: Speech) -> str:
    """When the next digest comes, in the subscriber's own time; empty where no slot is waited for."""
    if not found.wishes.digests or found.suppressed or next_due is None:
        return ""
    zone = ZoneInfo(found.wishes.timezone)
    at = datetime.fromtimestamp(next_due, UTC).astimezone(zone)
    when = format_datetime(at, speech.say("when"), locale=speech.locale, tzinfo=zone)
    return speech.say("preferences.next", when=when, zone=found.wishes.timezone.replace("_", " "))


def data_groups(data: PersonalData, speech: Speech) -> list[dict[str, object]]:
    """What :func:`publisher.subscribers.personal_data.export` gives, as groups of named lines."""
    words = speech.vocabulary.table("data")
    values: Mapping[str, object] = data
    about = [{"name": words[key], "value": values[key]} for key in ABOUT if values[key]]
    wishes = [
        {
            "name": words.get(name) or name.replace("_", " ").capitalize(),
            "value": _held(value, words),
        }
        for name, value in data["preferences"].items()
        if value not in (None, "", [])
    ]
    record = [{"name": one["at"], "value": _sentence(one["what"], one["detail"])} for one in data["record"]]
    sent = [
        {"name": one["sent"], "value": f"{one['digest']} {one['number']}: {one['title']}"}
        for one in data["editions_sent"]
    ]
    feeds = [
        {
            "name": one["opened"],
            "value": speech.say("data.feed_closed", date=one["closed"]) if one["closed"] else words["feed_open"],
        }
        for one in data["private_feeds"]
    ]
    groups = [("you", about), ("choices", wishes), ("record", record), ("feeds", feeds), ("sent", sent)]
    return [{"title": words[name], "rows": rows} for name, rows in groups]


def _held(value: Json, words: Mapping[str, str]) -> Json:
    if isinstance(value, bool):
        return words["yes" if value else "no"]
    return ", ".join(value) if isinstance(value, list) else value


def _sentence(what: str, detail: str) -> str:
    return f"{what} ({detail})" if detail else what
