"""Discord webhooks. Source: discord.com/developers/docs, "Execute Webhook", "Rate limits".

The webhook's URL is the secret. ``wait=true`` makes Discord answer with the message, so that a message that was
dropped is not taken for a published one; ``allowed_mentions`` keeps a title with ``@everyone`` from waking anyone.
A webhook has no idempotency key and cannot list its messages: after a lost reply a person decides.
"""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import quote

from pydantic import Field

from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._counting import utf16_units
from publisher.channels._instants import seconds_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import Part, PlatformRequest, json_request, multipart_request
from publisher.errors import ChannelError, CredentialsRefused
from publisher.lib.text import one_line
from publisher.settings.base import Secret, Table


class Channel(BaseChannel):
    kind = "discord"
    label = "Discord"
    looks = None
    edits = True
    hashtags = 0
    limit = 2000
    picture_limit = PictureLimit(bytes=7_500_000, edge=2560, alt=1024)
    required = ("webhook",)

    class Options(Table):
        webhook: Secret | None = Field(default=None, description="The webhook's whole URL.")
        username: str = Field(default="", max_length=80, description="Name shown. Default: the webhook's.")

    options: Options

    def count(self, text: str) -> int:
        """UTF-16 units: never less than what Discord counts."""
        return utf16_units(text)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return (self._send("POST", f"{self._webhook()}?wait=true", draft),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        request = self._send("POST", f"{self._webhook()}?wait=true", draft)
        reply = self.check(line.call(request, publishes=True), line)
        message, channel = self.field(reply, "id"), reply.get("channel_id")
        guild = line.memory.get("guild_id") or self._guild(line)
        place = f"https://discord.com/channels/{guild}/{channel}/{message}" if guild and channel else ""
        return Remote(message, place)

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        body = self._body(draft)
        body.pop("username", None)
        url = f"{self._webhook()}/messages/{quote(remote.id)}"
        self.check(line.call(json_request("PATCH", url, body)), line)
        return remote

    def test(self, line: Line) -> str:
        reply = self.check(line.call(PlatformRequest("GET", self._webhook())), line)
        return f"Discord: the webhook {one_line(self.field(reply, 'name'))} is there"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if (reply.status == 404 and reply.get("code") == 10015) or reply.get("code") == 50027:
            return CredentialsRefused(f"Discord no longer knows the webhook: {self.vault.mask(self.said(reply))}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        return one_line(str(reply.get("message") or reply.text()))[:300]

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        exact = seconds_from(reply.get("retry_after"), now)
        return exact or seconds_from(reply.headers.get("x-ratelimit-reset-after"), now) or super().retry_at(reply, now)

    def _guild(self, line: Line) -> str:
        """The server's id, part of a message's address; the message is out also when nobody answers."""
        try:
            guild = line.call(PlatformRequest("GET", self._webhook())).get("guild_id")
        except ChannelError:
            return ""
        if guild:
            line.memory["guild_id"] = str(guild)
            line.save()
        return str(guild or "")

    def _body(self, draft: Draft) -> dict[str, object]:
        body: dict[str, object] = {"content": draft.text, "allowed_mentions": {"parse": []}}
        if self.options.username:
            body["username"] = self.options.username
        return body

    def _send(self, method: str, url: str, draft: Draft) -> PlatformRequest:
        body = self._body(draft)
        if not draft.picture:
            return json_request(method, url, body)
        picture = draft.picture
        body["attachments"] = [{"id": 0, "filename": picture.filename, "description": picture.alt}]
        payload = Part("payload_json", json.dumps(body, ensure_ascii=False).encode())
        return multipart_request(method, url, [payload, self.upload_part("files[0]", picture)])

    def _webhook(self) -> str:
        value = self.secret("webhook").rstrip("/")
        return value if value.startswith(("http://", "https://")) else f"https://discord.com/api/webhooks/{value}"
