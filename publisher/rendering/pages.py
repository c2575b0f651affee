"""Web pages: ``templates/web/`` and ``templates/desk/`` become HTML in the publication's language.

::

    view (plain dict) ─→ Pages.render("web/article.html", view) ─→ HTML text

Templates get plain values only (facts on template injection: never a model object), and four filters:
``date`` and ``instant`` in the publication's language and zone, ``isodate`` for machines, ``number``.
Every value is escaped unless it was marked safe by :func:`trusted_html`, which is for sanitised bodies.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import format_decimal
from markupsafe import Markup

from publisher.model import Publication
from publisher.rendering.templates import environment, render
from publisher.rendering.words import locale_of


def trusted_html(html: str) -> Markup:
    """Mark HTML as safe to stand in a page; only for what :mod:`publisher.lib.sanitise` made."""
    return Markup(html)  # noqa: S704  the one place where sanitised HTML enters a page


class Pages:
    """Renders the pages of one site; safe to use from several threads."""

    def __init__(self, publication: Publication, site: Path | None = None) -> None:
        self._locale = locale_of(publication.language)
        self._zone = ZoneInfo(publication.timezone)
        self._environment = environment(site)
        self._environment.filters.update(
            date=self.date, instant=self.instant, isodate=self.isodate, number=self.number, ago=self.ago
        )

    def render(self, name: str, values: dict[str, Any]) -> str:
        """The page ``templates/<name>``: ``web/home.html``, ``desk/outbox.html`` and so on.

        :raises RenderError: the template failed; names the template and the line.
        """
        return render(self._environment, name, values)

    def date(self, value: dt.datetime | dt.date) -> str:
        """``16 July 2025``, in the publication's language and zone."""
        day = value.astimezone(self._zone).date() if isinstance(value, dt.datetime) else value
        return format_date(day, format="long", locale=self._locale)

    def instant(self, value: dt.datetime) -> str:
        """Day and time to the minute, in the publication's language and zone."""
        local = value.astimezone(self._zone)
        day = format_date(local, format="medium", locale=self._locale)
        return f"{day}, {format_time(local, format='short', locale=self._locale)}"

    @staticmethod
    def isodate(value: dt.datetime | dt.date) -> str:
        """ISO 8601 for ``<time datetime>``: an instant in UTC to the second, or a day."""
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return value.isoformat()

    def number(self, value: int | float) -> str:
        """A number with the language's separators."""
        return format_decimal(value, locale=self._locale)

    def ago(self, value: dt.datetime, now: dt.datetime) -> str:
        """``3 minutes ago``; ``now`` is given, so that a test decides it."""
        return format_timedelta(value - now, add_direction=True, locale=self._locale)
