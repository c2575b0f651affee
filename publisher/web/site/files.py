"""Files as they are: ``/static/`` (ours, kept for ever) and ``/media/`` (the operator's pictures and recordings).

A path of ``/media/`` never leaves ``site/media``: every segment is checked, symbolic links out of it are
refused, and what has no known harmless type is offered as a download. SVG and the like are sent in a
sandbox without scripts. Ranges can be asked for, so that recordings can be sought in.
"""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from publisher.web.frame.access import ANYBODY
from publisher.web.frame.frame import FOR_EVER, Frame, conditional, root_of
from publisher.web.frame.routes import Get
from publisher.web.frame.security import FILE_POLICY

#: What may be shown in place; anything else is a download.
MEDIA_TYPES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".pdf": "application/pdf",
    ".txt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
}


def media_file(folder: Path, path: str) -> Path | None:
    """The file that ``path`` names inside ``folder``; ``None`` when there is none or it leads outside."""
    segments = path.split("/")
    if len(path) > 400 or any(not s or s.startswith(".") or "\\" in s or "\0" in s for s in segments):
        return None
    try:
        base = folder.resolve(strict=True)
        file = base.joinpath(*segments).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    return file if file.is_relative_to(base) and file.is_file() else None


def _media(frame: Frame) -> Path:
    return frame.site.settings.directory / "media"


def static(frame: Frame, request: Request) -> Response:
    asset = frame.assets.by_path(f"/static/{request.path_params['name']}")
    if asset is None:
        raise HTTPException(404)
    response = Response(asset.body, headers={"cache-control": FOR_EVER}, media_type=asset.media_type)
    return conditional(request, response)


def media(frame: Frame, request: Request) -> Response:
    file = media_file(_media(frame), request.path_params["path"])
    if file is None:
        raise HTTPException(404)
    kind = MEDIA_TYPES.get(file.suffix.lower())
    headers = {
        "cache-control": "public, max-age=3600",
        "content-security-policy": FILE_POLICY,
        # Webmail shows these pictures on pages of its own.
        "cross-origin-resource-policy": "cross-origin",
    }
    return FileResponse(
        file,
        headers=headers,
        media_type=kind or "application/octet-stream",
        filename=None if kind else file.name,
        content_disposition_type="attachment",
    )


def favicon(frame: Frame, request: Request) -> Response:
    file = media_file(_media(frame), "favicon.ico")
    if file is None:
        return RedirectResponse(root_of(request) + frame.assets.icon.path, 302)
    return FileResponse(file, headers={"cache-control": "public, max-age=3600"}, media_type="image/x-icon")


ROUTES = (
    Get("/static/{name}", static, ANYBODY),
    Get("/media/{path:path}", media, ANYBODY),
    Get("/favicon.ico", favicon, ANYBODY),
)
