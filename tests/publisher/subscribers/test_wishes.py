"""Preferences are declared once: columns, forms, JSON and CSV follow, and each way there and back loses nothing."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import DefaultClause
from sqlalchemy.sql.elements import True_

from publisher.lib.text import one_line
from publisher.rendering.words import languages, words_of
from publisher.store.tables import preference_columns, subscriber, subscription
from publisher.subscribers.interchange.columns import recognise
from publisher.subscribers.interchange.exporting import cell
from publisher.subscribers.preferences.kind import ChoiceGroup, Offered
from publisher.subscribers.preferences.topics import Topics
from publisher.subscribers.preferences.zones import zone_names
from publisher.subscribers.wishes import (
    CADENCES,
    FORMATS,
    Wishes,
    preferences,
    read_wishes,
    wishes_from_cells,
    wishes_from_columns,
    wishes_from_json,
)
from publisher.web.subscribers.forms import Field, form_words, wishes_form

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
LANGUAGES = languages()
OFFERED = Offered(("digest", "weekly"), ("Coast", "Hills"), ("boats", "ice"), ("Ada Moretti",), LANGUAGES)


def some(names: tuple[str, ...], least: int = 0):
    return st.lists(st.sampled_from(names), unique=True, min_size=least).map(tuple)


#: What a form can ask for.
ASKED = st.builds(
    Wishes,
    digests=some(OFFERED.digests, 1),
    sections=some(OFFERED.sections),
    tags=some(OFFERED.tags),
    authors=some(OFFERED.authors),
    cadence=st.sampled_from([value for value, _ in CADENCES]),
    weekday=st.integers(0, 6),
    monthday=st.integers(1, 31),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    timezone=st.sampled_from(zone_names()),
    language=st.sampled_from(tuple(LANGUAGES)),
    format=st.sampled_from([value for value, _ in FORMATS]),
    paused_until=st.none() | st.dates(TODAY + timedelta(days=1), TODAY + timedelta(days=366)),
    tracking=st.booleans(),
)
TOPIC = st.text(min_size=1, max_size=30).map(one_line).filter(lambda name: name and ";" not in name)


def submitted(form) -> dict[str, list[str]]:
    """What a browser sends of a form in which nothing was touched."""
    raw: dict[str, list[str]] = {}
    for field in (field for group in form for field in group.fields):
        assert isinstance(field, Field)
        if field.control in ("boxes", "checkbox"):
            raw[f"{field.name}_shown"] = ["1"]
        options = [
            option
            for choice in field.choices
            for option in (choice.options if isinstance(choice, ChoiceGroup) else (choice,))
        ]
        sent = [option.value for option in options if option.chosen]
        if field.control == "date":
            sent = [field.value]
        if sent:
            raw[field.name] = sent
    return raw


def as_set(wishes: Wishes) -> Wishes:
    """A form shows topics in the order of their names, whatever order they were chosen in."""
    return replace(
        wishes,
        **{name: tuple(sorted(getattr(wishes, name))) for name, kind, _ in preferences() if isinstance(kind, Topics)},
    )


@given(ASKED)
def test_a_form_that_is_sent_back_untouched_asks_for_the_same(wishes) -> None:
    raw = submitted(wishes_form(wishes, OFFERED, titles={}, language="en"))
    found, problems = read_wishes(raw, OFFERED, replace(Wishes(), minute=wishes.minute), today=TODAY)
    assert problems == {}
    assert as_set(found) == as_set(wishes)


@given(ASKED)
def test_json_comes_back_as_it_was(wishes) -> None:
    assert wishes_from_json(wishes.as_json()) == wishes


@example(Wishes(), ("=SUM(A1)", "Hills"))
@given(ASKED, some(("Coast", "Hills")) | st.lists(TOPIC, unique=True, max_size=4).map(tuple))
def test_a_row_of_csv_comes_back_as_it_was(wishes, sections) -> None:
    wishes = replace(wishes, sections=sections, digests=())
    out = io.StringIO()
    writer = csv.writer(out)
    data = wishes.as_json()
    writer.writerow(list(data))
    writer.writerow([cell(value) for value in data.values()])
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert wishes_from_cells(row) == wishes


@given(ASKED)
def test_columns_come_back_as_they_were(wishes) -> None:
    row = {**wishes.kept("subscriber"), **wishes.kept("subscription")}
    assert wishes_from_columns(row, wishes.digests, now=NOW) == wishes


@pytest.mark.parametrize(
    ("table", "keeper"),
    [(subscriber, "subscriber"), (subscription, "subscription")],
    ids=["subscriber", "subscription"],
)
def test_every_preference_has_its_column_and_every_such_column_its_preference(table, keeper) -> None:
    declared = {one.name: one for one in preferences() if one.kind.keeper == keeper}
    columns = {column.name: column for column in preference_columns(table)}
    assert set(columns) == set(declared)
    for name, column in columns.items():
        assert isinstance(column.server_default, DefaultClause)
        given_by_default = column.server_default.arg
        if isinstance(given_by_default, str):
            stored = column.type.python_type(given_by_default)
        else:
            stored = isinstance(given_by_default, True_)
        assert stored == declared[name].kind.to_column(declared[name].default, "UTC"), name


def test_only_the_minute_is_not_on_the_form() -> None:
    shown = {field.name for group in wishes_form(Wishes(), OFFERED, titles={}, language="en") for field in group.fields}
    assert {one.name for one in fields(Wishes)} - shown == {"minute"}


WRONG = {
    "digests": "nothing",
    "cadence": "yearly",
    "weekday": "7",
    "monthday": "0",
    "hour": "24",
    "minute": "-1",
    "timezone": "Mars/Base",
    "language": "xx",
    "format": "pdf",
    "paused_until": "tomorrow",
    "tracking": "perhaps",
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_cannot_be_used_is_said_and_changes_nothing(name) -> None:
    start = Wishes(digests=("digest",))
    found, problems = read_wishes({name: [WRONG[name]]}, OFFERED, start, today=TODAY)
    assert list(problems) == [name]
    assert re.fullmatch(r"[^\n]+\.", str(problems[name]))
    assert found == start


@pytest.mark.parametrize("name", sorted(set(WRONG) - {"digests", "language"}))
def test_a_cell_that_cannot_be_used_is_said_as_in_a_form(name) -> None:
    _, problems = read_wishes({name: [WRONG[name]]}, OFFERED, Wishes(), today=TODAY)
    with pytest.raises(ValueError, match=f"^{name} = ") as refused:
        wishes_from_cells({name: WRONG[name]})
    assert str(refused.value).endswith(str(problems[name]))


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_form_and_its_problems_speak_the_language_of_the_page(language) -> None:
    words = form_words(words_of(language))
    raw = {name: [text] for name, text in WRONG.items()}
    _, problems = read_wishes(raw, OFFERED, Wishes(), today=TODAY)
    assert set(problems) == set(WRONG)
    said = {name: problem.said(words) for name, problem in problems.items()}
    shown = {
        field.name: field.label
        for group in wishes_form(Wishes(), OFFERED, titles={}, language=language, labels=words)
        for field in group.fields
    }
    for name, problem in problems.items():
        assert "{" not in said[name]
        assert f"problems.{problem.key}" in words
    assert shown == {name: words[name] for name in shown}
    if language == "it":
        assert shown["paused_until"] == "Sospendi fino al"
        assert said["hour"] == "Serve un numero da 0 a 23."


def test_a_request_that_was_kept_before_a_preference_was_declared_is_still_read() -> None:
    data = Wishes(digests=("digest",), hour=6).as_json()
    del data["tracking"]
    assert wishes_from_json(data) == Wishes(digests=("digest",), hour=6)
    assert wishes_from_json({**data, "withdrawn_since": 1}) == Wishes(digests=("digest",), hour=6)


def test_a_pause_begins_with_the_local_day() -> None:
    wishes = Wishes(timezone="Pacific/Auckland", paused_until=date(2027, 1, 31))
    assert wishes.columns(0.0)["paused_until"] == datetime(2027, 1, 30, 11, tzinfo=UTC).timestamp()


def test_our_own_columns_are_recognised_as_ours() -> None:
    assert recognise(["address", *(one.name for one in preferences())]).name == "masthead"
