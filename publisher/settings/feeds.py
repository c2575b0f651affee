"""``[feed]``, ``[[feeds]]`` and ``[websub]``: what feed readers pull and what hubs push."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from publisher.settings.base import HttpUrl, Name, OptionalHttpUrl, Table


class FeedSettings(Table):
    """Defaults of every feed."""

    size: int = Field(default=30, ge=20, le=50, description="Articles in a live feed; older ones are in its archive.")
    content: Literal["full", "summary"] = Field(default="full", description="Whole body or summary only.")
    formats: tuple[Name, ...] = Field(
        default=("rss", "atom", "json"), description="Formats that are built: file names of feeds/formats."
    )
    ttl: int = Field(default=60, ge=1, le=10080, description="Minutes a feed reader may wait between polls.")
    downloads_per_minute: int = Field(
        default=30, ge=0, description="Whole downloads of one feed by one program at one address; 0: no limit."
    )
    moved: dict[str, str] = Field(
        default_factory=dict,
        description='Feeds that moved (301): old path = new path or URL, as "/rss.xml" = "/feed.rss".',
    )

    @field_validator("moved")
    @classmethod
    def _paths(cls, moved: dict[str, str]) -> dict[str, str]:
        for old, new in moved.items():
            if not re.fullmatch(r"/[!-z~]*", old):
                raise ValueError(f"expected an old path that starts with / and is percent-encoded, not {old!r}")
            if not re.fullmatch(r"(/(?!/)|https?://[^/])[!-~]*", new):
                raise ValueError(f"expected a new path that starts with / or an absolute URL, not {new!r}")
        return moved


class FeedsSettings(Table):
    """One feed beside the standard ones."""

    name: Name = Field(description="Names the feed in its URL.")
    title: str = Field(default="", description="Default: the publication's title and the name.")
    sections: tuple[str, ...] = Field(default=(), description="Only articles of one of these sections.")
    tags: tuple[str, ...] = Field(default=(), description="Only articles with one of these tags.")
    authors: tuple[str, ...] = Field(default=(), description="Only articles by one of these authors.")
    size: int | None = Field(default=None, ge=20, le=50, description="Default: [feed] size.")
    content: Literal["full", "summary"] | None = Field(default=None, description="Default: [feed] content.")
    formats: tuple[Name, ...] | None = Field(default=None, description="Default: [feed] formats.")
    podcast: bool = Field(
        default=False, description="A show: only articles with audio or video, with the itunes and podcast namespaces."
    )
    explicit: bool = Field(default=False, description="Podcast: holds explicit language.")
    category: str = Field(default="", description="Podcast: Apple's category, as Arts or Arts > Books.")
    image: OptionalHttpUrl = Field(default="", description="Podcast: cover art. Default: the publication's logo.")


class WebSubSettings(Table):
    own_hub: bool = Field(default=True, description="Be a hub for our own feeds, at /websub.")
    hubs: tuple[HttpUrl, ...] = Field(default=(), description="Hubs that our feeds name and that are told of news.")
