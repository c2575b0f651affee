"""What Meta's platforms share."""

from __future__ import annotations

from tests.fakes.platforms._base import Reply


def error(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}})
