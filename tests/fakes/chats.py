"""Telegram, Discord, Slack, Matrix and a receiver of webhooks, as they answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from publisher.channels.webhook import sign
from tests.fakes.platform import Call, Fake, Reply


class FakeTelegram(Fake):
    kind = "telegram"
    token = "123456:AAs3cret-bot-token"

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "chat": "@paper", "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.path.endswith(("/sendMessage", "/sendPhoto"))

    def authorised(self, call: Call) -> bool:
        return call.path.startswith(f"/bot{self.token}/")

    def refusal(self) -> Reply:
        return Reply(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})

    def rate_limit(self) -> Reply:
        said = f"Too Many Requests: retry after {self.wait_seconds}"
        parameters = {"retry_after": self.wait_seconds}
        return Reply(429, {"ok": False, "error_code": 429, "description": said, "parameters": parameters})

    def answer(self, call: Call) -> Reply:
        method = call.path.rsplit("/", 1)[1]
        if method == "getMe":
            return Reply(200, {"ok": True, "result": {"id": 1, "is_bot": True, "username": "paper_bot"}})
        if method == "getChat":
            return Reply(200, {"ok": True, "result": {"id": -1001, "title": "The Paper", "type": "channel"}})
        if method == "sendPhoto":
            caption = re.search(rb'name="caption"\r\n\r\n(.*?)\r\n--', call.body, re.DOTALL)
            body: dict[str, Any] = {"text": caption[1].decode() if caption else "", "photo": True}
        else:
            body = call.json()
        if method.startswith("editMessage"):
            (post,) = [post for post in self.holds if post["message_id"] == body["message_id"]]
            text = body.get("text", body.get("caption"))
            if post["text"] == text:
                return Reply(
                    400, {"ok": False, "error_code": 400, "description": "Bad Request: message is not modified"}
                )
            post["text"] = text
            return Reply(200, {"ok": True, "result": {"message_id": body["message_id"]}})
        units = body["text"].encode("utf-16-le")
        if len(units) > 2 * 4096:
            return Reply(400, {"ok": False, "error_code": 400, "description": "Bad Request: message is too long"})
        for entity in body.get("entities", []):
            start, end = entity["offset"] * 2, (entity["offset"] + entity["length"]) * 2
            assert end <= len(units)
            units[start:end].decode("utf-16-le")  # an entity ends at characters
        self.holds.append({**body, "message_id": len(self.holds) + 1})
        chat = {"id": -1001, "username": "paper", "type": "channel"}
        return Reply(200, {"ok": True, "result": {"message_id": len(self.holds), "chat": chat}})


class FakeDiscord(Fake):
    kind = "discord"
    token = "s3cret-part-of-the-webhook"

    def options(self) -> dict[str, Any]:
        return {"webhook": self.secret()}

    def environment(self) -> dict[str, str]:
        return {"FAKE_DISCORD_TOKEN": f"{self.base}/api/webhooks/88/{self.token}"}

    def publishes(self, call: Call) -> bool:
        return call.method == "POST"

    def authorised(self, call: Call) -> bool:
        return call.path.startswith(f"/api/webhooks/88/{self.token}")

    def refusal(self) -> Reply:
        return Reply(404, {"message": "Unknown Webhook", "code": 10015})

    def rate_limit(self) -> Reply:
        body = {"message": "You are being rate limited.", "retry_after": float(self.wait_seconds), "global": False}
        return Reply(429, body, {"Retry-After": str(self.wait_seconds), "X-RateLimit-Scope": "user"})

    def answer(self, call: Call) -> Reply:
        if call.method == "GET":
            return Reply(200, {"id": "88", "name": "Paper", "channel_id": "5", "guild_id": "6"})
        body = call.json() if call.headers["content-type"] == "application/json" else self._payload(call)
        if len(body["content"]) > 2000:
            return Reply(400, {"code": 50035, "message": "Invalid Form Body"})
        assert body["allowed_mentions"] == {"parse": []}
        if call.method == "PATCH":
            number = call.path.rsplit("/", 1)[1]
            (post,) = [post for post in self.holds if post["id"] == number]
            post.update(body)
            return Reply(200, post)
        assert call.query == {"wait": "true"}, "without it a dropped message is no error"
        self.holds.append({**body, "id": str(900 + len(self.holds)), "channel_id": "5"})
        return Reply(200, self.holds[-1])

    @staticmethod
    def _payload(call: Call) -> dict[str, Any]:
        import json

        found = re.search(rb'name="payload_json"\r\n\r\n(.*?)\r\n--', call.body, re.DOTALL)
        assert found
        return json.loads(found[1])


class FakeSlack(Fake):
    kind = "slack"

    def options(self) -> dict[str, Any]:
        return {"base_url": f"{self.base}/api", "channel": "C1", "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.path == "/api/chat.postMessage"

    def refusal(self) -> Reply:
        return Reply(200, {"ok": False, "error": "token_revoked"})

    def rate_limit(self) -> Reply:
        return Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(self.wait_seconds)})

    def answer(self, call: Call) -> Reply:
        if call.path == "/api/auth.test":
            return Reply(200, {"ok": True, "user": "paper", "team": "T"})
        body = call.json()
        for block in body["blocks"]:
            if block["type"] == "section" and len(block["text"]["text"]) > 3000:
                return Reply(200, {"ok": False, "error": "invalid_blocks"})
        if call.path == "/api/chat.update":
            (post,) = [post for post in self.holds if post["ts"] == body["ts"]]
            post.update(body)
            return Reply(200, {"ok": True, "channel": "C1", "ts": body["ts"]})
        stamp = f"1700000000.{len(self.holds):06d}"
        self.holds.append({**body, "ts": stamp})
        return Reply(200, {"ok": True, "channel": "C1", "ts": stamp})


class FakeSlackWebhook(Fake):
    """The same kind with an incoming webhook: it answers "ok" and nothing else."""

    kind = "slack"
    token = "T0/B0/s3cret-hook"

    def options(self) -> dict[str, Any]:
        return {"webhook": self.secret()}

    def environment(self) -> dict[str, str]:
        return {"FAKE_SLACK_TOKEN": f"{self.base}/services/{self.token}"}

    def publishes(self, call: Call) -> bool:
        return True

    def authorised(self, call: Call) -> bool:
        return call.path == f"/services/{self.token}"

    def refusal(self) -> Reply:
        return Reply(404, b"no_service")

    def rate_limit(self) -> Reply:
        return Reply(429, b"rate_limited", {"Retry-After": str(self.wait_seconds)})

    def answer(self, call: Call) -> Reply:
        self.holds.append(call.json())
        return Reply(200, b"ok")


class FakeMatrix(Fake):
    kind = "matrix"

    def __init__(self) -> None:
        super().__init__()
        self.transactions: dict[str, str] = {}

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "room": "!room:matrix.test", "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.method == "PUT"

    def refusal(self) -> Reply:
        return Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token passed."})

    def rate_limit(self) -> Reply:
        return Reply(
            429,
            {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": self.wait_seconds * 1000},
        )

    def answer(self, call: Call) -> Reply:
        if call.path.endswith("/whoami"):
            return Reply(200, {"user_id": "@paper:matrix.test"})
        match = re.fullmatch(r"/_matrix/client/v3/rooms/(.*)/send/m\.room\.message/([A-Za-z0-9-]+)", unquote(call.path))
        if not match or match[1] != "!room:matrix.test":
            return Reply(403, {"errcode": "M_FORBIDDEN", "error": "not in the room"})
        if match[2] not in self.transactions:
            event = f"$event{len(self.transactions)}"
            self.transactions[match[2]] = event
            body = call.json()
            if relation := body.get("m.relates_to"):
                (post,) = [post for post in self.holds if post["event_id"] == relation["event_id"]]
                post.update(body["m.new_content"])
            else:
                self.holds.append({**body, "event_id": event})
        return Reply(200, {"event_id": self.transactions[match[2]]})


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
