"""``[publication]``, ``[[sources]]`` and ``[audience]``: what is published, from where, for whom."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from publisher.lib.languages import is_language_tag
from publisher.settings.base import FamilyTable, HttpUrl, Name, OptionalHttpUrl, Table


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected an IANA time zone such as Europe/Rome") from None
    return value


def _language(value: str) -> str:
    if not is_language_tag(value):
        raise ValueError("expected a BCP 47 language tag such as en, it or pt-BR")
    return value


def _site_path(value: str) -> str:
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts or "\0" in value:
        raise ValueError("expected a directory inside the site, such as articles")
    return path.as_posix()


TimeZone = Annotated[str, AfterValidator(_zone)]
Language = Annotated[str, AfterValidator(_language)]
OptionalLanguage = Annotated[str, AfterValidator(lambda value: _language(value) if value else value)]
SitePath = Annotated[str, AfterValidator(_site_path)]
BaseUrl = Annotated[HttpUrl, AfterValidator(lambda value: value.rstrip("/"))]


class PublicationSettings(Table):
    id: str = Field(
        default="", description="A permanent URI; keeps every feed id when base_url changes. Default: base_url."
    )
    title: str = Field(min_length=1, description="The name that people see everywhere.")
    base_url: BaseUrl = Field(description="Where the public pages are reached.")
    description: str = Field(default="", description="One sentence under the title.")
    language: Language = Field(default="en", description="BCP 47 tag of the articles.")
    timezone: TimeZone = Field(default="UTC", description="IANA zone for dates without one and for schedules.")
    author: str = Field(default="", description="Author of articles that name none.")
    copyright: str = Field(default="", description="Rights line of feeds and pages.")
    share_targets: tuple[str, ...] = Field(
        default=("facebook", "x", "reddit"), description="Share links of articles that name none."
    )


class SourceSettings(FamilyTable):
    """One source; its other keys are the kind's own: ``path`` and ``ignore`` of the kinds that read files."""

    kind: Name = Field(default="markdown", description="A file name of publisher/articles/sources: markdown, page.")
    section: str = Field(default="", description="Section of articles that name none.")
    author: str = Field(default="", description="Author of articles that name none. Default: the publication's.")
    tags: tuple[str, ...] = Field(default=(), description="Tags of every article, besides its own.")
    language: OptionalLanguage = Field(
        default="", description="BCP 47 tag of articles that name none. Default: the publication's."
    )
    base_url: OptionalHttpUrl = Field(
        default="", description="What relative URLs are relative to. Default: the publication's."
    )


class AudienceSettings(Table):
    file: str = Field(
        default="subscribers.csv",
        description="Subscribers to add at publish: a file as `masthead import` reads it; absent is fine.",
    )
    max_age_days: int = Field(
        default=30,
        ge=0,
        le=36500,
        description="An article that is new but dated longer ago than this goes to pages and feeds, into no digest.",
    )
