"""LinkedIn, as it answers."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


class FakeLinkedIn(Fake):
    kind = "linkedin"

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, bytes] = {}
        self.ghosts = False
        self.upload_to = ""

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "author": "urn:li:organization:55", "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.method == "POST" and call.path == "/rest/posts"

    def refusal(self) -> Reply:
        body = {"status": 401, "serviceErrorCode": 65601, "code": "REVOKED_ACCESS_TOKEN"}
        return Reply(401, {**body, "message": "The token used in the request has been revoked by the user"})

    def answer(self, call: Call) -> Reply:
        if call.path == "/v2/userinfo":
            return Reply(200, {"sub": "1", "name": "Anna"})
        if call.path.startswith("/upload/"):
            self.images[call.path.rsplit("/", 1)[1]] = call.body
            return Reply(201, b"")
        assert re.fullmatch(r"20\d{4}", call.headers["linkedin-version"])
        assert call.headers["x-restli-protocol-version"] == "2.0.0"
        if call.path == "/rest/images":
            name = f"C{len(self.images) + 1}"
            url = self.upload_to or f"{self.base}/upload/{name}"
            return Reply(200, {"value": {"uploadUrl": url, "image": f"urn:li:image:{name}"}})
        if call.path.startswith("/rest/posts/"):
            urn = call.path.removeprefix("/rest/posts/")
            found = [post for post in self.holds if post["urn"] == urn and not self.ghosts]
            if not found:
                return Reply(404, {"status": 404, "message": "not found"})
            if call.headers.get("x-restli-method") == "PARTIAL_UPDATE":
                found[0]["commentary"] = call.json()["patch"]["$set"]["commentary"]
                return Reply(204, b"")
            return Reply(200, {"id": urn, "commentary": found[0]["commentary"]})
        body = call.json()
        for post in self.holds:
            if post["commentary"] == body["commentary"]:
                said = f"Content is a duplicate of {post['urn']}"
                detail = {"inputErrors": [{"code": "DUPLICATE_POST", "description": said}]}
                return Reply(422, {"message": said, "code": "DUPLICATE_POST", "errorDetails": detail, "status": 422})
        urn = f"urn:li:share:70000000000000{len(self.holds)}"
        self.holds.append({**body, "urn": urn})
        return Reply(201, b"", {"x-restli-id": urn})
