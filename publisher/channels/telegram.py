"""Telegram channels: ``sendMessage`` of the Bot API. Source: core.telegram.org/bots/api.

Entities are sent as positions in UTF-16 units, so no character of the text needs an escape. A bot can neither read
what it posted nor name a message beforehand: after a lost reply nobody can tell, and a person decides. The token
is part of every URL, so no URL is ever shown.
"""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Facet, Remote
from publisher.channels._counting import utf16_units
from publisher.channels._instants import seconds_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import Part, PlatformRequest, json_request, multipart_request
from publisher.errors import ChannelError, CredentialsRefused
from publisher.lib.text import one_line
from publisher.settings.base import HttpUrl, Secret, Table

_MAX_CAPTION = 1024


class Channel(BaseChannel):
    kind = "telegram"
    label = "Telegram"
    looks = None
    edits = True
    limit = 4096
    picture_limit = PictureLimit(bytes=9_000_000, edge=2560, alt=0)
    required = ("chat", "token")

    class Options(Table):
        base_url: HttpUrl = Field(default="https://api.telegram.org", description="Where the API is reached.")
        chat: str = Field(default="", description="@name of the channel, or its numeric id.")
        token: Secret | None = Field(default=None, description="The bot's token; the bot is an admin of the channel.")
        silent: bool = Field(default=False, description="Members get no sound.")

    options: Options

    def count(self, text: str) -> int:
        """UTF-16 units after entities are parsed."""
        return utf16_units(text)

    def facets(self, text: str) -> tuple[Facet, ...]:
        found = []
        for span in _spans.spans(text):
            if span.kind == "mention" and "@" in span.value:
                continue  # @user@server is not Telegram's
            start = utf16_units(text[: span.start])
            found.append(Facet(start, start + utf16_units(text[span.start : span.end]), span.kind, span.value))
        return tuple(found)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return (self._send(draft),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        reply = self.check(line.call(self._send(draft), publishes=True), line)
        return self._remote(self.field(reply, "result", "message_id"), reply)

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        key = "caption" if draft.picture else "text"
        method = "editMessageCaption" if draft.picture else "editMessageText"
        body = {**self._message(draft, key), "message_id": int(remote.id)}
        body.pop("disable_notification", None)
        reply = line.call(json_request("POST", self._url(method), body))
        if reply.status == 400 and "not modified" in reply.text():
            return remote
        self.check(reply, line)
        return remote

    def test(self, line: Line) -> str:
        me = self.field(self.check(line.call(PlatformRequest("GET", self._url("getMe"))), line), "result", "username")
        reply = self.check(line.call(json_request("POST", self._url("getChat"), {"chat_id": self.options.chat})), line)
        title = one_line(str(reply.get("result", "title") or self.options.chat))
        return f"Telegram: the bot @{one_line(me)} posts to {title}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if reply.status in (403, 404):  # a bot that was removed; a token that nobody has
            return CredentialsRefused(f"Telegram no longer accepts our bot: {self.vault.mask(self.said(reply))}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        return one_line(str(reply.get("description") or reply.text()))[:300]

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        return seconds_from(reply.get("parameters", "retry_after"), now) or super().retry_at(reply, now)

    def _message(self, draft: Draft, key: str) -> dict[str, object]:
        text = draft.text if key == "text" else self._caption(draft)
        body: dict[str, object] = {"chat_id": self.options.chat, key: text}
        if entities := [_entity(facet) for facet in self.facets(text)]:
            body["entities" if key == "text" else "caption_entities"] = entities
        if key == "text" and draft.url:
            body["link_preview_options"] = {"url": draft.url, "prefer_large_media": True}
        if self.options.silent:
            body["disable_notification"] = True
        return body

    @staticmethod
    def _caption(draft: Draft) -> str:
        return _spans.cut(draft.text, lambda text: utf16_units(text) <= _MAX_CAPTION, draft.url)

    def _send(self, draft: Draft) -> PlatformRequest:
        if not draft.picture:
            return json_request("POST", self._url("sendMessage"), self._message(draft, "text"))
        fields = self._message(draft, "caption")
        parts = [
            Part(name, (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode())
            for name, value in fields.items()
        ]
        return multipart_request("POST", self._url("sendPhoto"), [*parts, self.upload_part("photo", draft.picture)])

    def _remote(self, message: str, reply: PlatformReply) -> Remote:
        username = reply.get("result", "chat", "username")
        if isinstance(username, str) and username:
            return Remote(message, f"https://t.me/{one_line(username)}/{message}")
        inner = self.options.chat.removeprefix("-100")
        return Remote(message, f"https://t.me/c/{inner}/{message}" if inner.isdigit() else "")

    def _url(self, method: str) -> str:
        return f"{self.options.base_url}/bot{self.secret('token')}/{method}"


def _entity(facet: Facet) -> dict[str, object]:
    names = {"link": "url", "tag": "hashtag", "mention": "mention"}
    return {"type": names[facet.kind], "offset": facet.start, "length": facet.end - facet.start}
