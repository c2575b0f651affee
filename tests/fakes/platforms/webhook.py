"""Webhook, as it answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from publisher.channels.webhook import sign
from tests.fakes.platforms._base import Call, Fake, Reply


class FakeWebhook(Fake):
    """A receiver as the Standard Webhooks specification asks for: checks the signature, acts once per id."""

    kind = "webhook"
    token = "whsec_czNjcmV0LXMzY3JldC1zM2NyZXQtczNjcmV0"

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.updates: list[dict[str, Any]] = []

    def options(self) -> dict[str, Any]:
        return {"url": f"{self.base}/hook", "secret": self.secret()}

    def publishes(self, call: Call) -> bool:
        return True

    def authorised(self, call: Call) -> bool:
        stamp, identifier = call.headers["webhook-timestamp"], call.headers["webhook-id"]
        assert int(stamp) <= datetime.now(UTC).timestamp() + 86400
        return call.headers["webhook-signature"] == sign(self.token, identifier, stamp, call.body)

    def answer(self, call: Call) -> Reply:
        body = call.json()
        if body["type"] == "ping":
            return Reply(204, b"")
        if call.headers["webhook-id"] not in self.seen:
            self.seen.add(call.headers["webhook-id"])
            if body["type"] == "article.published":
                self.holds.append(body["data"])
            else:
                self.updates.append(body["data"])
                next(post for post in self.holds if post["id"] == body["data"]["id"]).update(body["data"])
        return Reply(202, {"url": "https://elsewhere.test/1"})
