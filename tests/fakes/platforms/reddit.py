"""Reddit, as it answers."""

from __future__ import annotations

import base64
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


class FakeReddit(Fake):
    kind = "reddit"
    refresh = "refresh-s3cret-of-reddit"

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0

    def options(self) -> dict[str, Any]:
        return {
            "base_url": self.base,
            "token_url": f"{self.base}/api/v1/access_token",
            "subreddit": "papers",
            "username": "paper",
            "client_id": "client",
            "client_secret": self.secret(),
            "refresh_token": {"env": "FAKE_REDDIT_REFRESH"},
        }

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "FAKE_REDDIT_REFRESH": self.refresh}

    def publishes(self, call: Call) -> bool:
        return call.path == "/api/submit"

    def authorised(self, call: Call) -> bool:
        if call.path == "/api/v1/access_token":
            basic = base64.b64encode(f"client:{self.token}".encode()).decode()
            right = call.headers.get("authorization") == f"Basic {basic}"
            return right and call.form()["refresh_token"] == self.refresh
        return call.headers.get("authorization") == f"Bearer access-s3cret-{self.tokens}"

    def refusal(self) -> Reply:
        return Reply(401, {"message": "Unauthorized", "error": 401})

    def rate_limit(self) -> Reply:
        minutes = self.wait_seconds // 60
        said = f"Looks like you've been doing that a lot. Take a break for {minutes} minutes before trying again."
        return Reply(200, {"json": {"errors": [["RATELIMIT", said, "ratelimit"]]}})

    def answer(self, call: Call) -> Reply:
        assert call.headers["user-agent"].startswith("masthead:"), "Reddit throttles the agents of libraries"
        if call.path == "/api/v1/access_token":
            self.tokens += 1
            token = f"access-s3cret-{self.tokens}"
            return Reply(200, {"access_token": token, "token_type": "bearer", "expires_in": 86400, "scope": "submit"})
        if call.path == "/api/v1/me":
            return Reply(200, {"name": "paper"})
        if call.path == "/user/paper/submitted":
            children = [{"kind": "t3", "data": post} for post in self.visible()]
            return Reply(200, {"kind": "Listing", "data": {"children": children}})
        form = call.form()
        if len(form["title"]) > 300:
            return Reply(200, {"json": {"errors": [["TOO_LONG", "this is too long (max: 300)", "title"]]}})
        if form["resubmit"] == "false" and any(post["url"] == form["url"] for post in self.holds):
            return Reply(200, {"json": {"errors": [["ALREADY_SUB", "that link has already been submitted", "url"]]}})
        number = f"{len(self.holds) + 1:x}"
        post = {"name": f"t3_{number}", "id": number, "url": form["url"], "title": form["title"]}
        post |= {"subreddit": form["sr"], "permalink": f"/r/{form['sr']}/comments/{number}/x/"}
        self.holds.append(post)
        url = f"https://www.reddit.com{post['permalink']}"
        return Reply(200, {"json": {"errors": [], "data": {"url": url, "id": number, "name": post["name"]}}})
