"""Web pages: ``templates/web/`` and ``templates/desk/`` become HTML in the language of whoever reads them.

::

    view (plain dict) ─→ Pages.render("web/article.html", view, speech) ─→ HTML text

Templates get plain values only (facts on template injection: never a model object), the function ``say``, the page's
``language`` and ``direction``, and filters: ``date``, ``instant``, ``ago``, ``number`` and ``linked`` in the page's
language, ``isodate`` for machines. Every value is escaped unless it was marked safe by :func:`trusted_html`, which is
for sanitised bodies.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, format_timedelta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from publisher.lib.text import listed
from publisher.model import Publication
from publisher.rendering.languages import Speech
from publisher.rendering.templates import environment, render


def trusted_html(html: str) -> Markup:
    """Mark HTML as safe to stand in a page; only for what :mod:`publisher.lib.sanitise` made."""
    return Markup(html)  # noqa: S704  the one place where sanitised HTML enters a page


class Pages:
    """Renders the pages of one site; safe to use from several threads."""

    def __init__(self, publication: Publication, site: Path | None = None) -> None:
        self._site = site
        self._zone = ZoneInfo(publication.timezone)
        self._spoken: dict[str, tuple[Speech, ImmutableSandboxedEnvironment]] = {}

    def render(self, name: str, values: dict[str, object], speech: Speech) -> str:
        """The page ``templates/<name>``: ``web/home.html``, ``desk/outbox.html`` and so on.

        :raises RenderError: the template failed; names the template and the line.
        """
        kept, env = self._spoken.get(speech.language, (None, None))
        if env is None or kept is None or kept.vocabulary is not speech.vocabulary:
            env = self._environment(speech)
            self._spoken[speech.language] = speech, env  # two threads may both make one; either is good
        return render(env, name, values)

    def _environment(self, speech: Speech) -> ImmutableSandboxedEnvironment:
        env, spoken = environment(self._site), Spoken(speech, self._zone)
        env.globals.update(say=spoken.say, language=speech.language, direction=speech.direction)
        env.filters.update(
            date=spoken.date,
            instant=spoken.instant,
            isodate=isodate,
            number=speech.number,
            ago=spoken.ago,
            linked=spoken.linked,
        )
        return env


def isodate(value: dt.datetime | dt.date) -> str:
    """ISO 8601 for ``<time datetime>``: an instant in UTC to the second, or a day."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat()


class Spoken:
    """What templates say in one language; instants in the publication's time zone."""

    def __init__(self, speech: Speech, zone: ZoneInfo) -> None:
        self._speech = speech
        self._zone = zone

    def say(self, key: str, count: int | None = None, **values: str | int) -> Markup:
        """A phrase with its places filled; a value that is not marked as HTML is escaped, the phrase too."""
        shown = {k: v if isinstance(v, Markup) else str(escape(self._speech.placed(v))) for k, v in values.items()}
        if count is not None:
            shown["count"] = self._speech.number(count)
        phrase = self._speech.vocabulary.phrase(key).escaped()
        return Markup(phrase.filled(shown, count))  # noqa: S704  phrase and values are escaped above

    def date(self, value: dt.datetime | dt.date) -> str:
        """``16 July 2025``."""
        return self._speech.date(value.astimezone(self._zone).date() if isinstance(value, dt.datetime) else value)

    def instant(self, value: dt.datetime) -> str:
        """Day and time to the minute."""
        local = value.astimezone(self._zone)
        day = format_date(local, format="medium", locale=self._speech.locale)
        return f"{day}, {format_time(local, format='short', locale=self._speech.locale)}"

    def ago(self, value: dt.datetime, now: dt.datetime) -> str:
        """``3 minutes ago``; ``now`` is given, so that a test decides it."""
        return format_timedelta(value - now, add_direction=True, locale=self._speech.locale)

    def linked(self, links: Sequence[Mapping[str, str]], rel: str = "") -> Markup:
        """``href`` and ``label`` of each as links, listed as the language lists: *a, b and c*."""
        kind = Markup(' rel="{}"').format(rel) if rel else Markup("")
        shown = [Markup('<a{} href="{}">{}</a>').format(kind, one["href"], one["label"]) for one in links]
        return Markup(listed(shown, self._speech.list_patterns))  # noqa: S704  its parts were escaped one by one
