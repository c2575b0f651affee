"""X, Reddit, Mastodon, Bluesky and LinkedIn, as their APIs answer."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.platform import Call, Fake, Reply


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


class FakeBluesky(Fake):
    kind = "bluesky"
    did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.logins = 0
        self.sessions = 0
        self.lifetime = 7200

    def options(self) -> dict[str, Any]:
        return {"base_url": self.base, "handle": "paper.test", "app_password": self.secret()}

    def publishes(self, call: Call) -> bool:
        return call.path == "/xrpc/com.atproto.repo.putRecord"

    def authorised(self, call: Call) -> bool:
        if call.path.endswith("createSession"):
            return call.json().get("password") == self.token
        kind = "refresh" if call.path.endswith("refreshSession") else "access"
        return call.headers.get("authorization") == f"Bearer {self._jwt(kind)}"

    def refusal(self) -> Reply:
        return Reply(401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"})

    def rate_limit(self) -> Reply:
        reset = str(int(time.time()) + self.wait_seconds)
        body = {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}
        return Reply(429, body, {"ratelimit-limit": "5000", "ratelimit-remaining": "0", "ratelimit-reset": reset})

    def _jwt(self, kind: str) -> str:
        payload = json.dumps({"sub": self.did, "n": self.sessions, "k": kind, "exp": self.until}).encode()
        return f"eyJ-s3cret.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.sig-s3cret"

    def answer(self, call: Call) -> Reply:
        if call.path.endswith(("createSession", "refreshSession")):
            self.logins += call.path.endswith("createSession")
            self.sessions += 1
            self.until = int(time.time()) + self.lifetime
            tokens = {"accessJwt": self._jwt("access"), "refreshJwt": self._jwt("refresh")}
            return Reply(200, {"did": self.did, "handle": "paper.test", **tokens})
        if call.path.endswith("uploadBlob"):
            cid = "bafkrei" + hashlib.sha256(call.body).hexdigest()[:20]
            if len(call.body) > 2_000_000:
                return Reply(400, {"error": "BlobTooLarge", "message": "This file is too large"})
            self.blobs[cid] = call.body
            blob = {"$type": "blob", "ref": {"$link": cid}, "mimeType": call.headers["content-type"]}
            return Reply(200, {"blob": {**blob, "size": len(call.body)}})
        body = call.json()
        record = body["record"]
        if len(record["text"].encode()) > 3000 or not re.fullmatch(r"[234567a-z]{13}", body["rkey"]):
            return Reply(400, {"error": "InvalidRequest", "message": "Invalid app.bsky.feed.post record"})
        data = record["text"].encode()
        for facet in record.get("facets", []):
            index = facet["index"]
            data[index["byteStart"] : index["byteEnd"]].decode()  # a facet ends at characters
            assert index["byteEnd"] <= len(data)
        self.records[body["rkey"]] = record
        self.holds = list(self.records.values())
        cid = "bafyrei" + hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:20]
        return Reply(200, {"uri": f"at://{self.did}/app.bsky.feed.post/{body['rkey']}", "cid": cid})


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
