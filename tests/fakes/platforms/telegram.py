"""Telegram, as it answers."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


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
