"""An article's image, made to fit a channel: its kind, its size in pixels and in bytes.

An image comes from outside. It is opened only as one of four formats, its size is read before its pixels are,
and what leaves is always a new encoding without the metadata (a place, a camera's serial number).
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageOps

from publisher.errors import ChannelError

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_MAX_PIXELS = 50_000_000


@dataclass(frozen=True, slots=True)
class PictureLimit:
    """``bytes`` the file may have, ``edge`` the pixels of its longer side, ``alt`` the characters of its text."""

    bytes: int
    edge: int
    alt: int


def fit_picture(data: bytes, limit: PictureLimit) -> tuple[bytes, str, int, int]:
    """``(bytes, media type, width, height)`` of the image within ``limit``; JPEG, or PNG where it is transparent.

    :raises ChannelError: it is no image we open, or one too large to open.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=_FORMATS) as opened:
                if opened.width * opened.height > _MAX_PIXELS:
                    raise ChannelError(f"the image has more than {_MAX_PIXELS:,} pixels")
                if opened.format == "JPEG":
                    opened.draft("RGB", (limit.edge, limit.edge))
                image = ImageOps.exif_transpose(opened)
                alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
                image = image.convert("RGBA" if alpha else "RGB")
    except ChannelError:
        raise
    except Exception as error:
        raise ChannelError(f"the image cannot be read: {type(error).__name__}") from None
    if alpha and image.getchannel("A").getextrema() == (255, 255):
        image, alpha = image.convert("RGB"), False
    edge = limit.edge
    for _ in range(12):
        fitted = image.copy()
        fitted.thumbnail((edge, edge), Pillow.Resampling.LANCZOS)
        for quality in (88, 75, 60):
            out = io.BytesIO()
            if alpha:
                fitted.save(out, "PNG", optimize=True)
            else:
                fitted.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
            if out.tell() <= limit.bytes:
                return out.getvalue(), "image/png" if alpha else "image/jpeg", fitted.width, fitted.height
            if alpha:
                break
        edge = max(edge * 3 // 4, 16)
    raise ChannelError(f"the image does not fit into {limit.bytes:,} bytes")
