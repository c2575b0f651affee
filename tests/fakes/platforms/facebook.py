"""Facebook, as it answers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply
from tests.fakes.platforms._graph import error


class FakeFacebook(Fake):
    kind = "facebook"

    def options(self) -> dict[str, Any]:
        return {"base_url": f"{self.base}/v25.0", "page": "1234", "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.method == "POST" and call.path == "/v25.0/1234/feed"

    def refusal(self) -> Reply:
        return error(400, 190, "Error validating access token: Session has expired")

    def rate_limit(self) -> Reply:
        reply = error(400, 32, "Page request limit reached")
        case = {"type": "pages", "call_count": 100, "estimated_time_to_regain_access": self.wait_seconds // 60}
        reply.headers["X-Business-Use-Case-Usage"] = json.dumps({"1234": [case]})
        return reply

    def answer(self, call: Call) -> Reply:
        if call.method == "GET" and call.path == "/v25.0/1234/feed":
            return Reply(200, {"data": [self._shown(post) for post in self.visible()]})
        if call.method == "GET" and call.path == "/v25.0/1234":
            return Reply(200, {"id": "1234", "name": "The Paper"})
        if call.method == "POST" and call.path == "/v25.0/1234/photos":
            assert b'name="published"\r\n\r\nfalse' in call.body
            alt = re.search(rb'name="alt_text_custom"\r\n\r\n(.*?)\r\n--', call.body, re.DOTALL)
            self.uploads = [*getattr(self, "uploads", []), (alt[1].decode() if alt else "", call.body)]
            return Reply(200, {"id": f"photo{len(self.uploads)}"})
        body = call.json()
        if self.publishes(call):
            if self.refuses_duplicates and any(
                post["message"] == body["message"] and post["link"] == body.get("link") for post in self.holds
            ):
                return error(400, 506, "Duplicate status message")
            post = {"id": f"1234_{len(self.holds) + 1}", "message": body["message"], "link": body.get("link")}
            self.holds.append({**post, "media": body.get("attached_media"), "created": datetime.now(UTC)})
            return Reply(200, {"id": post["id"]})
        for post in self.holds:
            if call.method == "POST" and call.path == f"/v25.0/{post['id']}":
                post["message"] = body["message"]
                return Reply(200, {"success": True})
        return error(404, 803, "Some of the aliases you requested do not exist")

    @staticmethod
    def _shown(post: dict[str, Any]) -> dict[str, Any]:
        shown = {"id": post["id"], "message": post["message"], "permalink_url": f"https://facebook.test/{post['id']}"}
        shown["created_time"] = post["created"].strftime("%Y-%m-%dT%H:%M:%S+0000")
        if post["link"]:
            shown["attachments"] = {"data": [{"unshimmed_url": post["link"]}]}
        return shown
