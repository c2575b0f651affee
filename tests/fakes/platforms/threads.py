"""Threads, as it answers."""

from __future__ import annotations

from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply
from tests.fakes.platforms._graph import error


class FakeThreads(Fake):
    kind = "threads"

    def __init__(self) -> None:
        super().__init__()
        self.containers: dict[str, dict[str, Any]] = {}

    def options(self) -> dict[str, Any]:
        return {"base_url": f"{self.base}/v1.0", "user_id": "77", "token": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.path == "/v1.0/77/threads_publish"

    def refusal(self) -> Reply:
        return error(401, 190, "Error validating access token")

    def rate_limit(self) -> Reply:
        return error(400, 4, "Application request limit reached")

    def answer(self, call: Call) -> Reply:
        if call.method == "POST" and call.path == "/v1.0/77/threads":
            form = call.form()
            if len(form["text"]) > 500:
                return error(400, 100, "Param text must be at most 500 characters long.")
            name = f"c{len(self.containers) + 1}"
            self.containers[name] = {**form, "status": "FINISHED"}
            return Reply(200, {"id": name})
        if self.publishes(call):
            container = self.containers[call.form()["creation_id"]]
            if container["status"] != "FINISHED":
                return error(400, 24, "The media with this id was already published")
            container["status"] = "PUBLISHED"
            self.holds.append({**container, "id": f"t{len(self.holds) + 1}"})
            return Reply(200, {"id": f"t{len(self.holds)}"})
        if call.path == "/v1.0/77":
            return Reply(200, {"id": "77", "username": "paper"})
        if call.path == "/v1.0/77/threads":
            return Reply(200, {"data": [self._shown(post) for post in self.visible()]})
        name = call.path.rsplit("/", 1)[1]
        if name in self.containers:
            return Reply(200, {"id": name, "status": self.containers[name]["status"]})
        for post in self.holds:
            if post["id"] == name:
                return Reply(200, self._shown(post))
        return error(404, 24, "Unknown object")

    @staticmethod
    def _shown(post: dict[str, Any]) -> dict[str, Any]:
        return {"id": post["id"], "text": post["text"], "permalink": f"https://threads.test/@paper/post/{post['id']}"}
