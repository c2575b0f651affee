"""The image of a post: fetched, fitted, and never a reason for a post not to go out.

An image's address comes from outside, so the bytes come through a guarded fetcher that is passed in. A retry sends
what the first try sent: whether there was an image is written into the post's progress before it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from publisher.channels import BaseChannel, Draft, Line, Picture, PictureLimit, fit_picture
from publisher.errors import NotSent
from publisher.lib.text import one_line, shorten
from publisher.settings.channels import ChannelSettings
from publisher.store.posts import PostRow

#: Gets at most a bounded number of bytes from a hostile URL; raises :class:`~publisher.errors.MastheadError`.
Fetch = Callable[[str], bytes]


def add_pictures(
    draft: Draft, row: PostRow, channel: BaseChannel, table: ChannelSettings, line: Line, fetch: Fetch | None
) -> Draft:
    """``draft`` with its picture (where the settings ask for one) or its card's thumbnail.

    :raises NotSent: an earlier try had an image that cannot be had now; a retry must be the same.
    """
    image = row.content["image"]
    if not image or not draft.first:
        return draft
    place, limit = "", None
    if table.images and channel.picture_limit:
        place, limit = "picture", channel.picture_limit
    elif channel.card and channel.thumbnail_limit:
        place, limit = "thumbnail", channel.thumbnail_limit
    before = str(line.progress.get("image_is", ""))
    if limit is None or before.startswith("none"):
        return draft
    if fetch is None and before != "there":
        return draft
    try:
        picture = _picture(image["url"], image["alt"], limit, fetch)
    except Exception as error:  # whatever a stranger's image did to whoever fetched it: the post is not its hostage
        reason = shorten(one_line(str(error)) or type(error).__name__, 200)
        if before == "there":
            raise NotSent(f"the image that the first try had cannot be fetched now: {reason}") from None
        line.progress["image_is"] = f"none: {reason}"
        line.save()
        return draft
    if before != "there":
        line.progress["image_is"] = "there"
        line.save()
    return replace(draft, picture=picture) if place == "picture" else replace(draft, thumbnail=picture)


def same_picture(draft: Draft, row: PostRow, table: ChannelSettings, line: Line) -> Draft:
    """``draft`` of an edit: whether the post has an image, without its bytes, which an edit never sends again."""
    image = row.content["image"]
    if not (table.images and image and draft.first and line.progress.get("image_is") == "there"):
        return draft
    return replace(draft, picture=Picture(b"", "", image["alt"], 0, 0, image["url"]))


def _picture(url: str, alt: str, limit: PictureLimit, fetch: Fetch | None) -> Picture:
    if fetch is None:
        raise NotSent("images are not fetched here")
    data, media_type, width, height = fit_picture(fetch(url), limit)
    return Picture(data, media_type, shorten(alt, limit.alt) if limit.alt else "", width, height, url)
