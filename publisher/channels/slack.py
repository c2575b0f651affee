"""Slack: an incoming webhook, or ``chat.postMessage`` with a bot token. Source: api.slack.com.

Only ``& < >`` need an escape. A section holds 3,000 characters, so a long text becomes several; ``text`` is what
notifications and screen readers get. With a token an edit changes the message; a webhook cannot. Neither has an
idempotency key: after a lost reply a person decides.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from publisher.channels import _spans
from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._counting import utf16_units
from publisher.channels._instants import seconds_from
from publisher.channels._line import Line, PlatformReply
from publisher.channels._media import PictureLimit
from publisher.channels._requests import PlatformRequest, bearer, json_request
from publisher.errors import ChannelError, CredentialsRefused, RateLimited
from publisher.lib.text import one_line
from publisher.settings.base import HttpUrl, Secret, Table

_MAX_SECTION = 3000
_DEAD_WORDS = (
    "invalid_auth not_authed account_inactive token_revoked token_expired no_permission missing_scope is_archived "
    "channel_not_found not_in_channel invalid_token no_service no_active_hooks channel_is_archived team_disabled"
)
_DEAD = frozenset(_DEAD_WORDS.split())


class Channel(BaseChannel):
    kind = "slack"
    label = "Slack"
    looks = None
    hashtags = 0
    limit = 12000
    picture_limit = PictureLimit(bytes=5_000_000, edge=2048, alt=2000)

    class Options(Table):
        webhook: Secret | None = Field(default=None, description="The incoming webhook's whole URL.")
        base_url: HttpUrl = Field(default="https://slack.com/api", description="Where the API is reached.")
        token: Secret | None = Field(default=None, description="Bot token with chat:write, in place of a webhook.")
        channel: str = Field(default="", description="Channel id, with the token.")
        unfurl: bool = Field(default=True, description="Let Slack show a card of the link.")

    options: Options

    @classmethod
    def lacks(cls, options: Table) -> str:
        assert isinstance(options, cls.Options)
        if options.webhook or (options.token and options.channel):
            return ""
        return "webhook: missing; Slack needs it, or token and channel"

    @property
    def edits(self) -> bool:  # type: ignore[override]
        return self.options.token is not None

    def count(self, text: str) -> int:
        """UTF-16 units of the escaped text."""
        return utf16_units(escape(text))

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return (self._send(draft),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        reply = self.check(line.call(self._send(draft), publishes=True), line)
        if not self.options.token:
            return Remote("")  # a webhook answers "ok" and names nothing
        place, stamp = self.field(reply, "channel"), self.field(reply, "ts")
        return Remote(f"{place}:{stamp}", f"https://slack.com/archives/{place}/p{stamp.replace('.', '')}")

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        place, _, stamp = remote.id.partition(":")
        body = {**self._body(draft), "channel": place, "ts": stamp}
        body.pop("unfurl_links", None)
        url = f"{self.options.base_url}/chat.update"
        self.check(line.call(json_request("POST", url, body, bearer(self.secret("token")))), line)
        return remote

    def test(self, line: Line) -> str:
        if not self.options.token:
            self._hook()
            return "Slack: a webhook can only be tried by posting; its URL is set"
        url = f"{self.options.base_url}/auth.test"
        reply = self.check(line.call(PlatformRequest("POST", url, (bearer(self.secret("token")),))), line)
        return f"Slack: we are {one_line(self.field(reply, 'user'))} and post to {self.options.channel}"

    def check(self, reply: PlatformReply, line: Line) -> PlatformReply:
        error = str(reply.get("error") or "") if reply.get("ok") is False else ""
        if reply.ok and not error:
            return reply
        said = error or reply.text()
        if error in ("ratelimited", "rate_limited") or reply.status == 429:
            raise RateLimited(f"Slack asks to wait: {said}", retry_at=self.retry_at(reply, line.now()))
        if said in _DEAD or reply.status == 401:
            raise CredentialsRefused(f"Slack no longer lets us post: {self.vault.mask(said)}")
        raise ChannelError(f"Slack refused: {reply.status} {self.vault.mask(said)}")

    def retry_at(self, reply: PlatformReply, now: datetime) -> datetime:
        return seconds_from(reply.headers.get("retry-after"), now) or super().retry_at(reply, now)

    def _body(self, draft: Draft) -> dict[str, object]:
        blocks: list[dict[str, object]] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": escape(piece)}} for piece in sections(draft.text)
        ]
        if draft.picture:
            blocks.append({"type": "image", "image_url": draft.picture.url, "alt_text": draft.picture.alt})
        return {"text": escape(draft.text), "blocks": blocks, "unfurl_links": self.options.unfurl}

    def _send(self, draft: Draft) -> PlatformRequest:
        if not self.options.token:
            return json_request("POST", self._hook(), self._body(draft))
        body = {"channel": self.options.channel, **self._body(draft)}
        return json_request("POST", f"{self.options.base_url}/chat.postMessage", body, bearer(self.secret("token")))

    def _hook(self) -> str:
        value = self.secret("webhook")
        return value if value.startswith(("http://", "https://")) else f"https://hooks.slack.com/services/{value}"


def escape(text: str) -> str:
    """``text`` with the three characters that Slack reads as its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def sections(text: str) -> list[str]:
    """``text`` in pieces that each fit a section block once escaped; no link, tag or word is split where it can be."""
    return [
        piece for piece in _spans.split(text, lambda part: utf16_units(escape(part)) <= _MAX_SECTION, most=40) if piece
    ]
