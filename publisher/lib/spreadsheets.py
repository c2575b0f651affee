"""Text in cells that a spreadsheet would run as a formula, made harmless and read back."""

from __future__ import annotations

#: A cell that begins with one of these is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """``text`` as a cell that is shown and not run: an apostrophe stands before what would be a formula."""
    return "'" + text if text[:1] in FORMULA else text


def unguarded(text: str) -> str:
    """The inverse of :func:`guarded`."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text
