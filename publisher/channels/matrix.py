"""Matrix rooms: ``PUT …/send/m.room.message/{txnId}``. Source: spec.matrix.org, client-server API.

The transaction id is made of the post's key: the same id and token give the same event, however often it is sent.
An edit is an event that replaces the first (``m.replace``), with an id made of the new revision.
"""

from __future__ import annotations

import html
from datetime import datetime
from urllib.parse import quote

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._instants import seconds_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._requests import PlatformRequest, bearer, json_request
from publisher.errors import ChannelError, CredentialsRefused
from publisher.lib.text import one_line
from publisher.settings.base import OptionalHttpUrl, Secret, Table

_DEAD = frozenset(("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_FORBIDDEN", "M_USER_DEACTIVATED"))


class Channel(BaseChannel):
    kind = "matrix"
    label = "Matrix"
    looks = 0
    edits = True
    hashtags = 0
    # An event has 65,536 bytes; the text stands in it twice and an edit twice more, each time escaped.
    limit = 8000
    required = ("base_url", "room", "token")

    class Options(Table):
        base_url: OptionalHttpUrl = Field(default="", description="The homeserver, such as https://matrix.example.org.")
        room: str = Field(default="", description="The room's id, such as !abc:example.org.")
        token: Secret | None = Field(default=None, description="Access token of the account that posts.")

    options: Options

    def count(self, text: str) -> int:
        """UTF-8 bytes."""
        return len(text.encode())

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return (self._send(draft.key[:40], self._content(draft.text)),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        request = self._send(draft.key[:40], self._content(draft.text))
        reply = self.check(line.call(request, publishes=True), line)
        return self._remote(self.field(reply, "event_id"))

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        new = self._content(draft.text)
        content = {
            **self._content(f"* {draft.text}"),
            "m.new_content": new,
            "m.relates_to": {"rel_type": "m.replace", "event_id": remote.id},
        }
        request = self._send(f"{draft.key[:32]}-{draft.revision[:24]}", content)
        self.check(line.call(request), line)
        return remote

    def test(self, line: Line) -> str:
        url = f"{self.options.base_url}/_matrix/client/v3/account/whoami"
        reply = self.check(line.call(PlatformRequest("GET", url, (bearer(self.secret("token")),))), line)
        return f"Matrix: we are {one_line(self.field(reply, 'user_id'))} and post to {self.options.room}"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if reply.get("errcode") in _DEAD:
            return CredentialsRefused(f"Matrix no longer lets us post: {self.vault.mask(self.said(reply))}")
        return super().failure(reply, now)

    def said(self, reply: PlatformReply) -> str:
        value = reply.json()
        return one_line(f"{value['errcode']}: {value.get('error', '')}")[:300] if "errcode" in value else reply.text()

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        wait = reply.get("retry_after_ms")
        exact = seconds_from(wait / 1000, now) if isinstance(wait, (int, float)) else None
        return exact or super().retry_at(reply, now)

    @staticmethod
    def _content(text: str) -> dict[str, object]:
        return {"msgtype": "m.text", "body": text, "format": "org.matrix.custom.html", "formatted_body": to_html(text)}

    def _send(self, transaction: str, content: dict[str, object]) -> PlatformRequest:
        base = self.options.base_url or "https://{base_url}"
        path = f"/_matrix/client/v3/rooms/{quote(self.options.room, safe='')}/send/m.room.message/{transaction}"
        return json_request("PUT", f"{base}{path}", content, bearer(self.secret("token")))

    def _remote(self, event: str) -> Remote:
        return Remote(event, f"https://matrix.to/#/{quote(self.options.room, safe='')}/{quote(event, safe='')}")


def to_html(text: str) -> str:
    """``text`` as the HTML that clients show: links are links, line breaks are kept, all else is escaped."""
    parts, position = [], 0
    for span in _spans.spans(text):
        if span.kind == "link":
            address = html.escape(span.value)
            parts += [html.escape(text[position : span.start]), f'<a href="{address}">{address}</a>']
            position = span.end
    return "".join([*parts, html.escape(text[position:])]).replace("\n", "<br>")
