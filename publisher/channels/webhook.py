"""A signed JSON POST for anything else. Form: the Standard Webhooks specification (standardwebhooks.com).

::

    webhook-id: <the post's key>                      the same for every try: the receiver's idempotency key
    webhook-timestamp: <seconds since 1970>
    webhook-signature: v1,base64(HMAC-SHA256(secret, "{id}.{timestamp}.{body}"))

A receiver that remembers ids acts once; so a lost reply leads to sending the same id again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime

from pydantic import Field

from publisher.channels._base import BaseChannel, Draft, Remote
from publisher.channels._line import Line, PlatformReply
from publisher.channels._requests import PlatformRequest, json_request
from publisher.channels._vault import MASK
from publisher.errors import ChannelError, CredentialsRefused, SettingsError
from publisher.settings.base import OptionalHttpUrl, Secret, Table

#: Bytes of the shortest key that a signature is made with.
MIN_KEY = 16


class Channel(BaseChannel):
    kind = "webhook"
    label = "Webhook"
    looks = 0
    edits = True
    link_apart = True
    limit = 100_000
    required = ("url", "secret")

    class Options(Table):
        url: OptionalHttpUrl = Field(default="", description="Where the JSON goes.")
        secret: Secret | None = Field(
            default=None, description="Key of the signature: whsec_ and base64, or any text, of 16 bytes or more."
        )

    options: Options

    def count(self, text: str) -> int:
        """Code points."""
        return len(text)

    def requests(self, draft: Draft) -> tuple[PlatformRequest, ...]:
        return (self._send(draft, "article.published", draft.key, draft.created),)

    def publish(self, draft: Draft, line: Line) -> Remote:
        reply = line.call(self._send(draft, "article.published", draft.key, line.now()), publishes=True)
        self.check(reply, line)
        url = reply.get("url")
        return Remote(draft.key, url if isinstance(url, str) and url.startswith(("http://", "https://")) else "")

    def update(self, remote: Remote, draft: Draft, line: Line) -> Remote:
        identifier = f"{draft.key}-{draft.revision[:16]}"
        self.check(line.call(self._send(draft, "article.updated", identifier, line.now())), line)
        return remote

    def test(self, line: Line) -> str:
        body: dict[str, object] = {"type": "ping", "timestamp": _iso(line.now()), "data": {}}
        self.check(line.call(self._signed(body, f"ping-{int(line.now().timestamp())}", line.now())), line)
        return "Webhook: the receiver took a signed ping"

    def failure(self, reply: PlatformReply, now: datetime) -> ChannelError:
        if reply.status in (401, 403, 410):
            return CredentialsRefused(
                f"the webhook's receiver refused: {reply.status} {self.vault.mask(self.said(reply))}"
            )
        return super().failure(reply, now)

    def _send(self, draft: Draft, event: str, identifier: str, now: datetime) -> PlatformRequest:
        data: dict[str, object] = {
            "id": draft.article_id,
            "revision": draft.revision,
            "title": draft.title,
            "summary": draft.summary,
            "url": draft.url,
            "text": draft.text,
            "tags": list(draft.tags),
            "language": draft.language,
        }
        return self._signed({"type": event, "timestamp": _iso(draft.created), "data": data}, identifier, now)

    def _signed(self, body: dict[str, object], identifier: str, now: datetime) -> PlatformRequest:
        request = json_request("POST", self.options.url or "https://{url}", body)
        stamp = str(int(now.timestamp()))
        signature = self.vault.keep(sign(self.secret("secret"), identifier, stamp, request.body))
        headers = (("webhook-id", identifier), ("webhook-timestamp", stamp), ("webhook-signature", signature))
        return PlatformRequest(request.method, request.url, (*headers, *request.headers), request.body)


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: what follows ``whsec_`` decoded, or the text itself.

    :raises SettingsError: it is too short to sign with, or no base64.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise SettingsError("the webhook's secret starts with whsec_ but is not base64 after it") from None
    if len(key) < MIN_KEY:
        raise SettingsError(f"the webhook's secret is too short: expected a key of {MIN_KEY} bytes or more")
    return key


def sign(secret: str, identifier: str, stamp: str, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    key = secret.encode() if secret == MASK else key_of(secret)  # a dry run needs no secret
    digest = hmac.new(key, f"{identifier}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
