"""``[[digests]]``: editions that are sent as e-mail."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from publisher.lib.schedules import CatchUp, parse_rule
from publisher.settings.base import Name, Table


def _list_id(value: str) -> str:
    # RFC 2919 section 2: a dotted name without white space, at most 255 characters.
    if value and (not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", value) or len(value) > 255):
        raise ValueError("expected a dotted name such as news.example.org")
    return value


def _rule(value: str) -> str:
    parse_rule(value)
    return value


class DigestSettings(Table):
    name: Name = Field(default="digest", description="Names the digest in commands and links.")
    title: str = Field(default="", description="Subject and heading. Default: the publication's title.")
    template: Name = Field(default="letter", description="A folder of templates/email: letter, magazine, headlines.")
    content: Literal["auto", "full", "summary"] = Field(
        default="auto", description="Whole articles or their standfirst. auto: what the template is made for."
    )
    related: int = Field(default=6, ge=0, le=50, description="At most this many related articles under an article.")
    intro: str = Field(default="", description="A few words of yours above the first article.")
    list_id: Annotated[str, AfterValidator(_list_id)] = Field(
        default="", description="RFC 2919 List-Id; never change it. Default: the name and the publication's domain."
    )
    max_articles: int = Field(
        default=20, ge=1, le=100, description="At most this many articles an edition; the rest waits."
    )
    schedule: Annotated[str, AfterValidator(_rule)] = Field(
        default="at-once",
        description='at-once; "when 3 articles are ready"; or a cron line in the publication\'s time zone.',
    )
    catch_up: CatchUp = Field(
        default="once", description="Slots missed while nothing ran: once makes up for all of them with one edition."
    )
    catch_up_minutes: float = Field(
        default=60, ge=0, description="With catch_up skip, how late a slot may still go out, in minutes."
    )
    in_doubt: Literal["resend", "report"] = Field(
        default="resend", description="A message whose answer never came: send it again, or leave it to a person."
    )
    too_late_hours: float = Field(
        default=0, ge=0, description="What has not left so many hours after planning is not sent; 0: no limit."
    )
