"""Discord, as it answers."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


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
