"""Bluesky, as it answers."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from typing import Any

from tests.fakes.platforms._base import Call, Fake, Reply


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
