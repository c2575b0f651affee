"""X, as it answers."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


class FakeX(Fake):
    kind = "x"

    def __init__(self) -> None:
        super().__init__()
        self.alts: dict[str, str] = {}
        self.media = 0

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.method == "POST" and call.path == "/2/tweets"

    def refusal(self) -> Reply:
        return Reply(401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"})

    def rate_limit(self) -> Reply:
        reset = str(int(time.time()) + self.wait_seconds)
        body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
        return Reply(
            429, body, {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
        )

    def answer(self, call: Call) -> Reply:
        if call.path == "/2/users/me":
            return Reply(200, {"data": {"id": "42", "name": "The Paper", "username": "paper"}})
        if call.path == "/2/users/42/tweets":
            shown = [self._shown(post) for post in self.visible()]
            return Reply(
                200, {"data": shown, "meta": {"result_count": len(shown)}} if shown else {"meta": {"result_count": 0}}
            )
        if call.path == "/2/media/upload":
            assert b'name="media"; filename="image.' in call.body
            self.media += 1
            return Reply(200, {"data": {"id": f"m{self.media}", "media_key": f"3_m{self.media}"}})
        if call.path == "/2/media/metadata":
            self.alts[call.json()["id"]] = call.json()["metadata"]["alt_text"]["text"]
            return Reply(200, {"data": {"id": call.json()["id"]}})
        body = call.json()
        if extra := set(body) - {"text", "media", "reply", "quote_tweet_id", "made_with_ai"}:
            return Reply(400, {"title": "Invalid Request", "detail": f"additional properties: {extra}"})
        if self.refuses_duplicates and any(post["text"] == body["text"] for post in self.holds):
            detail = "You are not allowed to create a Tweet with duplicate content."
            return Reply(403, {"detail": detail, "type": "about:blank", "title": "Forbidden", "status": 403})
        self.holds.append({**body, "id": str(1000 + len(self.holds)), "created": datetime.now(UTC)})
        return Reply(201, {"data": {"id": self.holds[-1]["id"], "text": body["text"]}})

    @staticmethod
    def _shown(post: dict[str, Any]) -> dict[str, Any]:
        urls = re.findall(r"https?://\S+", post["text"])
        text = post["text"]
        entities = []
        for index, url in enumerate(urls):
            text = text.replace(url, f"https://t.co/{index}abc")
            entities.append({"url": f"https://t.co/{index}abc", "expanded_url": url})
        created = post["created"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"id": post["id"], "text": text, "created_at": created, "entities": {"urls": entities}}
