"""Mastodon, as it answers."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


class FakeMastodon(Fake):
    kind = "mastodon"
    max_characters = 500

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, dict[str, Any]] = {}
        self.alts: list[str] = []
        self.processing = 0

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.method == "POST" and call.path == "/api/v1/statuses"

    def authorised(self, call: Call) -> bool:
        return call.path == "/api/v2/instance" or super().authorised(call)

    def refusal(self) -> Reply:
        return Reply(401, {"error": "The access token is invalid"})

    def rate_limit(self) -> Reply:
        reset = (datetime.now(UTC) + timedelta(seconds=self.wait_seconds)).isoformat().replace("+00:00", "Z")
        return Reply(429, {"error": "Too many requests"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})

    def answer(self, call: Call) -> Reply:
        if call.path == "/api/v2/instance":
            statuses = {"max_characters": self.max_characters, "characters_reserved_per_url": 23}
            return Reply(200, {"domain": "social.test", "configuration": {"statuses": statuses}})
        if call.path == "/api/v1/accounts/verify_credentials":
            return Reply(200, {"id": "9", "username": "paper"})
        if call.path == "/api/v1/accounts/9/statuses":
            return Reply(200, [self._shown(post) for post in self.visible()])
        if call.path == "/api/v2/media":
            alt = re.search(rb'name="description"\r\n\r\n(.*?)\r\n--', call.body, re.DOTALL)
            self.alts.append(alt[1].decode() if alt else "")
            return Reply(202 if self.processing else 200, {"id": f"m{len(self.alts)}", "type": "image"})
        if call.path.startswith("/api/v1/media/"):
            self.processing -= 1
            return Reply(206 if self.processing else 200, {"id": call.path.rsplit("/", 1)[1]})
        body = call.json()
        if call.method == "PUT":
            (post,) = [post for post in self.holds if call.path == f"/api/v1/statuses/{post['id']}"]
            post.update(text=body["status"], media=body.get("media_ids"))
            return Reply(200, self._shown(post))
        key = call.headers["idempotency-key"]
        if key not in self.keys:
            if len(body["status"]) > self.max_characters * 3:
                return Reply(422, {"error": "Validation failed: Text character limit of 500 exceeded"})
            post = {"id": str(500 + len(self.holds)), "text": body["status"], "media": body.get("media_ids")}
            post |= {"created": datetime.now(UTC), "reply": body.get("in_reply_to_id")}
            self.holds.append(post)
            self.keys[key] = post
        return Reply(200, self._shown(self.keys[key]))

    @staticmethod
    def _shown(post: dict[str, Any]) -> dict[str, Any]:
        content = re.sub(r"https?://\S+", lambda m: f'<a href="{m[0]}">{m[0]}</a>', html.escape(post["text"]))
        created = post["created"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        url = f"https://social.test/@paper/{post['id']}"
        return {"id": post["id"], "created_at": created, "url": url, "content": f"<p>{content}</p>"}
