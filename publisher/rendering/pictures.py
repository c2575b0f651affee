"""Pictures of a digest as a mail client with a modern engine shows it, made with Chromium.

::

    html ─▶ one page with a frame a width ─▶ Chromium: how tall? ─▶ Chromium: a picture a scheme ─▶ cut ─▶ PNG files

The scheme is chosen by rewriting the condition of the media queries, because no switch of a browser reaches into
a frame; so what is seen is what ``@media (prefers-color-scheme: dark)`` holds, on any machine.
"""

from __future__ import annotations

import html as _html
import io
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from os import geteuid
from pathlib import Path
from typing import Literal

from PIL import Image

from publisher.errors import RenderError

Scheme = Literal["light", "dark"]

WIDTHS = (320, 600, 1200)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
MAX_SECONDS = 60
MAX_HEIGHT = 16_000

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_GAP = 8
_DARK_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_ROOT_SCHEME = re.compile(r"(?<!-)color-scheme\s*:\s*light dark", re.IGNORECASE)


def in_scheme(html: str, scheme: Scheme) -> str:
    """``html`` as it is seen with that scheme, whatever the browser's own is."""
    condition = "(min-width: 0px)" if scheme == "dark" else "(max-width: 0px)"
    # The meta element asks for it too, and Chromium would follow the machine's own scheme there.
    html = re.sub(r'(<meta name="color-scheme" content=")light dark(")', rf"\g<1>{scheme}\g<2>", html)
    return _ROOT_SCHEME.sub(f"color-scheme: {scheme}", _DARK_QUERY.sub(condition, html))


def find_chromium() -> str:
    """:raises RenderError: there is none; says what to install."""
    for program in _PROGRAMS:
        if found := shutil.which(program):
            return found
    raise RenderError("pictures need Chromium; install it (Debian: apt install chromium) or preview without --png")


def take_pictures(
    html: str,
    folder: Path,
    *,
    stem: str = "digest",
    widths: Iterable[int] = WIDTHS,
    schemes: Iterable[Scheme] = SCHEMES,
    offline: bool = False,
) -> list[Path]:
    """Write ``<stem>-<width>-<scheme>.png`` for each width (CSS pixels) and scheme; returns the files.

    :param offline: no picture is fetched from anywhere.
    :raises RenderError: Chromium is missing or failed.
    """
    chromium, sizes = find_chromium(), tuple(widths)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="masthead-pictures-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        heights = _heights(chromium, work, html, sizes, offline)
        for scheme in schemes:
            canvas = _screenshot(chromium, work, in_scheme(html, scheme), sizes, heights, offline)
            left = 0
            for width, height in zip(sizes, heights, strict=True):
                path = folder / f"{stem}-{width}-{scheme}.png"
                canvas.crop((left, 0, left + width, height)).save(path, optimize=True)
                files.append(path)
                left += width + _GAP
    return files


def _frames(html: str, widths: tuple[int, ...], heights: tuple[int, ...]) -> str:
    frames = "".join(
        f'<iframe sandbox="allow-same-origin" width="{width}" height="{height}" scrolling="no" '
        f'srcdoc="{_html.escape(html, quote=True)}"></iframe>'
        for width, height in zip(widths, heights, strict=True)
    )
    # Without allow-scripts nothing in the mail runs; the same origin lets the page around it measure.
    return (
        "<!DOCTYPE html><meta charset=utf-8><style>html,body{margin:0;overflow:hidden}"
        f"body{{display:flex;gap:{_GAP}px;align-items:flex-start}}iframe{{border:0;flex:none}}</style>{frames}"
        "<script>addEventListener('load',()=>{document.documentElement.dataset.heights="
        "[...document.querySelectorAll('iframe')].map(f=>f.contentDocument.documentElement.scrollHeight).join()})</script>"
    )


def _heights(chromium: str, work: Path, html: str, widths: tuple[int, ...], offline: bool) -> tuple[int, ...]:
    page = work / "measure.html"
    page.write_text(_frames(in_scheme(html, "light"), widths, (100,) * len(widths)), encoding="utf-8")
    dom = _run(chromium, work, page, (sum(widths) + _GAP * len(widths), 1000), ["--dump-dom"], offline).decode(
        "utf-8", "replace"
    )
    found = re.search(r'data-heights="([\d,]+)"', dom)
    if not found:
        raise RenderError("Chromium could not show the message; try again, or preview without --png")
    return tuple(min(max(int(height), 1), MAX_HEIGHT) for height in found.group(1).split(","))


def _screenshot(
    chromium: str, work: Path, html: str, widths: tuple[int, ...], heights: tuple[int, ...], offline: bool
) -> Image.Image:
    page, target = work / "page.html", work / "page.png"
    page.write_text(_frames(html, widths, heights), encoding="utf-8")
    target.unlink(missing_ok=True)
    size = (sum(widths) + _GAP * len(widths), max(heights))
    _run(chromium, work, page, size, [f"--screenshot={target}", "--hide-scrollbars"], offline)
    try:
        with Image.open(io.BytesIO(target.read_bytes())) as image:
            return image.convert("RGB")
    except OSError:
        raise RenderError("Chromium took no picture; try again, or preview without --png") from None


def _run(chromium: str, work: Path, page: Path, size: tuple[int, int], switches: list[str], offline: bool) -> bytes:
    command = [
        chromium,
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--disable-extensions",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--force-device-scale-factor=1",
        "--font-render-hinting=none",
        "--virtual-time-budget=4000",
        f"--user-data-dir={work / 'profile'}",
        f"--window-size={size[0]},{size[1]}",
        *(["--no-sandbox"] if geteuid() == 0 else []),  # its own sandbox does not work for root
        *(["--host-resolver-rules=MAP * ~NOTFOUND"] if offline else []),
        *switches,
        page.as_uri(),
    ]
    try:
        done = subprocess.run(  # noqa: S603  # a program of this machine, on a file of ours
            command, capture_output=True, timeout=MAX_SECONDS, check=False, cwd=work
        )
    except (OSError, subprocess.TimeoutExpired):
        raise RenderError(f"Chromium ({chromium}) did not finish in {MAX_SECONDS} s; try again") from None
    return done.stdout
