"""Mastodon: ``POST /api/v1/statuses``. Source: docs.joinmastodon.org, "statuses", "media", "instance", "rate limits".

The server remembers our ``Idempotency-Key`` for an hour; so after a lost reply our own statuses are read once and
only then is the same key sent again. The instance's own limits are asked for and remembered for a day.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import Field

from publisher.channels._base import BaseChannel, Draft, Picture, Remote
from publisher.channels._counting import mastodon_length
from publisher.channels._instants import iso_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import Part, PlatformRequest, bearer, json_request, multipart_request
from publisher.channels._vault import Vault
from publisher.errors import ChannelError, NotSent
from publisher.lib.foreign import mapping, objects
from publisher.lib.text import one_line, strip_tags
from publisher.settings.base import OptionalHttpUrl, Secret, Table


class Channel(BaseChannel):
    kind = "mastodon"
    label = "Mastodon"
    looks = 1
    edits = True
    threads = True
    picture_limit = PictureLimit(bytes=8_000_000, edge=3840, alt=1500)
    required = ("base_url", "token")

    class Options(Table):
        base_url: OptionalHttpUrl = Field(default="", description="Your server, such as https://mastodon.social.")
        token: Secret | None = Field(
            default=None, description="Access token with read:accounts, read:statuses, write:statuses and write:media."
        )
        visibility: Literal["public", "unlisted", "private"] = Field(default="public", description="Who sees it.")
        spoiler_text: str = Field(default="", description="Content warning above every post.")
        limit: int | None = Field(
            default=None, ge=100, description="Characters a post may have. Default: what the server says, else 500."
        )

    options: Options

    def __init__(self, name: str, options: Table, vault: Vault) -> None:
        super().__init__(name, options, vault)
        self._limit = self.options.limit or 500
        self._url_units = 23

    @property
    def limit(self) -> int:
        return self._limit

    def count(self, text: str) -> int:
        return mastodon_length(text, self._url_units) + len(self.options.spoiler_text)

    def learn(self, line: Line) -> None:
        known = iso_from(line.memory.get("learned"))
        if known is None or known < line.now() - timedelta(days=1):
            reply = self.check(line.call(PlatformRequest("GET", f"{self.options.base_url}/api/v2/instance")), line)
            configuration = mapping(reply.get("configuration", "statuses"))
            line.memory["max_characters"] = configuration.get("max_characters")
            line.memory["url_units"] = configuration.get("characters_reserved_per_url")
            line.memory["learned"] = line.now().isoformat()
            line.save()
        self.recall(line.memory)

    def recall(self, memory: Mapping[str, object]) -> None:
        """Use limits that were learned before."""
        limit, units = memory.get("max_characters"), memory.get("url_units")
        if isinstance(limit, int) and limit >= 50 and self.options.limit is None:
            self._limit = limit
        if isinstance(units, int) and 0 < units < 500:
            self._url_units = units

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        if draft.picture:
            return self._upload(draft.picture), self._create(draft, "{media_id}")
        return (self._create(draft, ""),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        media = str(line.progress.get("media", ""))
        if draft.picture and not media:
            reply = self.check(line.call(self._upload(draft.picture)), line)
            media = self.field(reply, "id")
            line.progress["media"] = media
            line.progress["media_ready"] = reply.status != 202
            line.save()
        if media and not line.progress.get("media_ready"):
            url = f"{self.options.base_url}/api/v1/media/{quote(media)}"
            if self.check(line.call(PlatformRequest("GET", url, (self._bearer(),))), line).status == 206:
                raise NotSent("Mastodon is still preparing the image")
            line.progress["media_ready"] = True
            line.save()
        reply = self.check(line.call(self._create(draft, media), publishes=True), line)
        return Remote(self.field(reply, "id"), str(reply.get("url") or ""))

    def find(self, draft: Draft, line: Line) -> Remote | None:
        base = f"{self.options.base_url}/api/v1/accounts"
        me = line.memory.get("account_id")
        if not me:
            reply = self.check(line.call(PlatformRequest("GET", f"{base}/verify_credentials", (self._bearer(),))), line)
            me = line.memory["account_id"] = self.field(reply, "id")
            line.save()
        since = (draft.since or draft.created) - timedelta(minutes=5)
        query = urlencode({"limit": "40", "exclude_reblogs": "true"})
        reply = line.call(PlatformRequest("GET", f"{base}/{quote(str(me))}/statuses?{query}", (self._bearer(),)))
        for status in _list(self.check(reply, line)):
            created = iso_from(status.get("created_at"))
            if (created is not None and created < since) or status.get("id") in draft.before:
                continue
            content = str(status.get("content") or "")
            linked = draft.first and bool(draft.url) and f'href="{html.escape(draft.url)}"' in content
            if linked or strip_tags(content).replace(" ", "") == one_line(draft.text).replace(" ", ""):
                return Remote(str(status.get("id", "")), str(status.get("url") or ""))
        return None

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        url = f"{self.options.base_url}/api/v1/statuses/{quote(remote.id)}"
        # Media that is not named again would be taken off the status.
        body = self._status(draft, str(line.progress.get("media", "")))
        body.pop("visibility")
        body.pop("in_reply_to_id", None)
        reply = self.check(line.call(json_request("PUT", url, body, self._bearer())), line)
        return Remote(remote.id, str(reply.get("url") or remote.url))

    def test(self, line: Line) -> str:
        self.learn(line)
        url = f"{self.options.base_url}/api/v1/accounts/verify_credentials"
        reply = self.check(line.call(PlatformRequest("GET", url, (self._bearer(),))), line)
        name = one_line(self.field(reply, "username"))
        return f"Mastodon: we are @{name}; a post may have {self.limit} characters, a link counts {self._url_units}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if reply.status == 409:  # Mastodon is still working on a request with this key
            return NotSent("Mastodon is still working on this post")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        return one_line(str(reply.get("error") or reply.text()))[:300]

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        """``X-RateLimit-Reset`` is an ISO 8601 instant here."""
        return iso_from(reply.headers.get("x-ratelimit-reset")) or super().retry_at(reply, now)

    def _status(self, draft: Draft, media: str) -> dict[str, object]:
        body: dict[str, object] = {"status": draft.text, "visibility": self.options.visibility}
        if self.options.spoiler_text:
            body["spoiler_text"] = self.options.spoiler_text
        if draft.language:
            body["language"] = draft.language.split("-")[0].lower()
        if media:
            body["media_ids"] = [media]
        if draft.reply_to:
            body["in_reply_to_id"] = draft.reply_to.id
        return body

    def _create(self, draft: Draft, media: str) -> PlatformRequest:
        key = ("Idempotency-Key", draft.key)
        url = f"{self.options.base_url or 'https://{base_url}'}/api/v1/statuses"
        return json_request("POST", url, self._status(draft, media), self._bearer(), key)

    def _upload(self, picture: Picture) -> PlatformRequest:
        parts = [self.upload_part("file", picture)]
        if picture.alt:
            parts.insert(0, Part("description", picture.alt.encode()))
        url = f"{self.options.base_url or 'https://{base_url}'}/api/v2/media"
        return multipart_request("POST", url, parts, self._bearer())

    def _bearer(self) -> tuple[str, str]:
        return bearer(self.secret("token"))


def _list(reply: PlatformReply) -> list[dict[str, object]]:
    try:
        return objects(json.loads(reply.body))
    except (ValueError, RecursionError):
        return []
