"""Images for posts: the publication's own from disk, everybody else's through the guarded client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from publisher import net
from publisher.errors import ChannelError
from publisher.pipeline.site import Site

#: Bytes of one image; a platform takes less, and we scale down.
MAX_BYTES = 20 * 1024 * 1024


def image_fetcher(site: Site) -> Callable[[str], bytes]:
    """What gets the bytes of an image's URL.

    The address comes from an article, so public addresses are asked, and what ``[net] allow_private`` names, no
    others; our own ``/media/`` is read from the site, which also works before the public address does.
    """
    own = f"{site.settings.publication.base_url}/media/"
    folder = site.settings.directory / "media"
    guard = net.Guard.of(site.settings.net.allow_private)

    def fetch(url: str) -> bytes:
        if url.startswith(own):
            return _read(folder, unquote(urlsplit(url.removeprefix(own)).path))
        try:
            with net.client(guard, max_bytes=MAX_BYTES) as http:
                answer = http.get(url, headers={"accept": "image/*"})
                answer.raise_for_status()
                return answer.content
        except httpx.HTTPStatusError as error:
            raise ChannelError(f"the image answered {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise ChannelError(f"the image cannot be fetched: {type(error).__name__}") from None

    return fetch


def _read(folder: Path, name: str) -> bytes:
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()) or "\0" in name:
            raise ChannelError("the image is not in the site's media folder")
        if file.stat().st_size > MAX_BYTES:
            raise ChannelError("the image is too large")
        return file.read_bytes()
    except (OSError, ValueError):
        raise ChannelError("the image is not in the site's media folder") from None
