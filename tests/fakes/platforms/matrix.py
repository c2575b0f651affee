"""Matrix, as it answers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from tests.fakes.platforms._base import Call, Fake, Reply


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
