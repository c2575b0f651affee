"""Colours that can be read: contrast as WCAG 2.2 measures it (§1.4.3), and the nearest legible shade."""

from __future__ import annotations

from collections.abc import Iterable


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 (black) to 1 (white), as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def legible(colour: str, ground: str, ratio: float = 4.5) -> str:
    """``colour`` moved towards black or white by the least that gives ``ratio`` on ``ground``.

    Either black or white reaches 4.5 on every ground, so a shade is always found.
    """
    target = 0 if contrast("#000000", ground) >= contrast("#ffffff", ground) else 255
    for step in range(101):
        mixed = "#" + "".join(f"{round(c + (target - c) * step / 100):02x}" for c in _channels(colour))
        if contrast(mixed, ground) >= ratio:
            return mixed
    return "#ffffff" if target else "#000000"


def mixed(one: str, other: str, share: float) -> str:
    """``one`` with ``share`` (0 to 1) of ``other`` in it."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def is_light(ground: str) -> bool:
    """Whether black reads better than white on this ground."""
    return contrast("#000000", ground) >= contrast("#ffffff", ground)


def shade(colour: str, grounds: Iterable[str], ratio: float) -> str:
    """``colour`` moved towards the pole of text by the least that gives ``ratio`` on each of ``grounds``.

    The first of ``grounds`` says which pole that is. Where no shade does, the pole itself.
    """
    first, *others = grounds
    pole = "#000000" if is_light(first) else "#ffffff"
    shades = (mixed(colour, pole, step / 100) for step in range(101))
    return next((one for one in shades if min(contrast(one, each) for each in (first, *others)) >= ratio), pole)


def palette(ground: str, ink: str, accent: str) -> dict[str, str]:
    """The colours of one scheme; every colour of text is legible on the ground and on the panel."""
    pole, away = ("#000000", "#ffffff") if is_light(ground) else ("#ffffff", "#000000")
    panel = mixed(ground, ink, 0.06)
    if contrast(pole, panel) < 7:  # on a ground of middle lightness the panel moves away from the text
        panel = mixed(ground, away, 0.06)

    def text(colour: str, ratio: float) -> str:
        return shade(colour, (ground, panel), ratio)

    link = text(accent, 4.5)
    return {
        "ground": ground,
        "panel": panel,
        "rule": mixed(ground, ink, 0.18),
        "text": text(ink, 7),
        "muted": text(mixed(ink, ground, 0.34), 4.8),
        "accent": accent,
        "link": link,
        "on_accent": legible("#ffffff" if contrast("#ffffff", link) >= 3 else "#000000", link),
    }
