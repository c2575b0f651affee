"""What is known of a file by its URL: its media type, and its size where we serve it ourselves."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import unquote

#: The library's own table only: the machine's may differ, and the same file must give the same article.
_TYPES = mimetypes.MimeTypes(filenames=())
_MORE_TYPES = {
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".m4a": "audio/mp4",
    ".opus": "audio/ogg",
    ".epub": "application/epub+zip",
}


def guess_media_type(url: str) -> str:
    """By the ending of the URL's path; empty when that says nothing."""
    path = url.partition("?")[0].partition("#")[0].lower()
    for suffix, media_type in _MORE_TYPES.items():
        if path.endswith(suffix):
            return media_type
    return _TYPES.guess_type(path)[0] or ""


def size_on_disk(url: str, base_url: str, site: Path | None) -> int:
    """Bytes of a file that we serve ourselves from the site's ``media/``; 0 for any other."""
    prefix = base_url.rstrip("/") + "/media/"
    if site is None or not url.startswith(prefix):
        return 0
    media = (site / "media").resolve()
    try:
        file = (media / unquote(url.removeprefix(prefix).partition("?")[0])).resolve()
        return file.stat().st_size if file.is_relative_to(media) and file.is_file() else 0
    except (OSError, ValueError, RuntimeError):
        return 0
