"""Slack, as it answers."""

from __future__ import annotations

from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


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
