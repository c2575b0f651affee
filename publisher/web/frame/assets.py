"""Files that pages load: one style sheet and the icon, named by their content so that they may be kept for ever.

The style sheet is the operator's colours and fonts as custom properties, then ``templates/web/style.css``
(the site's own where it has one). The operator's link colour is moved to the nearest shade that reads at 4.5:1.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from publisher.rendering.colours import contrast, legible
from publisher.rendering.templates import packaged_templates
from publisher.settings.design import DesignSettings

#: The grounds of style.css, which the link colours must be legible on.
LIGHT_GROUND, LIGHT_PANEL = "#fdfcf9", "#f4f1ea"
DARK_GROUND, DARK_PANEL = "#161513", "#211f1c"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; ``path`` holds a hash of ``body``."""

    path: str
    media_type: str
    body: bytes


def _asset(stem: str, suffix: str, media_type: str, text: str) -> Asset:
    body = text.encode()
    return Asset(f"/static/{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{suffix}", media_type, body)


def _font(stack: str) -> str:
    """A font stack that cannot leave its declaration."""
    return re.sub(r"[^\w\s,.'\"-]", "", stack) or "serif"


def style_sheet(design: DesignSettings, rules: str) -> str:
    """The operator's choices as custom properties, then ``rules``."""
    light, dark = legible(design.accent, LIGHT_PANEL), legible(design.accent_dark, DARK_PANEL)
    on_light = "#ffffff" if contrast("#ffffff", light) >= 4.5 else "#000000"
    on_dark = "#000000" if contrast("#000000", dark) >= 4.5 else "#ffffff"
    return (
        f":root{{--accent:{light};--on-accent:{on_light};--font-body:{_font(design.font_body)};"
        f"--font-heading:{_font(design.font_heading)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{on_dark}}}}}\n{rules}"
    )


def icon(title: str, colour: str) -> str:
    """An SVG icon: the title's first letter on a disc of the accent colour."""
    letter = next((c for c in title if c.isalnum()), "M").upper()
    ink = "#ffffff" if contrast("#ffffff", colour) >= 4.5 else "#000000"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<circle cx="32" cy="32" r="32" fill="{colour}"/>'
        f'<text x="32" y="45" font-family="Georgia,serif" font-size="38" text-anchor="middle" fill="{ink}">'
        f"{letter}</text></svg>\n"
    )


@dataclass(frozen=True, slots=True)
class Assets:
    """What ``/static/`` serves."""

    style: Asset
    icon: Asset

    @classmethod
    def build(cls, site: Path, title: str, design: DesignSettings) -> Assets:
        own = site / "templates" / "web" / "style.css"
        rules = (own if own.is_file() else packaged_templates() / "web" / "style.css").read_text(encoding="utf-8")
        return cls(
            style=_asset("style", "css", "text/css; charset=utf-8", style_sheet(design, rules)),
            icon=_asset("icon", "svg", "image/svg+xml", icon(title, design.accent)),
        )

    def by_path(self, path: str) -> Asset | None:
        return next((asset for asset in (self.style, self.icon) if asset.path == path), None)
