"""Files that pages load: one style sheet and the icon, named by their content so that they may be kept for ever.

The style sheet is the operator's colours and fonts as custom properties, then ``templates/web/style.css``
(the site's own where it has one). Text is moved to the nearest shade that can be read on the chosen grounds.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from publisher.rendering.colours import contrast, is_light, mixed, palette, shade
from publisher.rendering.templates import packaged_templates
from publisher.settings.design import DesignSettings

#: What says how something is going, before it is made legible on the grounds there are.
LIGHT_SIGNALS = {"good": "#22643a", "bad": "#a12318", "warn": "#7a4d00"}
DARK_SIGNALS = {"good": "#86cf9c", "bad": "#ff9d90", "warn": "#e6b566"}


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


def scheme(ground: str, ink: str, accent: str) -> dict[str, str]:
    """The custom properties of one colour scheme; whatever was chosen, text on ground and panel can be read."""
    colours = palette(ground, ink, accent)
    grounds, light = (colours["ground"], colours["panel"]), is_light(ground)
    signals = LIGHT_SIGNALS if light else DARK_SIGNALS
    return {
        "color-scheme": "light" if light else "dark",
        "--ground": colours["ground"],
        "--panel": colours["panel"],
        "--ink": colours["text"],
        "--soft": colours["muted"],
        "--rule": colours["rule"],
        "--strong-rule": colours["text"] if light else mixed(colours["text"], ground, 0.4),
        "--field": shade(mixed(ground, ink, 0.5), grounds, 3),
        "--accent": colours["link"],
        "--on-accent": colours["on_accent"],
        **{f"--{name}": shade(colour, grounds, 4.5) for name, colour in signals.items()},
    }


def style_sheet(design: DesignSettings, rules: str) -> str:
    """The operator's choices as custom properties, then ``rules``."""
    fonts = {"--font-body": _font(design.font_body), "--font-heading": _font(design.font_heading)}
    light = _declared(scheme(design.ground, design.ink, design.accent) | fonts)
    dark = _declared(scheme(design.ground_dark, design.ink_dark, design.accent_dark))
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{rules}"


def _declared(properties: dict[str, str]) -> str:
    return ";".join(f"{name}:{value}" for name, value in properties.items())


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
