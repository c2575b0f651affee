"""``[design]``: how pages and digests look."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from publisher.settings.base import OptionalHttpUrl, Table


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError("expected a colour as #rrggbb")
    return value.lower()


def _font_stack(value: str) -> str:
    # It is written into style sheets, so nothing that could end a declaration may pass.
    if not re.fullmatch(r"[A-Za-z0-9 ,'\"_-]{1,200}", value) or value.count("'") % 2 or value.count('"') % 2:
        raise ValueError("expected a CSS font stack such as Georgia, 'Times New Roman', serif")
    return value.replace('"', "'")


Colour = Annotated[str, AfterValidator(_colour)]
FontStack = Annotated[str, AfterValidator(_font_stack)]


class DesignSettings(Table):
    """Colours that are too pale for text are darkened (or lightened) where they are used for text."""

    accent: Colour = Field(default="#8a1c1c", description="Links and rules, on light ground.")
    accent_dark: Colour = Field(default="#ff9b8a", description="Links and rules, on dark ground.")
    ground: Colour = Field(default="#fbfaf7", description="The paper, in the light scheme.")
    ink: Colour = Field(default="#211e1a", description="Running text, in the light scheme.")
    ground_dark: Colour = Field(default="#17181a", description="The paper, in the dark scheme.")
    ink_dark: Colour = Field(default="#e6e2da", description="Running text, in the dark scheme.")
    logo: OptionalHttpUrl = Field(default="", description="URL of a logo image, shown instead of the title.")
    logo_dark: OptionalHttpUrl = Field(default="", description="The logo for dark ground. Default: the same.")
    logo_width: int = Field(default=180, ge=16, le=600, description="Width of the logo in CSS pixels.")
    font_body: FontStack = Field(default="Georgia, 'Times New Roman', serif", description="Font stack of running text.")
    font_heading: FontStack = Field(default="Georgia, 'Times New Roman', serif", description="Font stack of headings.")
